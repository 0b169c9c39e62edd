// What profiles keep no longer goes, for good: records, payloads and quarantine rows, each with its word in the ledger, and nothing that anybody still needs.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig, serve, type Serving, type System } from '#app';
import { testPostgresUrl } from '#storage';
import type { Profile, Run } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };
const day = 86_400_000;
let dir: string;
let serving: Serving;
let system: System;
/** Each test has sources and a profile of its own. */
let id = '';
let tests = 0;

const { now } = Date;
let aheadMs = 0;

beforeAll(async () => {
  vi.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs);
  dir = await mkdtemp(join(tmpdir(), 'chartly-retention-'));
  serving = await serve(
    readConfig(
      { CHARTLY_POSTGRES_URL: await testPostgresUrl(dir) },
      { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'silent' },
    ),
  );
  system = serving.system;
});
afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
  vi.restoreAllMocks();
});
beforeEach(() => {
  id = `kept-${++tests}`;
});
/** So many days go by. Never back: whoever waits for a moment would wait for as long. */
function later(days: number): void {
  aheadMs += days * day;
}

/** Row n is from n days ago; every tenth has no level, and is refused. */
async function writeRows(name: string, rows: number, note = id): Promise<void> {
  const today = Math.floor(Date.now() / day) * day;
  const lines = Array.from({ length: rows }, (_, n) =>
    JSON.stringify({
      id: `r${n}`,
      at: new Date(today - n * day).toISOString(),
      ...(n % 10 === 3 ? {} : { level: n }),
      note,
    }),
  );
  await writeFile(join(dir, `${name}.ndjson`), lines.join('\n'));
}

function profileOf(version: string, retention: Profile['retention'], strict = true): Profile {
  return {
    profile: id,
    version,
    format: 'ndjson',
    ...(retention === undefined ? {} : { retention }),
    records: [
      {
        kind: 'event',
        name: 'reading',
        key: ['id'],
        ts: 'at',
        measures: { level: { path: 'level', ...(strict ? { required: true } : {}) } },
      },
    ],
  };
}

const sourceOf = (name: string) => ({
  kind: 'source' as const,
  spec: { source: name, connector: 'file', profile: id, file: { path: `${name}.ndjson` } },
});
const apply = (profile: Profile, ...sources: string[]) =>
  system.orchestrator.apply(context, [{ kind: 'profile', spec: profile }, ...sources.map(sourceOf)]);

async function ended(run: Run): Promise<Run> {
  const done = await system.orchestrator.waitForRun(tenant, run.run_id);
  expect(done.state, done.error?.message).toBe('succeeded');
  return done;
}

const ingest = async (source = id): Promise<Run> => ended(await system.orchestrator.ingest(context, source, 'cli'));
const replay = async (source = id): Promise<Run> =>
  ended(await system.orchestrator.replay(context, { sourceId: source }));
const retain = async (dryRun = false, source = id) =>
  (await system.orchestrator.retain(tenant, { sourceId: source, dryRun }))[0]!;
const stored = async (source = id): Promise<number> => (await system.canonical.countBySource(tenant)).get(source) ?? 0;
const findings = async () => (await system.audit.verify(tenant)).findings;

async function payloads(source = id): Promise<{ sha256: string; expired: boolean; removed: boolean }[]> {
  return system.relational.query(
    `select sha256, expired_at is not null as expired, removed_at is not null as removed from raw_ref where source_id = $1 order by captured_at`,
    [source],
  );
}

const blobPath = (sha256: string): string =>
  join(dir, 'data/blobs/raw', sha256.slice(0, 2), sha256.slice(2, 4), `${sha256}.zst`);

