-- A payload that has expired keeps its reference, so that what was made of it still says where it came from. `removed_at`: its bytes are
-- gone too, or belong to another reference that lives.
alter table raw_ref add column expired_at timestamptz;
alter table raw_ref add column removed_at timestamptz;
create index raw_ref_to_remove on raw_ref (sha256) where expired_at is not null and removed_at is null;
-- Whether a blob is still needed is asked across tenants.
create index raw_ref_by_blob on raw_ref (sha256, bucket) where expired_at is null;
create index quarantine_open_by_time on quarantine (tenant_id, source_id, created_at) where state = 'open';
