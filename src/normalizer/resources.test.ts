// Look-ups on the real engines: what a batch was mapped with stays with it, and the ledger names it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Audit, createAudit } from '#audit';
import type { Profile } from '#contracts';
import { canonicalJson, ChartlyError, isoMs, newUuid, sha256Hex, silentLogger, systemClock } from '#kit';
import {
  type BlobStore,
  type CanonicalStore,
  createClickHouseStore,
  createFileBlobStore,
  createKeyStore,
  openTestRelational,
  type Relational,
  startEmbeddedClickHouse,
} from '#storage';
import { createNormalizer, type Normalizer, type NormalizeTask } from './index.ts';
import { event, profileOf } from './testing.ts';

let relational: Relational;
let blobs: BlobStore;
let canonical: CanonicalStore;
let audit: Audit;
let normalizer: Normalizer;
let close: () => Promise<void>;
let deps: Parameters<typeof createNormalizer>[0];

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chartly-lookups-'));
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
  deps = { relational, blobs, canonical, audit, keys, logger: silentLogger, clock };
  normalizer = createNormalizer(deps);
  close = async () => {
    await canonical.close();
    await engine.close();
    await relational.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
afterAll(() => close());

async function task(sourceId: string, profile: Profile, rows: object[], ordinal = 1): Promise<NormalizeTask> {
  const text = rows.map((row) => JSON.stringify(row)).join('\n');
  const info = await blobs.put('raw', Buffer.from(text));
  const runId = newUuid();
  const raw = {
    tenant_id: 'default',
    source_id: sourceId,
    run_id: runId,
    ...info,
    content_type: 'text/plain',
    captured_at: isoMs(1_700_000_000_000),
    request_key: 'r',
    page: 0,
  };
  const applied = { profile, digest: sha256Hex(canonicalJson(profile)), ordinal };
  const signal = new AbortController().signal;
  return { tenantId: 'default', sourceId, runId, jobId: newUuid(), raw, profile: applied, signal };
}

const customers = profileOf(
  'ndjson',
  [
    {
      kind: 'entity',
      name: 'customer',
      key: ['id', 'since'],
      ts: { path: 'since', cast: 'datetime' },
      dimensions: { id: 'id', tier: 'tier' },
      measures: { limit: { path: 'limit', cast: 'decimal' } },
    },
    { kind: 'entity', name: 'customer', key: ['id'], when: '!has(row.since)', dimensions: { id: 'id', tier: 'tier' } },
  ],
  { profile: 'customers', null_values: ['-'] },
);
customers.records[0]!.when = 'has(row.since)';

const orders = (more: Partial<Profile> = {}): Profile =>
  profileOf(
    'ndjson',
    [
      event({
        dimensions: { tier: { lookup: { in: 'customers', key: 'who', field: 'tier' }, default: '-' } },
        measures: {
          limit: { lookup: { in: 'customers', key: 'who', field: 'limit', on_no_match: 'missing' }, cast: 'decimal' },
        },
      }),
    ],
    {
      profile: 'orders',
      lookups: { customers: { entities: { source: 'crm', name: 'customer' }, key: 'id' } },
      ...more,
    },
  );

const seconds = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 1000;
const rows = [
  { id: 1, t: seconds('2024-01-15'), who: 'a' },
  { id: 2, t: seconds('2024-02-15'), who: 'a' },
  { id: 3, t: seconds('2024-02-15'), who: 'b' },
  { id: 4, t: seconds('2024-02-15'), who: 'c' },
];

async function tiers(sourceId: string): Promise<(string | undefined)[]> {
  const found = new Map<number, string | undefined>();
  for await (const page of canonical.scan('default', { sourceId }))
    for (const { row, dimensions, exact, measures } of page)
      found.set(row, [dimensions.tier, exact?.limit ?? measures.limit].join(' ').trim());
  return [...found.entries()].sort(([a], [b]) => a - b).map(([, tier]) => tier);
}

it('looks entities up as they are when the payload is mapped, and repeats with the same', async () => {
  const versions = [
    { id: 'a', since: '2024-01-01', tier: 'new', limit: 0.1 },
    { id: 'a', since: '2024-02-01', tier: 'gold' },
    { id: 'b', tier: 'silver' },
  ];
  await normalizer.normalize(await task('crm', customers, versions));
  const before = ['new 0.1', 'gold', 'silver', '-'];
  const given = await task('shop', orders(), rows);
  const first = await normalizer.normalize(given);
  expect(await tiers('shop')).toEqual(before);
  const [entry] = await audit.entries('default', { runId: given.runId });
  const digest = String(entry!.entry.details.lookup_customers);
  expect(await blobs.verify('references', digest)).toBe(true);

  // The entities change: a repeat of the payload under this version is the same batch still.
  await normalizer.normalize(await task('crm', customers, [...versions, { id: 'c', tier: 'late' }]));
  const again = await normalizer.normalize(await task('shop', orders(), rows));
  expect(again.receipts).toEqual(first.receipts);
  expect(await tiers('shop')).toEqual(before);

  // What a new version would give is read anew, and nothing of it is kept before it is done.
  const next = orders({ version: '2.0.0' });
  const { changes, store } = await normalizer.rehearse({
    ...(await task('shop', next, rows, 2)),
    payloads: [(await task('shop', next, rows)).raw],
    examples: 5,
  });
  await store.close();
  expect(changes).toMatchObject({ changed: 1, unchanged: 3 });
  await normalizer.normalize(await task('shop', next, rows, 2));
  expect(await tiers('shop')).toEqual([...before.slice(0, 3), 'late']);
  expect((await audit.verify('default')).findings).toEqual([]);
});

it('repeats what broke off between records and ledger with the entities of the first try', async () => {
  await normalizer.normalize(await task('crm', customers, [{ id: 'x', tier: 'first' }]));
  const broken = { ...audit, append: () => Promise.reject(new ChartlyError('storage_unavailable', 'Away.')) };
  const given = await task('torn', orders({ profile: 'torn' }), [{ id: 1, t: seconds('2024-01-15'), who: 'x' }]);
  const dying = createNormalizer({ ...deps, audit: broken });
  await expect(dying.normalize(given)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(await tiers('torn')).toEqual(['first']);
  await normalizer.normalize(await task('crm', customers, [{ id: 'x', tier: 'second' }]));
  await normalizer.normalize(given);
  expect(await tiers('torn')).toEqual(['first']);
  expect((await audit.verify('default')).findings).toEqual([]);
});

it('maps with a reference file that is stored, and says what to do about one that is not', async () => {
  const content = Buffer.from('id,tier\na,from the file\n');
  const { sha256 } = await normalizer.storeReference(content);
  const table = { file: 'tiers.csv', sha256, key: 'id' };
  const profile = orders({ profile: 'files', lookups: { customers: table } });
  profile.records[0]!.measures = {};
  await normalizer.checkTables(profile);
  await normalizer.normalize(await task('files', profile, rows));
  expect(await tiers('files')).toEqual(['from the file', 'from the file', '-', '-']);

  const refused = async (lookups: Profile['lookups']): Promise<string> => {
    const error: ChartlyError = await normalizer.checkTables({ ...profile, lookups }).then(
      () => expect.unreachable(),
      (thrown: ChartlyError) => thrown,
    );
    expect(error.code).toBe('profile_invalid');
    return `${error.details[0]!.pointer} ${error.details[0]!.message}`;
  };
  const absent = { ...table, sha256: 'f'.repeat(64) };
  expect(await refused({ customers: absent })).toMatch(/^\/lookups\/customers\/file .*post it to \/v1\/references/);
  expect(await refused({ customers: { file: 'tiers.csv', key: 'id' } })).toMatch(/is not stored/);
  expect(await refused({ customers: { ...table, key: 'nope' } })).toMatch(
    /^\/lookups\/customers\/key it has no column/,
  );
  const payload = await task('files', { ...profile, lookups: { customers: absent } }, rows, 3);
  await expect(normalizer.normalize(payload)).rejects.toMatchObject({ code: 'profile_invalid' });
});
