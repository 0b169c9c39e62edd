-- Entities as a payload was mapped with them under one profile version, so that a repeat maps with the same ones. The content is a blob.
create table lookup_snapshot (
  tenant_id      text not null,
  source_id      text not null,
  raw_sha256     text not null,
  profile_digest text not null,
  revision       bigint not null,
  lookup         text not null,
  sha256         text not null,
  created_at     timestamptz not null default now(),
  primary key (tenant_id, source_id, raw_sha256, profile_digest, revision, lookup)
);