async function quarantine(): Promise<Record<string, number>> {
  const rows = await system.relational.query<{ state: string; n: number }>(
    `select state, count(*)::int as n from quarantine where source_id = $1 group by 1`,
    [id],
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

const actions = async (action: string) =>
  (await system.audit.entries(tenant, { limit: 1000 }))
    .map(({ entry }) => entry)
    .filter((entry) => entry.action === action);

describe('entities that payloads were mapped with', () => {
  it('go with the payloads, and not before', async () => {
    const people: Profile = {
      profile: `${id}-people`,
      version: '1.0.0',
      format: 'ndjson',
      records: [{ kind: 'entity', name: id, key: ['who'], dimensions: { who: 'who', tier: 'tier' } }],
    };
    await writeFile(join(dir, `${id}-people.ndjson`), '{"who":"r1","tier":"gold"}');
    const looking = profileOf('1.0.0', { raw: 'P30D' }, false);
    looking.lookups = { people: { entities: { name: id }, key: 'who' } };
    looking.records[0]!.dimensions = { tier: { lookup: { in: 'people', key: 'id', field: 'tier' }, default: '-' } };
    await writeRows(id, 2);
    await system.orchestrator.apply(context, [
      { kind: 'profile', spec: people },
      { kind: 'source', spec: { ...sourceOf(`${id}-people`).spec, profile: `${id}-people` } },
    ]);
    await ingest(`${id}-people`);
    await apply(looking, id);
    await ingest();
    const [pinned] = await system.relational.query<{ sha256: string }>(
      'select sha256 from lookup_snapshot where source_id = $1',
      [id],
    );
    const { sha256 } = pinned!;
    await retain();
    expect(await system.blobs.verify('references', sha256)).toBe(true);
    later(40);
    expect((await retain()).raw).toMatchObject({ payloads: 1 });
    expect(await system.blobs.stat('references', sha256)).toBeUndefined();
    expect(await findings()).toEqual([]);
    // The same bytes fetched again are mapped with the entities of now.
    await writeFile(join(dir, `${id}-people.ndjson`), '{"who":"r1","tier":"silver"}');
    await ingest(`${id}-people`);
    await ingest();
    const tables = await system.relational.query<{ sha256: string; lives: boolean }>(
      'select sha256, expired_at is null as lives from lookup_snapshot where source_id = $1 order by created_at',
      [id],
    );
    expect(tables.map(({ lives }) => lives)).toEqual([false, true]);
    expect(await system.blobs.verify('references', tables[1]!.sha256)).toBe(true);
    expect(await findings()).toEqual([]);
    const path = join(dir, 'data/blobs/references', tables[1]!.sha256.slice(0, 2), tables[1]!.sha256.slice(2, 4));
    const table = await system.blobs.readAll('references', tables[1]!.sha256);
    await rm(join(path, `${tables[1]!.sha256}.zst`));
    expect(await findings()).toMatchObject([{ plane: 'raw', subject: `blob references/${tables[1]!.sha256}` }]);
    await system.blobs.put('references', table);
  });
});

describe('records', () => {
  it('go by their own time, and do not come back by an ingest or a replay', async () => {
    await writeRows(id, 40);
    await apply(profileOf('1.0.0', undefined), id);
    await ingest();
    expect(await stored()).toBe(36);
    expect(await retain(true)).toEqual({ source_id: id, profile: { id, version: '1.0.0' } });

    await apply(profileOf('1.1.0', { records: 'P2W' }));
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: id });
    const would = await retain(true);
    expect(would.records).toMatchObject({ period: 'P2W', records: 23 });
    expect(await stored()).toBe(36);
    expect((await retain()).records).toEqual(would.records);
    expect(await stored()).toBe(13);
    expect((await retain()).records!.records).toBe(0);
    expect(await findings()).toEqual([]);

    // The payload still holds them all.
    await replay();
    expect(await stored()).toBe(13);
    expect(preview.records).toEqual({ added: 0, changed: 0, retired: 23, unchanged: 13 });
    await writeRows(id, 40, 'again');
    await ingest();
    expect(await stored()).toBe(13);
    expect(await findings()).toEqual([]);

    // A version that keeps them longer brings them back.
    await apply(profileOf('1.2.0', { records: 'P1Y' }));
    await replay();
    expect(await stored()).toBe(36);
    expect(await findings()).toEqual([]);
  });

  it('that go otherwise are still missed', async () => {
    await writeRows(id, 40);
    await apply(profileOf('1.0.0', { records: 'P2W' }), id);
    await ingest();
    expect(await stored()).toBe(13);
    await replay();
    await replay();
    const [{ batch_id: batch }] = (await system.relational.query<{ batch_id: string }>(
      'select batch_id from batch_receipt where source_id = $1',
      [id],
    )) as [{ batch_id: string }];
    // As one who has the engine's keys would do it: one record more than the ledger accounts for.
    await system.canonical.expireBefore(
      { tenantId: tenant, sourceId: id, beforeMs: Math.floor(Date.now() / day) * day - 12 * day },
      async () => {},
    );
    expect(await stored()).toBe(12);
    // While the store changes, verification does not say what is gone.
    const found = await vi.waitUntil(async () => {
      const all = await findings();
      return all.length > 0 && all;
    });
    expect(found).toMatchObject([{ subject: `batch ${batch}`, problem: expect.stringContaining('1 of its') }]);
    await system.orchestrator.replay(context, { sourceId: id }).then(ended);
    expect(await findings()).toEqual([]);
  });
});

