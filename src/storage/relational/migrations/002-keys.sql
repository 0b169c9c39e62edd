-- Keys of policies. Every key is wrapped (AES-256-GCM) by the installation's master key, which is not here. `subject` is a keyed hash of
-- whoever it is. A subject whose key was destroyed keeps its row, without a key: nothing of it may be written again.
create table tenant_key (
  tenant_id  text primary key,
  wrapped    text not null,
  created_at timestamptz not null default now()
);

create table subject_key (
  tenant_id   text not null,
  subject     text not null,
  wrapped     text,
  created_at  timestamptz not null default now(),
  shredded_at timestamptz,
  primary key (tenant_id, subject),
  check ((wrapped is null) = (shredded_at is not null))
);

-- What tokens stand for, sealed under the subject's key, or the tenant's when `subject` is empty.
create table token (
  tenant_id  text not null,
  token      text not null,
  subject    text not null,
  sealed     text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, token, subject)
);
create index token_by_subject on token (tenant_id, subject) where subject <> '';
