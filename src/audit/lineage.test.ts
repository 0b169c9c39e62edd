import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { validator } from '#contracts';
import { isoMs } from '#kit';
import { ingest, openEngines, profile, sourceId, type Engines } from './fixture.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await openEngines();
});
afterAll(() => engines.close());

describe('lineage', () => {
  test('leads from a record to its very bytes, its payload, profile, run, batch and entries', async () => {
    const capturedAtMs = Date.UTC(2025, 1, 11, 9, 30, 15, 204);
    const made = await ingest(engines, 'trace', { ids: ['a', 'm1', 'c'], capturedAtMs });
    for (const [n, { recordId }] of made.records.entries()) {
      const { record, raw, run, batch, entries, ...rest } = await engines.audit.lineage('trace', recordId);
      const { start, end } = made.rows[n]!;
      expect(raw.bytes!.toString()).toBe(made.payload.subarray(start, end).toString());
      expect(JSON.parse(raw.bytes!.toString())).toMatchObject({ id: ['a', 'm1', 'c'][n] });
      expect(raw).toMatchObject({
        sha256: made.rawSha256,
        bucket: 'raw',
        key: made.rawKey,
        byte_start: start,
        byte_end: end,
        row: n,
        content_type: 'application/x-ndjson',
        captured_at: isoMs(capturedAtMs),
        blob_verified: true,
      });
      const kind = n === 1 ? 'canonical/metric' : 'canonical/event';
      expect(validator(kind)(record), JSON.stringify(validator(kind).violations())).toBe(true);
      expect(record).toMatchObject({
        record_id: recordId,
        source_id: sourceId,
        record_hash: made.records[n]!.recordHash,
      });
      expect(rest).toEqual({ profile });
      expect(run).toMatchObject({ run_id: made.runId, state: 'succeeded' });
      expect(run!.requested_at).toMatch(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/);
      const normalized = made.entries[2]!;
      expect(batch).toEqual({
        batch_id: made.batchId,
        merkle_root: normalized.entry.details.merkle_root,
        ledger_seq: String(normalized.seq),
      });
      expect(entries).toEqual(made.entries);
    }
  });

  test('of a payload captured twice, shows the capture that the record was made from', async () => {
    const made = await ingest(engines, 'twice', { ids: ['a'] });
    await engines.relational.execute(
      `insert into raw_ref select tenant_id, source_id, gen_random_uuid(), 0, request_key, bucket, key, sha256, content_type, size,
         captured_at - interval '1 day' from raw_ref where run_id = $1`,
      [made.runId],
    );
    const { raw, run } = await engines.audit.lineage('twice', made.records[0]!.recordId);
    expect(raw.captured_at).toBe('2025-02-11T09:30:15.204Z');
    expect(run!.run_id).toBe(made.runId);
  });

  test('shows at most 64 KiB of a row', async () => {
    const made = await ingest(engines, 'wide', { ids: ['x'.repeat(100_000)] });
    const { raw } = await engines.audit.lineage('wide', made.records[0]!.recordId);
    expect(raw.bytes!.length).toBe(64 * 1024);
    expect(raw.byte_end - raw.byte_start).toBeGreaterThan(100_000);
  });

  test('says so when the blob does not hold, or is gone', async () => {
    const made = await ingest(engines, 'broken', { ids: ['a', 'b'] });
    const path = join(engines.blobDir, 'raw', `${made.rawKey}.zst`);
    const other = Buffer.from(made.payload.toString().replaceAll('"b"', '"z"'));
    const forged = await engines.blobs.put('raw', other);
    const bytes = readFileSync(path);
    writeFileSync(path, readFileSync(join(engines.blobDir, 'raw', `${forged.key}.zst`)));
    const { raw } = await engines.audit.lineage('broken', made.records[1]!.recordId);
    expect(raw.blob_verified).toBe(false);
    expect(raw.bytes!.toString()).toContain('"z"');
    writeFileSync(path, bytes.subarray(0, 10));
    const trace = (): Promise<unknown> => engines.audit.lineage('broken', made.records[1]!.recordId);
    await expect(trace()).rejects.toMatchObject({ code: 'blob_corrupt' });
    rmSync(path);
    await expect(trace()).rejects.toMatchObject({ code: 'blob_corrupt' });
  });

  test.each(['0'.repeat(32), 'no such id', "' or 1=1 --"])('knows no record %j', async (recordId) => {
    await expect(engines.audit.lineage('trace', recordId)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('shows no record of another tenant', async () => {
    const made = await ingest(engines, 'mine', { ids: ['a'] });
    const { recordId } = made.records[0]!;
    await expect(engines.audit.lineage('yours', recordId)).rejects.toMatchObject({ code: 'not_found' });
  });
});
