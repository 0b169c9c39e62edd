-- What first pages of a source said of the way on, when their body says so.
create table source_cursor (
  tenant_id text not null,
  source_id text not null,
  -- JSONPath, as the source says it.
  path      text not null,
  -- First pages that named a next one; and whether there ever was one that named none.
  found     integer not null,
  ended     boolean not null,
  primary key (tenant_id, source_id)
);
