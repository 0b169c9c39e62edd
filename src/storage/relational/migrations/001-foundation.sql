-- The relational plane of Chartly 0.1. Times are timestamptz in UTC; 64-bit digests and ids are lower case hexadecimal text.

create table api_key (
  key_id      text primary key,
  tenant_id   text not null,
  name        text not null,
  role        text not null check (role in ('admin', 'operator', 'viewer')),
  secret_hash text not null unique,
  created_at  timestamptz not null default now(),
  revoked_at  timestamptz
);

-- Applied documents are immutable: a change is a new version. `ordinal` counts the versions of one document.
create table document (
  tenant_id   text not null,
  kind        text not null check (kind in ('source', 'profile', 'report')),
  document_id text not null,
  ordinal     integer not null,
  version     text not null,
  digest      text not null,
  spec        jsonb not null,
  active      boolean not null,
  applied_at  timestamptz not null default now(),
  applied_by  text not null,
  primary key (tenant_id, kind, document_id, ordinal),
  unique (tenant_id, kind, document_id, version)
);
create unique index document_active on document (tenant_id, kind, document_id) where active;

-- What the connector remembers between runs: cursor, and per request the validators (ETag, Last-Modified) and last payload.
create table source_state (
  tenant_id  text not null,
  source_id  text not null,
  state      jsonb not null,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, source_id)
);

create table run (
  run_id       uuid primary key,
  tenant_id    text not null,
  source_id    text not null,
  trigger      text not null,
  state        text not null,
  requested_at timestamptz not null default now(),
  started_at   timestamptz,
  ended_at     timestamptz,
  counts       jsonb not null default '{}',
  pages        integer not null default 0,
  unchanged    integer not null default 0,
  dead_letters integer not null default 0,
  request_id   text,
  actor        text not null,
  error        jsonb
);
create index run_by_source on run (tenant_id, source_id, requested_at desc);
create index run_by_time on run (tenant_id, requested_at desc, run_id);

create table step (
  run_id      uuid not null references run on delete cascade,
  step        text not null,
  state       text not null,
  jobs_total  integer not null default 0,
  jobs_done   integer not null default 0,
  jobs_failed integer not null default 0,
  started_at  timestamptz,
  ended_at    timestamptz,
  primary key (run_id, step)
);

create table dead_letter (
  job_id    uuid primary key,
  run_id    uuid not null references run on delete cascade,
  tenant_id text not null,
  source_id text not null,
  kind      text not null,
  state     text not null default 'open',
  errors    jsonb not null,
  job       jsonb not null,
  died_at   timestamptz not null default now()
);
create index dead_letter_open on dead_letter (tenant_id, died_at desc) where state = 'open';

-- One row per captured payload. The blob itself is content-addressed: two captures of the same bytes share it.
create table raw_ref (
  tenant_id    text not null,
  source_id    text not null,
  run_id       uuid not null,
  page         integer not null,
  request_key  text not null,
  bucket       text not null,
  key          text not null,
  sha256       text not null,
  content_type text not null,
  size         bigint not null,
  captured_at  timestamptz not null,
  primary key (run_id, page)
);
create index raw_ref_by_sha on raw_ref (tenant_id, sha256);
create index raw_ref_by_source on raw_ref (tenant_id, source_id, captured_at desc);

-- One row per normalized batch: written in the transaction that settles its job.
create table batch_receipt (
  batch_id       text primary key,
  tenant_id      text not null,
  source_id      text not null,
  run_id         uuid not null,
  raw_sha256     text not null,
  profile_id     text not null,
  profile_version text not null,
  profile_digest text not null,
  revision       bigint not null,
  chunk          integer not null,
  counts         jsonb not null,
  leaves_sha256  text not null,
  merkle_root    text not null,
  ledger_seq     bigint not null,
  created_at     timestamptz not null default now()
);
create index batch_receipt_by_raw on batch_receipt (tenant_id, source_id, raw_sha256, profile_digest);

create table quarantine (
  quarantine_id   text primary key,
  tenant_id       text not null,
  source_id       text not null,
  run_id          uuid not null,
  reason_code     text not null,
  rule            text not null,
  pointer         text not null,
  message         text not null,
  value_masked    text not null,
  raw_sha256      text not null,
  byte_start      bigint not null,
  byte_end        bigint not null,
  row             bigint not null,
  candidate       integer not null,
  profile_id      text not null,
  profile_version text not null,
  profile_digest  text not null,
  state           text not null default 'open',
  recovery        text not null,
  created_at      timestamptz not null default now()
);
create index quarantine_by_source on quarantine (tenant_id, source_id, reason_code) where state = 'open';
create index quarantine_by_raw on quarantine (tenant_id, raw_sha256, profile_digest);
create index quarantine_by_time on quarantine (tenant_id, created_at desc, quarantine_id);

-- The ledger: one log per tenant, append-only, contiguous from 0.
create table ledger_entry (
  tenant_id text not null,
  seq       bigint not null,
  leaf      text not null,
  leaf_hash text not null,
  -- Names what is recorded, so that a repeated step appends nothing.
  dedupe_key text not null,
  run_id    uuid,
  primary key (tenant_id, seq),
  unique (tenant_id, dedupe_key)
);
create index ledger_entry_by_run on ledger_entry (run_id) where run_id is not null;

create table ledger_head (
  tenant_id text primary key,
  size      bigint not null,
  head      text not null
);

create table idempotency_key (
  tenant_id  text not null,
  key        text not null,
  body_hash  text not null,
  status     integer not null,
  response   jsonb not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, key)
);

create table artifact (
  sha256       text not null,
  tenant_id    text not null,
  report_id    text not null,
  format       text not null,
  content_type text not null,
  size         bigint not null,
  manifest     jsonb not null,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, sha256, report_id)
);
create index artifact_by_report on artifact (tenant_id, report_id, created_at desc);
