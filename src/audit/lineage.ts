// From a record back to its bytes, and forward to the entries that speak of it.
import { ChartlyError, isoMs } from '#kit';
import {
  appliedLayer,
  type BlobStore,
  type CanonicalStore,
  type PayloadLayer,
  readPayloadRange,
  type Relational,
  type StoredRecord,
} from '#storage';
import type { Lineage } from './index.ts';
import { toLedgerEntry, type LeafRow } from './leaf.ts';
import { blobProblem } from './verify-raw.ts';

const mostBytes = 64 * 1024;

interface Stores {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
}

interface RefRow extends Record<string, unknown> {
  run_id: string;
  page: number;
  bucket: string;
  key: string;
  content_type: string;
  captured_at: string;
  expired_at: string | null;
}

interface ReceiptRow extends Record<string, unknown> {
  run_id: string;
  merkle_root: string;
  ledger_seq: string;
}

export async function traceRecord(stores: Stores, tenantId: string, recordId: string): Promise<Lineage> {
  const { relational, canonical } = stores;
  // An id of any other form names nothing, and the store must not be asked to make sense of it.
  const record = /^[0-9a-f]{32}$/.test(recordId) ? await canonical.get(tenantId, recordId) : undefined;
  if (record === undefined) throw new ChartlyError('not_found', `There is no live record ${recordId.slice(0, 64)}.`);
  const receipt = await readReceipt(relational, record);
  const ref = await readRef(relational, record, receipt?.run_id);
  const runs = [...new Set([receipt?.run_id, ref.run_id].filter((id) => id !== undefined))];
  const profile = { id: record.profileId, digest: record.profileDigest };
  const layer = await appliedLayer(relational, tenantId, profile);
  return {
    record: toContract(record),
    raw: await readBytes(stores.blobs, record, ref, layer),
    profile: { version: record.profileVersion, ...profile },
    run: await readRun(relational, tenantId, receipt?.run_id ?? ref.run_id),
    batch:
      receipt === undefined
        ? undefined
        : { batch_id: record.batchId, merkle_root: receipt.merkle_root, ledger_seq: receipt.ledger_seq },
    entries: await readEntries(relational, tenantId, record.batchId, ref, runs),
  };
}

async function readReceipt(relational: Relational, record: StoredRecord): Promise<ReceiptRow | undefined> {
  const [row] = await relational.query<ReceiptRow>(
    'select run_id, merkle_root, ledger_seq from batch_receipt where tenant_id = $1 and batch_id = $2',
    [record.tenantId, record.batchId],
  );
  return row;
}

/** The capture that the batch was made from: of the batch's own run, else the one at the record's capture time, else the first. */
async function readRef(relational: Relational, record: StoredRecord, runId: string | undefined): Promise<RefRow> {
  const [row] = await relational.query<RefRow>(
    `select run_id, page, bucket, key, content_type, captured_at, expired_at from raw_ref
     where tenant_id = $1 and sha256 = $2 and source_id = $3
     order by (captured_at = $4::timestamptz) desc, (run_id::text = $5) desc, captured_at, page limit 1`,
    [record.tenantId, record.rawSha256, record.sourceId, isoMs(record.capturedAtMs), runId ?? ''],
  );
  if (row !== undefined) return row;
  throw new ChartlyError('blob_corrupt', `The reference to payload ${record.rawSha256} is missing.`);
}

async function readBytes(
  blobs: BlobStore,
  record: StoredRecord,
  ref: RefRow,
  layer: PayloadLayer,
): Promise<Lineage['raw']> {
  const { rawSha256: sha256, byteStart, byteEnd, row } = record;
  const { bucket, key, content_type, captured_at } = ref;
  const place = { sha256, bucket, key, byte_start: byteStart, byte_end: byteEnd, row, content_type, captured_at };
  if (ref.expired_at !== null) {
    const gone = { compression: undefined, bytes: undefined, blob_verified: undefined };
    return { ...place, ...gone, expired_at: ref.expired_at };
  }
  const problem = await blobProblem(blobs, bucket, sha256);
  const range = { start: byteStart, end: Math.min(byteEnd, byteStart + mostBytes) };
  const { bytes, compression } = await readPayloadRange(blobs, { bucket, sha256 }, layer, range).catch(
    (cause: unknown) => {
      const lost = cause instanceof ChartlyError && cause.code === 'not_found';
      if (!lost) throw cause;
      throw new ChartlyError('blob_corrupt', `The payload ${bucket}/${sha256} is missing.`, { cause });
    },
  );
  return { ...place, compression, bytes, blob_verified: problem === undefined, expired_at: undefined };
}

async function readRun(relational: Relational, tenantId: string, runId: string): Promise<Lineage['run']> {
  const [row] = await relational.query<{ run_id: string; state: string; requested_at: string }>(
    'select run_id, state, requested_at from run where tenant_id = $1 and run_id = $2::uuid',
    [tenantId, runId],
  );
  return row;
}

/** The payload's capture, the batch, and the course of the runs that did both, in the order of the ledger. */
async function readEntries(
  relational: Relational,
  tenantId: string,
  batchId: string,
  ref: RefRow,
  runs: string[],
): Promise<Lineage['entries']> {
  const rows = await relational.query<LeafRow>(
    `select seq, leaf, leaf_hash from ledger_entry
     where tenant_id = $1 and (dedupe_key = any($2::text[]) or (run_id = any($3::uuid[]) and dedupe_key like 'run:%'))
     order by seq`,
    [
      tenantId,
      [`payload:${ref.run_id}:${ref.page}`, `payload.expired:${ref.run_id}:${ref.page}`, `batch:${batchId}`],
      runs,
    ],
  );
  return rows.map(toLedgerEntry);
}

/** The record in the form of its canonical contract. */
function toContract(r: StoredRecord): Record<string, unknown> {
  return {
    tenant_id: r.tenantId,
    source_id: r.sourceId,
    kind: r.kind,
    name: r.name,
    record_id: r.recordId,
    ...(r.tsMs === undefined ? {} : { ts: isoMs(r.tsMs) }),
    ...(r.kind === 'metric' ? { value: r.value, unit: r.unit } : {}),
    dimensions: r.dimensions,
    measures: r.measures,
    ...(r.exact === undefined ? {} : { exact: r.exact }),
    provenance: {
      raw_sha256: r.rawSha256,
      byte_start: r.byteStart,
      byte_end: r.byteEnd,
      row: r.row,
      profile_id: r.profileId,
      profile_version: r.profileVersion,
      profile_digest: r.profileDigest,
      batch_id: r.batchId,
      captured_at: isoMs(r.capturedAtMs),
    },
    revision: String(r.revision),
    record_hash: r.recordHash,
  };
}
