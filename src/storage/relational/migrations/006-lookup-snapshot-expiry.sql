-- What a payload was looked up in is needed as long as the payload can be mapped again. `removed_at`: its bytes are gone too, or are another's that lives.
alter table lookup_snapshot add column expired_at timestamptz;
alter table lookup_snapshot add column removed_at timestamptz;
create index lookup_snapshot_by_blob on lookup_snapshot (sha256);
