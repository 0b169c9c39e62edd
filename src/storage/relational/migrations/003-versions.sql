-- A profile version may be registered without being active, and an older one may become active again.

-- `ordinal` is the place in the order in which the versions of one document became active. Null: staged, never active yet.
alter table document drop constraint document_pkey;
alter table document drop constraint document_tenant_id_kind_document_id_version_key;
alter table document alter column ordinal drop not null;
alter table document add primary key (tenant_id, kind, document_id, version);
alter table document add unique (tenant_id, kind, document_id, ordinal);
alter table document add check (ordinal is not null or not active);
alter table document add column activated_at timestamptz;
update document set activated_at = applied_at;

-- Which profile versions have read a payload, and up to which revision. The row is there before the first record is written, and `ended`
-- before anything that older versions made is retired: of two versions that read a payload at the same time, the last to end knows of both.
create table reading (
  tenant_id       text not null,
  source_id       text not null,
  raw_sha256      text not null,
  ordinal         integer not null,
  profile_digest  text not null,
  profile_id      text not null,
  profile_version text not null,
  revision        bigint not null,
  ended           boolean not null,
  primary key (tenant_id, source_id, raw_sha256, ordinal, profile_digest)
);
insert into reading
  select tenant_id, source_id, raw_sha256, (revision >> 44)::integer, profile_digest, min(profile_id), min(profile_version), max(revision), true
  from batch_receipt group by 1, 2, 3, 4, 5;

-- The revision of the newest reading that had a say in the row's state: an older one changes nothing any more.
alter table quarantine add column revision bigint not null default 0;
