// Whatever is read, in whatever order, how often, at once or not: what is left is what the newest versions made of the newest captures.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAudit, type Audit } from '#audit';
import type { Profile } from '#contracts';
import { canonicalJson, isoMs, newUuid, sha256Hex, silentLogger, systemClock } from '#kit';
import {
  createClickHouseStore,
  createFileBlobStore,
  createKeyStore,
  openTestRelational,
  startEmbeddedClickHouse,
  type BlobStore,
  type CanonicalStore,
  type Relational,
} from '#storage';
import { createNormalizer, type Normalizer } from './index.ts';
import { event, profileOf } from './testing.ts';

let relational: Relational;
let blobs: BlobStore;
let canonical: CanonicalStore;
let audit: Audit;
let normalizer: Normalizer;
let close: () => Promise<void>;
let sources = 0;

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chartly-replay-'));
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
  const keys = createKeyStore({ relational, masterKey: async () => Buffer.alloc(32, 7) });
  normalizer = createNormalizer({ relational, blobs, canonical, audit, keys, logger: silentLogger, clock });
  close = async () => {
    await canonical.close();
    await engine.close();
    await relational.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
afterAll(() => close());

/** Three captures of overlapping rows; the last has the bytes of the first. */
const payloads = [
  { captured: 1_700_000_000_000, rows: [0, 1, 2, 3, 4, 5], note: 'a' },
  { captured: 1_700_000_001_000, rows: [3, 4, 5, 6, 7], note: 'b' },
  { captured: 1_700_000_002_000, rows: [0, 1, 2, 3, 4, 5], note: 'a' },
  { captured: 1_700_000_003_000, rows: [5, 7, 8, 9], note: 'c' },
].map(({ captured, rows, note }) => ({
  captured,
  text: rows
    .map((n) => JSON.stringify({ id: `r${n}`, code: `c${n % 4}`, t: 1000 + n, n: n * (note === 'b' ? 3 : 1) }))
    .join('\n'),
}));

/** Lenient; stricter and elsewhere in time; keyed and named anew, and leaving rows out; as the first. */
const first = profileOf('ndjson', [event({ measures: { n: 'n' } })]);
const versions: Profile[] = [
  first,
  profileOf(
    'ndjson',
    [event({ ts: { path: 't', cast: 'epoch_ms' }, measures: { n: { path: 'n', required: true, min: 4 } } })],
    { version: '2.0.0' },
  ),
  profileOf(
    'ndjson',
    [event({ name: 'other', key: ['code'], when: 'row.n != 5', measures: { n: { path: 'n', max: 20 } } })],
    { version: '3.0.0' },
  ),
  first,
];

interface Read {
  payload: number;
  /** Counts from 0; the ordinal is one more. */
  version: number;
}

async function read(source: string, { payload, version }: Read): Promise<void> {
  const { captured, text } = payloads[payload]!;
  const profile = versions[version]!;
  const runId = newUuid();
  await normalizer.normalize({
    tenantId: 'default',
    sourceId: source,
    runId,
    jobId: newUuid(),
    raw: {
      tenant_id: 'default',
      source_id: source,
      run_id: runId,
      ...(await blobs.put('raw', Buffer.from(text))),
      content_type: 'application/x-ndjson',
      captured_at: isoMs(captured),
      request_key: 'r',
      page: 0,
    },
    profile: { profile, digest: sha256Hex(canonicalJson(profile)), ordinal: version + 1 },
    signal: new AbortController().signal,
  });
}

/** All that is live, and all that stands open; but for ids, which the source is a part of. */
async function stateOf(source: string): Promise<{ records: string[]; open: string[] }> {
  const records: string[] = [];
  const ids = new Set<string>();
  for await (const page of canonical.scan('default', { sourceId: source })) {
    for (const { recordId, recordHash: _hash, batchId: _batch, sourceId: _source, revision, ...rest } of page) {
      ids.add(recordId);
      records.push(JSON.stringify({ ...rest, revision: String(revision) }));
    }
  }
  expect(ids.size).toBe(records.length);
  const rows = await relational.query<{ at: string }>(
    `select concat_ws(' ', raw_sha256, profile_version, reason_code, byte_start, candidate) as at from quarantine
     where source_id = $1 and state = 'open'`,
    [source],
  );
  return { records: records.sort(), open: rows.map(({ at }) => at).sort() };
}

const anyRead = fc.record({ payload: fc.nat(payloads.length - 1), version: fc.nat(versions.length - 1) });

/** Reads in an order of their own, some of them several times, some at once. */
const schedules = fc
  .uniqueArray(anyRead, { minLength: 1, maxLength: 7, selector: ({ payload, version }) => `${payload} ${version}` })
  .chain((reads) =>
    fc.record({
      reads: fc.constant(reads),
      order: fc
        .tuple(
          fc.shuffledSubarray(reads, { minLength: reads.length }),
          fc.array(fc.constantFrom(...reads), { maxLength: 3 }),
        )
        .map(([once, again]) => [...once, ...again]),
      atOnce: fc.integer({ min: 1, max: 3 }),
    }),
  );

it('comes to the same in any order, with repeats, versions interleaved', async () => {
  await fc.assert(
    fc.asyncProperty(schedules, async ({ reads, order, atOnce }) => {
      const [ordered, mixed] = [`ordered-${++sources}`, `mixed-${sources}`];
      const oldestFirst = reads.toSorted((a, b) => a.version - b.version || a.payload - b.payload);
      for (const one of oldestFirst) await read(ordered, one);
      for (let at = 0; at < order.length; at += atOnce) {
        await Promise.all(order.slice(at, at + atOnce).map((one) => read(mixed, one)));
      }
      expect(await stateOf(mixed)).toEqual(await stateOf(ordered));
    }),
    { numRuns: 12 },
  );
}, 120_000);
