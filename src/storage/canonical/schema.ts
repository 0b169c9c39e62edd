/**
 * Tables of the canonical plane. One statement each, each repeatable.
 *
 * No PARTITION BY: a block of a batch is then one part, which an insert either adds or does not. The window is small
 * on purpose: it only has to catch a repeat of an insert that is still on its way; beyond that, a repeat after rows
 * were lost or removed must be able to bring them back. The merge selector's base makes the engine wait for more parts
 * before it merges: with its default, merging cost three times as much as inserting.
 */
export function createRecordsTable(engine: string = 'ReplacingMergeTree(revision, is_deleted)'): string {
  return `CREATE TABLE IF NOT EXISTS records (
  tenant_id LowCardinality(String),
  source_id LowCardinality(String),
  kind LowCardinality(String),
  name LowCardinality(String),
  ts DateTime64(3, 'UTC') CODEC(Delta, LZ4),
  record_id FixedString(16) CODEC(NONE),
  value Nullable(Float64),
  unit LowCardinality(String),
  dimensions Map(LowCardinality(String), String),
  measures Map(LowCardinality(String), Float64),
  exact Map(LowCardinality(String), String),
  record_hash FixedString(32) CODEC(NONE),
  raw_sha256 FixedString(32),
  byte_start UInt64,
  byte_end UInt64,
  row UInt64,
  profile_id LowCardinality(String),
  profile_version LowCardinality(String),
  profile_digest LowCardinality(String),
  batch_id FixedString(16),
  captured_at DateTime64(3, 'UTC'),
  revision UInt64,
  is_deleted UInt8,
  record_prefix UInt32 MATERIALIZED reinterpretAsUInt32(substring(record_id, 1, 4)) CODEC(NONE)
) ENGINE = ${engine}
ORDER BY (tenant_id, kind, name, ts, record_id)
SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1, fsync_part_directory = 1,
  merge_selector_base = 10`;
}