describe('payloads', () => {
  it('go by their capture, once nobody needs them, and the rest says so', async () => {
    const twin = `${id}-twin`;
    await writeRows(id, 40);
    await writeRows(twin, 40);
    await writeRows(`${id}-other`, 20, 'other');
    await apply(profileOf('1.0.0', { raw: 'P30D' }), id, twin, `${id}-other`);
    for (const source of [id, twin, `${id}-other`]) await ingest(source);
    const { sha256 } = (await payloads())[0]!;
    expect((await payloads(twin))[0]!.sha256).toBe(sha256);
    expect((await retain()).raw).toMatchObject({ payloads: 0, kept: 0 });

    later(31);
    // Its four rows without a level stand open.
    expect((await retain()).raw).toMatchObject({ payloads: 0, kept: 1, busy: false });
    for (const source of [id, `${id}-other`]) {
      await system.normalizer.discard(context, { sourceId: source, reasonCode: 'missing_field' }, 'a test');
    }
    const would = await retain(true);
    expect(would.raw).toMatchObject({ payloads: 1, kept: 0 });
    expect((await retain()).raw).toEqual(would.raw);
    // The twin's payload has the same bytes, and open rows.
    expect(await payloads()).toEqual([{ sha256, expired: true, removed: true }]);
    expect(existsSync(blobPath(sha256))).toBe(true);
    expect((await retain(false, twin)).raw).toMatchObject({ payloads: 0, kept: 1 });
    await system.normalizer.discard(context, { sourceId: twin, reasonCode: 'missing_field' }, 'a test');
    await retain(false, twin);
    expect(existsSync(blobPath(sha256))).toBe(false);
    const other = (await payloads(`${id}-other`))[0]!.sha256;
    expect(existsSync(blobPath(other))).toBe(true);
    expect((await retain(false, `${id}-other`)).raw).toMatchObject({ payloads: 1 });
    expect(existsSync(blobPath(other))).toBe(false);
    expect(await findings()).toEqual([]);

    // Its records stay, and say what has become of their bytes.
    expect(await stored()).toBe(36);
    const [page] = await Array.fromAsync(system.canonical.scan(tenant, { sourceId: id }));
    const lineage = await system.audit.lineage(tenant, page![0]!.recordId);
    expect(lineage.raw).toMatchObject({ sha256, bytes: undefined, expired_at: expect.any(String) });
    expect(lineage.entries.map(({ entry }) => entry.action)).toContain('payload.expired');
    expect((await actions('payload.expired')).filter(({ details }) => details.source_id === id)).toHaveLength(1);

    // A replay leaves them as they are; an ingest captures anew what the upstream still has.
    await apply(profileOf('2.0.0', { raw: 'P30D' }, false));
    const empty = await replay();
    expect(empty.counts.rows).toBe(0);
    expect(await stored()).toBe(36);
    const again = await ingest();
    expect(again.unchanged).toBe(0);
    expect(await stored()).toBe(40);
    expect(await payloads()).toMatchObject([{ expired: true }, { sha256, expired: false }]);
    expect((await system.audit.lineage(tenant, page![0]!.recordId)).raw.bytes!.length).toBeGreaterThan(0);
    expect(await findings()).toEqual([]);
  });

  it('keep their bytes while another tenant has a reference to them', async () => {
    await writeRows(id, 2);
    await apply(profileOf('1.0.0', { raw: 'P30D' }), id);
    await ingest();
    const { sha256 } = (await payloads())[0]!;
    await system.relational.execute(
      `insert into raw_ref (tenant_id, source_id, run_id, page, request_key, bucket, key, sha256, content_type, size, captured_at)
       select 'neighbour', source_id, gen_random_uuid(), page, request_key, bucket, key, sha256, content_type, size, captured_at
       from raw_ref where tenant_id = $1 and source_id = $2`,
      [tenant, id],
    );
    later(40);
    expect((await retain()).raw).toMatchObject({ payloads: 1 });
    expect(existsSync(blobPath(sha256))).toBe(true);
    await system.relational.execute(`delete from raw_ref where tenant_id = 'neighbour'`);
    expect(await findings()).toEqual([]);
  });

  it('wait while a run is under way, and never go when the same bytes are being captured', async () => {
    await writeRows(id, 5);
    await apply(profileOf('1.0.0', { raw: 'P30D', quarantine: 'P1D' }), id);
    await ingest();
    later(40);
    await system.relational.execute(
      `insert into run (run_id, tenant_id, source_id, trigger, state, actor) values (gen_random_uuid(), $1, $2, 'cli', 'running', 'test')`,
      [tenant, id],
    );
    expect((await retain(true)).raw).toMatchObject({ payloads: 1, busy: true });
    expect((await retain()).raw).toMatchObject({ payloads: 0, busy: true });
    await system.relational.execute(`delete from run where source_id = $1 and actor = 'test'`, [id]);
    // Somebody has put these bytes just now, and not recorded it yet.
    const { sha256 } = (await payloads())[0]!;
    await system.blobs.put('raw', await system.blobs.readAll('raw', sha256));
    expect((await retain()).raw).toMatchObject({ payloads: 1, busy: false });
    expect(await payloads()).toEqual([{ sha256, expired: true, removed: false }]);
    expect(existsSync(blobPath(sha256))).toBe(true);
    later(2);
    await retain();
    expect(await payloads()).toEqual([{ sha256, expired: true, removed: true }]);
    expect(existsSync(blobPath(sha256))).toBe(false);
    expect(await findings()).toEqual([]);
  });

  it('that are marked as expired without an entry, or gone without having expired, are found', async () => {
    await writeRows(id, 2);
    await apply(profileOf('1.0.0', { raw: 'P30D' }), id);
    await ingest();
    await system.relational.execute('update raw_ref set expired_at = now() where source_id = $1', [id]);
    expect(await findings()).toMatchObject([{ problem: 'it has expired, and the ledger has no entry of that' }]);
    await system.relational.execute('update raw_ref set expired_at = null where source_id = $1', [id]);
    later(40);
    await retain();
    await system.relational.execute('update raw_ref set expired_at = null where source_id = $1', [id]);
    const found = await findings();
    expect(found.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('says that it has expired'),
      'is missing',
    ]);
    await system.relational.execute('update raw_ref set expired_at = now() where source_id = $1', [id]);
  });
});

