import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Audit, createAudit, recordHash } from '#audit';
import { type Profile, validator } from '#contracts';
import { canonicalJson, isoMs, leafHash, merkleRoot, newUuid, sha256Hex, silentLogger, systemClock } from '#kit';
import {
  type BlobStore,
  type CanonicalStore,
  createClickHouseStore,
  createFileBlobStore,
  createKeyStore,
  openTestRelational,
  type KeyStore,
  type Relational,
  startEmbeddedClickHouse,
} from '#storage';
import { createNormalizer, type Normalizer, type NormalizeTask } from './index.ts';
import { event, profileOf } from './testing.ts';

let relational: Relational;
let blobs: BlobStore;
let canonical: CanonicalStore;
let audit: Audit;
let keys: KeyStore;
let normalizer: Normalizer;
let close: () => Promise<void>;
let sources = 0;
let source = '';

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chartly-normalizer-'));
  const [pg, engine] = await Promise.all([
    openTestRelational(join(dir, 'pg')),
    startEmbeddedClickHouse({ dir: join(dir, 'clickhouse'), logger: silentLogger }),
  ]);
  relational = pg;
  blobs = createFileBlobStore({ dir: join(dir, 'blobs') });
  canonical = createClickHouseStore(engine);
  await Promise.all([relational.migrate(), canonical.migrate()]);
  const clock = systemClock;
  audit = createAudit({ relational, blobs, canonical, clock, logger: silentLogger });
  keys = createKeyStore({ relational, masterKey: async () => Buffer.alloc(32, 7) });
  normalizer = createNormalizer({ relational, blobs, canonical, audit, keys, logger: silentLogger, clock });
  close = async () => {
    await canonical.close();
    await engine.close();
    await relational.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
afterAll(() => close());
beforeEach(() => {
  source = `source-${++sources}`;
});

async function task(
  profile: Profile,
  payload: string,
  more: Partial<NormalizeTask> & { capturedAt?: number } = {},
): Promise<NormalizeTask> {
  const info = await blobs.put('raw', Buffer.from(payload));
  const { capturedAt = 1_700_000_000_000, ...rest } = more;
  const runId = newUuid();
  const raw = {
    tenant_id: 'default',
    source_id: source,
    run_id: runId,
    ...info,
    content_type: 'text/plain',
    captured_at: isoMs(capturedAt),
    request_key: 'r',
    page: 0,
  };
  const applied = { profile, digest: sha256Hex(canonicalJson(profile)), ordinal: 1 };
  return {
    tenantId: 'default',
    sourceId: source,
    runId,
    jobId: newUuid(),
    raw,
    profile: applied,
    signal: new AbortController().signal,
    ...rest,
  };
}

const profile = profileOf('ndjson', [event({ dimensions: { place: 'place' }, measures: { n: 'n' } })]);
const good = (id: string, n = 1) => JSON.stringify({ id, t: 1000, place: 'Zürich "5"', n });
const mixed = [good('a'), good('b'), 'broken', '{"id":"c","t":"x","n":"y"}', good('a', 2), '{"id":"ä'].join('\n');

describe('normalize', () => {
  it('writes records, quarantine rows, leaves and ledger entry of a batch, and says so', async () => {
    const given = await task(profile, mixed);
    const progress: number[] = [];
    const outcome = await normalizer.normalize({ ...given, onProgress: (counts) => progress.push(counts.records) });
    expect(outcome.counts).toEqual({
      rows: 6,
      candidates: 6,
      records: 2,
      quarantined: 3,
      deduplicated: 1,
      skipped: 0,
      bytes: Buffer.byteLength(mixed),
    });
    expect(outcome.written).toMatchObject({ inserted: 2, replaced: 0, moved: 0, stale: 0 });
    expect(progress).toEqual([2]);

    const stored = (await Array.fromAsync(canonical.scan('default', { sourceId: source }))).flat();
    expect(new Set(stored.map((r) => r.measures.n))).toEqual(new Set([1, 2]));
    for (const record of stored) expect(recordHash(record)).toBe(record.recordHash);

    const [receipt] = outcome.receipts;
    const leaves = await blobs.readAll('batches', receipt!.leavesSha256);
    const hashes = stored.map((r) => Buffer.from(r.recordHash, 'hex')).toSorted((a, b) => Buffer.compare(a, b));
    expect(leaves).toEqual(Buffer.concat(hashes));
    expect(receipt!.merkleRoot).toBe(merkleRoot(hashes.map((h) => leafHash(h))).toString('hex'));
    const entries = await audit.entries('default', { runId: given.runId });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      seq: receipt!.ledgerSeq,
      entry: {
        action: 'batch.normalized',
        resource: `batch:${receipt!.batchId}`,
        details: { merkle_root: receipt!.merkleRoot, records: 2, quarantined: 3 },
      },
    });
  });

  it('changes nothing when a task is repeated, and gives the same receipts', async () => {
    const given = await task(profile, mixed);
    const first = await normalizer.normalize(given);
    const again = await normalizer.normalize(given);
    expect(again.receipts).toEqual(first.receipts);
    expect(again.counts).toEqual(first.counts);
    expect(again.written.inserted).toBe(0);
    expect((await canonical.countBySource('default')).get(source)).toBe(2);
    expect(await audit.entries('default', { runId: given.runId })).toHaveLength(1);
    expect((await normalizer.quarantined('default', { sourceId: source })).items).toHaveLength(4);
  });

  it('recovers or supersedes what another version of the profile found wrong with the payload', async () => {
    await normalizer.normalize(await task(profile, mixed));
    const lenient = { ...profile, version: '1.0.1', records: [event({ ts: { const: '2020-01-01' }, measures: {} })] };
    const given = await task(lenient, mixed);
    const outcome = await normalizer.normalize({ ...given, profile: { ...given.profile, ordinal: 2 } });
    expect(outcome.written).toMatchObject({ inserted: 1, moved: 2 });
    const open = await normalizer.quarantined('default', { sourceId: source });
    expect(open.items.map((r) => r.profile_version)).toEqual(['1.0.1', '1.0.1']);
    const inState = async (state: 'recovered' | 'superseded') =>
      (await normalizer.quarantined('default', { sourceId: source, state })).items
        .map((r) => r.byte_start)
        .toSorted((a, b) => a - b);
    // The row that gives a record now; and the two that this version refuses as well, each with a row of its own.
    expect(new Set(await inState('recovered')).size).toBe(1);
    expect(await inState('recovered')).toHaveLength(2);
    expect(await inState('superseded')).toEqual(open.items.map((r) => r.byte_start).toSorted((a, b) => a - b));
    expect((await canonical.countBySource('default')).get(source)).toBe(3);
  });

  it('goes through a payload of several batches, keeping the last of each key', async () => {
    const lines = Array.from({ length: 40_000 }, (_, i) => good(`k${i % 25_000}`, i));
    const outcome = await normalizer.normalize(await task(profile, lines.join('\n')));
    expect(outcome.counts).toMatchObject({ rows: 40_000, records: 25_000, deduplicated: 15_000 });
    expect(outcome.receipts.map((r) => r.chunk)).toEqual([0, 1, 2]);
    expect(outcome.receipts.map((r) => r.counts.candidates)).toEqual([16_384, 16_384, 7232]);
    expect((await canonical.countBySource('default')).get(source)).toBe(25_000);
    expect(await audit.verify('default')).toMatchObject({ findings: [] });
  });

  it('receipts an empty list too', async () => {
    const outcome = await normalizer.normalize(await task({ ...profile, format: 'json' }, '[]'));
    expect(outcome.counts).toMatchObject({ candidates: 0, records: 0 });
    expect(outcome.receipts).toHaveLength(1);
  });

  it('stops when asked to', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(normalizer.normalize(await task(profile, mixed, { signal: stop.signal }))).rejects.toMatchObject({
      code: 'cancelled',
      retryable: false,
    });
    expect((await canonical.countBySource('default')).get(source)).toBeUndefined();
  });

  it('says when the payload is gone, or is not what was captured', async () => {
    const given = await task(profile, mixed);
    const other = await blobs.put('raw', Buffer.from('other'));
    const swapped: BlobStore = { ...blobs, read: () => blobs.read('raw', other.sha256) };
    const misled = createNormalizer({
      relational,
      blobs: swapped,
      canonical,
      audit,
      keys,
      logger: silentLogger,
      clock: systemClock,
    });
    await expect(misled.normalize(given)).rejects.toMatchObject({ code: 'blob_corrupt' });
    expect((await canonical.countBySource('default')).get(source)).toBeUndefined();
    const gone = { ...given, raw: { ...given.raw, sha256: '0'.repeat(64) } };
    await expect(normalizer.normalize(gone)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('hides what a policy hides in every store, replays the same rows, and writes nothing of an erased subject', async () => {
    const hiding = profileOf(
      'ndjson',
      [
        event({
          key: ['mail'],
          dimensions: { mail: 'mail', tel: 'tel', who: 'who', iban: 'iban' },
          measures: { n: 'n' },
        }),
      ],
      {
        policy: {
          subject: 'who',
          fields: {
            'dimensions.mail': { action: 'encrypt' },
            'dimensions.tel': { action: 'tokenise' },
            'dimensions.who': { action: 'hash' },
            'dimensions.iban': { action: 'mask', keep_last: 0 },
          },
        },
      },
    );
    const secrets = [
      'ada.lovelace@example.org',
      '+49 30 901820',
      'DE89370400440532013000',
      'customer-4711',
      'eve@example.org',
      'not-a-number-but-secret',
    ];
    const [mail, tel, iban, who, other, broken] = secrets;
    const lines = [
      JSON.stringify({ mail, tel, iban, who, t: 1000, n: 1 }),
      JSON.stringify({ mail, tel, iban, who: 'customer-4712', t: 1000, n: broken }),
      JSON.stringify({ mail: 'x', tel: 'y', who: other, t: broken }),
    ];
    const given = await task(hiding, lines.join('\n'));
    const first = await normalizer.normalize(given);
    expect(first.counts).toMatchObject({ records: 1, quarantined: 2 });
    const stored = async () => (await Array.fromAsync(canonical.scan('default', { sourceId: source }))).flat();
    const before = await stored();

    const tables = ['quarantine', 'ledger_entry', 'subject_key', 'tenant_key', 'token', 'batch_receipt'];
    const dumps = await Promise.all(
      tables.map((name) => relational.query(`select to_jsonb(x)::text as row from ${name} x`)),
    );
    expect(dumps.flat().length).toBeGreaterThan(5);
    const everything = JSON.stringify([dumps, before, first], (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const secret of secrets) expect(everything).not.toContain(secret);
    const secretIdOfMail = sha256Hex(
      ['record', 'default', source, 'event', mail!].map((p) => `${p.length}:${p}`).join(''),
    );
    expect(before[0]!.recordId).not.toBe(secretIdOfMail.slice(0, 32));

    const again = await normalizer.normalize({ ...given, runId: newUuid() });
    expect(again.written).toMatchObject({ inserted: 0, moved: 0 });
    expect((await stored()).map((r) => r.recordHash)).toEqual(before.map((r) => r.recordHash));

    const subject = before[0]!.dimensions.mail!.split('.')[1]!;
    expect(await keys.shred('default', subject)).toBe(true);
    const profileTwo = { ...hiding, version: '1.0.1' };
    const applied = { profile: profileTwo, digest: sha256Hex(canonicalJson(profileTwo)), ordinal: 2 };
    const forgotten = await normalizer.normalize({ ...given, profile: applied, runId: newUuid() });
    expect(forgotten.counts).toMatchObject({ records: 0, quarantined: 3 });
    const { items } = await normalizer.quarantined('default', { sourceId: source, reasonCode: 'subject_erased' });
    expect(items).toMatchObject([{ rule: 'policy.subject', pointer: '/who', value_masked: 'hidden by the policy' }]);
  });

  it('refuses a profile that does not compile', async () => {
    const wrong = { ...profile, select: '$' };
    expect(() => normalizer.check(wrong)).toThrow(expect.objectContaining({ code: 'profile_invalid' }));
    await expect(normalizer.normalize(await task(wrong, mixed))).rejects.toMatchObject({ code: 'profile_invalid' });
  });
});

describe('quarantine', () => {
  it('lists rows that satisfy their contract, page by page, with filters', async () => {
    const given = await task(profile, mixed);
    await normalizer.normalize(given);
    const valid = validator('quarantine/quarantine-record');
    const all = (await normalizer.quarantined('default', { sourceId: source })).items;
    for (const item of all) expect(valid(item), JSON.stringify(valid.violations())).toBe(true);
    const pages: string[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = await normalizer.quarantined('default', { sourceId: source, limit: 3, after });
      pages.push(...page.items.map((r) => r.quarantine_id));
      after = page.next;
      more = after !== undefined;
    }
    expect(pages).toEqual(all.map((r) => r.quarantine_id));
    const filtered = await normalizer.quarantined('default', { runId: given.runId, reasonCode: 'truncated' });
    expect(filtered.items.map((r) => r.rule)).toEqual(['format']);
    expect((await normalizer.quarantined('other', {})).items).toEqual([]);
    expect(await normalizer.quarantineSummary('default', { sourceId: source })).toEqual([
      { source_id: source, reason_code: 'cast_failed', count: 2 },
      { source_id: source, reason_code: 'parse_error', count: 1 },
      { source_id: source, reason_code: 'truncated', count: 1 },
    ]);
    await expect(normalizer.quarantined('default', { after: 'x' })).rejects.toMatchObject({ code: 'bad_request' });
  });

  it('shows the very bytes of a row', async () => {
    await normalizer.normalize(await task(profile, mixed));
    const { items } = await normalizer.quarantined('default', { sourceId: source, reasonCode: 'truncated' });
    const { record, bytes } = await normalizer.quarantinedRow('default', items[0]!.quarantine_id);
    expect(record).toEqual(items[0]);
    expect(bytes?.toString()).toBe('{"id":"ä');
    await expect(normalizer.quarantinedRow('other', record.quarantine_id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('stores names that PostgreSQL would refuse', async () => {
    const odd = profileOf('ndjson', [
      {
        kind: 'metric',
        name: 'm',
        key: ['@column'],
        ts: { const: '2020-01-01' },
        value: '@cell',
        unpivot: { exclude: ['none'] },
      },
    ]);
    await normalizer.normalize(await task(odd, '{"a\\u0000\\ud800":"x"}'));
    const { items } = await normalizer.quarantined('default', { sourceId: source });
    expect(items.map((r) => r.reason_code).toSorted()).toEqual(['cast_failed', 'cast_failed']);
  });
});
