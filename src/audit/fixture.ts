// For tests: the real embedded engines in a temporary directory, and a tenant whose planes agree, to be tampered with.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isoMs, leafHash, merkleRoot, newUuid, sha256Hex, shortId, silentLogger, systemClock } from '#kit';
import {
  createClickHouseStore,
  createFileBlobStore,
  openTestRelational,
  startEmbeddedClickHouse,
  type BlobStore,
  type CanonicalRecord,
  type CanonicalStore,
  type RecordBatch,
  type Relational,
} from '#storage';
import { createAudit } from './audit.ts';
import { batchIdOf } from './batch-fact.ts';
import type { Audit, LedgerEntry } from './index.ts';
import { recordHash } from './record-hash.ts';

export interface Engines {
  audit: Audit;
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  /** Runs a statement on the canonical engine, behind the store's back. */
  alter(statement: string): Promise<void>;
  blobDir: string;
  close(): Promise<void>;
}

export async function openEngines(): Promise<Engines> {
  const dir = mkdtempSync(join(tmpdir(), 'chartly-audit-'));
  const blobDir = join(dir, 'blobs');
  const [relational, engine] = await Promise.all([
    openTestRelational(join(dir, 'pg')),
    startEmbeddedClickHouse({ dir: join(dir, 'clickhouse'), logger: silentLogger }),
  ]);
  const { url, username, password } = engine;
  const canonical = createClickHouseStore({ url, username, password });
  const blobs = createFileBlobStore({ dir: blobDir });
  await Promise.all([relational.migrate(), canonical.migrate()]);
  return {
    audit: createAudit({ relational, blobs, canonical, clock: systemClock, logger: silentLogger }),
    relational,
    blobs,
    canonical,
    blobDir,
    async alter(statement) {
      const headers = { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password };
      const target = `${url}/?mutations_sync=2`;
      const response = await fetch(target, { method: 'POST', body: statement, headers });
      const text = await response.text();
      if (!response.ok) throw new Error(text);
    },
    async close() {
      await canonical.close();
      await Promise.all([engine.close(), relational.close()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const sourceId = 'earthquakes';
export const profile = { id: 'earthquakes', version: '1.0.0', digest: sha256Hex('earthquakes@1.0.0') };

export interface Capture {
  runId: string;
  rawSha256: string;
  rawKey: string;
  payload: Buffer;
  rows: { start: number; end: number }[];
  batchId: string;
  leavesSha256: string;
  leavesKey: string;
  records: CanonicalRecord[];
  /** Requested, captured, normalized, succeeded. */
  entries: LedgerEntry[];
}

export interface CaptureOptions {
  capturedAtMs?: number;
  /** Ids of the earthquakes of this payload; the same id again replaces the record. */
  ids?: string[];
  magnitude?: number;
}

/** Takes one payload the whole way, as the pipeline does: blob, reference, records, leaves, ledger, receipt. */
export async function ingest(engines: Engines, tenantId: string, options: CaptureOptions = {}): Promise<Capture> {
  const { relational, blobs, canonical, audit } = engines;
  const capturedAtMs = options.capturedAtMs ?? Date.UTC(2025, 1, 11, 9, 30, 15, 204);
  const runId = newUuid();
  const lines = (options.ids ?? ['a', 'b', 'c', 'd', 'e']).map(
    (id, n) => `{"tenant":"${tenantId}","id":"${id}","mag":${(options.magnitude ?? 1) + n},"run":"${runId}"}\n`,
  );
  const payload = Buffer.from(lines.join(''));
  const raw = await blobs.put('raw', payload);
  const fields = { tenantId, sourceId, rawSha256: raw.sha256, profileDigest: profile.digest };
  const revision = (1n << 44n) + BigInt(capturedAtMs);
  const batchId = batchIdOf({ ...fields, revision, chunk: 0 });
  const { rows, records } = toRecords(lines, fields);
  const batch: RecordBatch = {
    ...fields,
    batchId,
    profileId: profile.id,
    profileVersion: profile.version,
    revision,
    capturedAtMs,
    records,
  };
  const hashes = records.map((record) => Buffer.from(record.recordHash, 'hex')).toSorted((a, b) => a.compare(b));
  const leaves = await blobs.put('batches', Buffer.concat(hashes));
  const root = merkleRoot(hashes.map((hash) => leafHash(hash))).toString('hex');
  await canonical.write(batch);
  const counts = {
    rows: 5,
    candidates: 5,
    records: 5,
    quarantined: 0,
    deduplicated: 0,
    skipped: 0,
    bytes: payload.length,
  };
  const base = { tenantId, actor: 'service:test', outcome: 'succeeded' as const, runId };
  const entries = await relational.transaction(async (tx) => {
    await tx.execute(
      `insert into run (run_id, tenant_id, source_id, trigger, state, actor) values ($1, $2, $3, 'cli', 'succeeded', 'cli')`,
      [runId, tenantId, sourceId],
    );
    await tx.execute(
      `insert into raw_ref (tenant_id, source_id, run_id, page, request_key, bucket, key, sha256, content_type, size, captured_at)
       values ($1, $2, $3, 0, 'GET /', 'raw', $4, $5, 'application/x-ndjson', $6, $7)`,
      [tenantId, sourceId, runId, raw.key, raw.sha256, raw.size, isoMs(capturedAtMs)],
    );
    const [requested, captured, normalized, ended] = await audit.append(
      [
        {
          ...base,
          action: 'run.requested',
          resource: `run:${runId}`,
          details: {},
          dedupeKey: `run:${runId}:requested`,
        },
        {
          ...base,
          action: 'payload.captured',
          resource: `raw:${raw.sha256}`,
          details: { source_id: sourceId, bucket: 'raw', key: raw.key, sha256: raw.sha256, size: raw.size, page: 0 },
          dedupeKey: `payload:${runId}:0`,
        },
        {
          ...base,
          action: 'batch.normalized',
          resource: `batch:${batchId}`,
          details: {
            raw_sha256: raw.sha256,
            profile_id: profile.id,
            profile_version: profile.version,
            profile_digest: profile.digest,
            merkle_root: root,
            leaves_sha256: leaves.sha256,
            records: records.length,
            quarantined: 0,
            deduplicated: 0,
            skipped: 0,
            chunk: 0,
          },
          dedupeKey: `batch:${batchId}`,
        },
        {
          ...base,
          action: 'run.succeeded',
          resource: `run:${runId}`,
          details: {},
          dedupeKey: `run:${runId}:succeeded`,
        },
      ],
      tx,
    );
    await tx.execute(
      `insert into batch_receipt (batch_id, tenant_id, source_id, run_id, raw_sha256, profile_id, profile_version, profile_digest,
         revision, chunk, counts, leaves_sha256, merkle_root, ledger_seq)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, $13)`,
      [
        batchId,
        tenantId,
        sourceId,
        runId,
        raw.sha256,
        profile.id,
        profile.version,
        profile.digest,
        String(revision),
        JSON.stringify({ ...counts, records: records.length }),
        leaves.sha256,
        root,
        String(normalized!.seq),
      ],
    );
    return [requested!, captured!, normalized!, ended!];
  });
  return {
    runId,
    rawSha256: raw.sha256,
    rawKey: raw.key,
    payload,
    rows,
    batchId,
    leavesSha256: leaves.sha256,
    leavesKey: leaves.key,
    records,
    entries,
  };
}

function toRecords(
  lines: readonly string[],
  fields: { tenantId: string; sourceId: string; rawSha256: string; profileDigest: string },
): { rows: Capture['rows']; records: CanonicalRecord[] } {
  let byteStart = 0;
  const rows: Capture['rows'] = [];
  const records = lines.map((line, row) => {
    const { id, mag } = JSON.parse(line) as { id: string; mag: number };
    const byteEnd = byteStart + Buffer.byteLength(line) - 1;
    rows.push({ start: byteStart, end: byteEnd });
    const metric = id.startsWith('m');
    const record: CanonicalRecord = {
      kind: metric ? 'metric' : 'event',
      name: metric ? 'magnitude' : 'earthquake',
      tsMs: Date.UTC(2024, 0, 1) + row * 1000,
      recordId: shortId(['record', fields.tenantId, fields.sourceId, 'event', id]),
      value: metric ? mag : undefined,
      unit: metric ? 'Mw' : '',
      dimensions: { id, place: 'Aguanga, CA' },
      measures: { magnitude: mag, depth_km: 6.19 },
      exact: row === 0 ? { depth_km: '6.190000000000000000001' } : undefined,
      byteStart,
      byteEnd,
      row,
      recordHash: '',
    };
    record.recordHash = recordHash({
      ...record,
      ...fields,
      profileId: profile.id,
      profileVersion: profile.version,
    });
    byteStart = byteEnd + 1;
    return record;
  });
  return { rows, records };
}