describe('quarantine rows', () => {
  it('expire when nobody attends to them, and let their payload go', async () => {
    await writeRows(id, 40);
    await apply(profileOf('1.0.0', { raw: 'P30D', quarantine: 'P30D' }), id);
    await ingest();
    expect(await quarantine()).toEqual({ open: 4 });
    later(31);
    const would = await retain(true);
    expect(would).toMatchObject({ quarantine: { rows: 4 }, raw: { payloads: 1, kept: 0 } });
    expect(await retain()).toEqual(would);
    expect(await quarantine()).toEqual({ expired: 4 });
    const own = (await actions('quarantine.expired')).filter(({ details }) => details.source_id === id);
    expect(own.map(({ details }) => details.rows)).toEqual([4]);
    expect((await system.orchestrator.retain(tenant, { dryRun: true })).map((one) => one.source_id)).toContain(id);
    const { items } = await system.normalizer.quarantined(tenant, { sourceId: id, state: 'expired', limit: 1 });
    expect((await system.normalizer.quarantinedRow(tenant, items[0]!.quarantine_id)).bytes).toBeUndefined();

    // Captured anew and refused anew, they are open anew.
    await ingest();
    expect(await quarantine()).toEqual({ open: 4 });
    expect((await retain()).quarantine!.rows).toBe(0);
    expect(await findings()).toEqual([]);
  });
});
