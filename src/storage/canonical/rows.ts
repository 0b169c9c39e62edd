import type { RecordKind } from '#contracts';
import type { StoredRecord } from './port.ts';

/** What `get` and `scan` select, as one JSON array a row; 64-bit integers arrive as text. */
export const storedColumns = `tenant_id, source_id, toString(kind), toString(name), toUnixTimestamp64Milli(ts), lower(hex(record_id)),
  value, toString(unit), dimensions, measures, exact, lower(hex(record_hash)), lower(hex(raw_sha256)), byte_start,
  byte_end, row, profile_id, profile_version, profile_digest, lower(hex(batch_id)), toUnixTimestamp64Milli(captured_at),
  revision`;

type StoredRow = [
  tenantId: string,
  sourceId: string,
  kind: RecordKind,
  name: string,
  tsMs: string,
  recordId: string,
  value: number | null,
  unit: string,
  dimensions: Record<string, string>,
  measures: Record<string, number>,
  exact: Record<string, string>,
  recordHash: string,
  rawSha256: string,
  byteStart: string,
  byteEnd: string,
  row: string,
  profileId: string,
  profileVersion: string,
  profileDigest: string,
  batchId: string,
  capturedAtMs: string,
  revision: string,
];

/** A row of `storedColumns` as a record. */
export function toStoredRecord(row: unknown[]): StoredRecord {
  const r = row as StoredRow;
  return {
    tenantId: r[0],
    sourceId: r[1],
    kind: r[2],
    name: r[3],
    // The epoch stands for "no time": a sorting key cannot be null.
    tsMs: r[2] === 'entity' && r[4] === '0' ? undefined : Number(r[4]),
    recordId: r[5],
    value: r[6] ?? undefined,
    unit: r[7],
    dimensions: r[8],
    measures: r[9],
    exact: Object.keys(r[10]).length === 0 ? undefined : r[10],
    recordHash: r[11],
    rawSha256: r[12],
    byteStart: Number(r[13]),
    byteEnd: Number(r[14]),
    row: Number(r[15]),
    profileId: r[16],
    profileVersion: r[17],
    profileDigest: r[18],
    batchId: r[19],
    capturedAtMs: Number(r[20]),
    revision: BigInt(r[21]),
  };
}
