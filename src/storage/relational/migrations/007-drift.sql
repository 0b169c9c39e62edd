-- What the rows of each source look like, as far as payloads have shown. Shapes are JSON as text: names of fields may hold what jsonb cannot.
create table source_shape (
  tenant_id     text not null,
  source_id     text not null,
  -- How the profile cuts payloads into rows: other rows have another shape.
  rows_digest   text not null,
  -- All payloads of this run are learned from, without a word.
  learned_run   uuid not null,
  known         text not null,
  -- When the newest payload that was compared had been captured.
  as_of         timestamptz not null,
  -- The drift event that stopped the source, and the version of its profile that could not go on.
  stopped_by    text,
  stopped_at_ordinal integer,
  updated_at    timestamptz not null,
  primary key (tenant_id, source_id)
);

-- What a profile version that quarantines drift holds rows against. Never changed: the same bytes under the same version give the same records.
create table shape_guard (
  tenant_id      text not null,
  source_id      text not null,
  profile_digest text not null,
  shape          text not null,
  primary key (tenant_id, source_id, profile_digest)
);

create table drift_event (
  drift_id        text primary key,
  tenant_id       text not null,
  source_id       text not null,
  run_id          uuid not null,
  change          text not null,
  severity        text not null,
  mode            text not null,
  held            boolean not null,
  path            text not null,
  before_types    jsonb not null,
  after_types     jsonb not null,
  message         text not null,
  sample_masked   text,
  raw_sha256      text not null,
  row             bigint,
  byte_start      bigint,
  byte_end        bigint,
  profile_id      text not null,
  profile_version text not null,
  profile_digest  text not null,
  profile_ordinal integer not null,
  edit            text not null,
  note            text not null,
  lesson          text not null,
  state           text not null default 'open',
  -- How often it was opened.
  times           integer not null default 1,
  first_seen      timestamptz not null,
  decided_at      timestamptz,
  decided_by      text
);
create index drift_event_by_time on drift_event (tenant_id, first_seen desc, drift_id);
create index drift_event_open on drift_event (tenant_id, source_id) where state = 'open';
