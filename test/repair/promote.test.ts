// Versions come and go: staged, promoted, rolled back. The one that was promoted last has the last word, whatever jobs of others are still running.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readConfig, serve, type Serving, type System } from '#app';
import { testPostgresUrl } from '#storage';
import type { Profile, Run } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };
let dir: string;
let serving: Serving;
let system: System;
/** Each test has a source and a profile of its own. */
let id = '';
let tests = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-promote-'));
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
});

/** All 40 rows; 2.0.0 refuses ten and leaves out five; 3.0.0 makes ten records with other keys. */
function versionOf(version: '1.0.0' | '2.0.0' | '3.0.0'): Profile {
  const strict = version === '2.0.0';
  return {
    profile: id,
    version,
    format: 'ndjson',
    records: [
      {
        kind: 'event',
        name: 'reading',
        ...(strict ? { when: 'row.level < 35' } : {}),
        key: version === '3.0.0' ? ['code'] : ['id'],
        ts: { path: 'at', cast: 'epoch_s' },
        measures: { level: strict ? { path: 'level', required: true, min: 10 } : 'level' },
      },
    ],
  };
}

const apply = (profile: Profile, stage = false) =>
  system.orchestrator.apply(context, [{ kind: 'profile', spec: profile }], { stage });
const promote = (version: string, replay = false) =>
  system.orchestrator.promote(context, { profileId: id, version, replay });

async function ended(run: Run): Promise<Run> {
  const done = await system.orchestrator.waitForRun(tenant, run.run_id);
  expect(done.state, done.error?.message).toBe('succeeded');
  return done;
}

const ingest = async (): Promise<Run> => ended(await system.orchestrator.ingest(context, id, 'cli'));

async function live(): Promise<Record<string, number>> {
  const versions: Record<string, number> = {};
  for await (const page of system.canonical.scan(tenant, { sourceId: id })) {
    for (const { profileVersion } of page) versions[profileVersion] = (versions[profileVersion] ?? 0) + 1;
  }
  return versions;
}

async function quarantine(): Promise<Record<string, number>> {
  const rows = await system.relational.query<{ at: string; n: number }>(
    `select profile_version || ' ' || state as at, count(*)::int as n from quarantine where source_id = $1 group by 1 order by 1`,
    [id],
  );
  return Object.fromEntries(rows.map(({ at, n }) => [at, n]));
}

const verified = async (): Promise<void> => expect((await system.audit.verify(tenant)).findings).toEqual([]);

beforeEach(async () => {
  id = `levels-${++tests}`;
  const rows = Array.from({ length: 40 }, (_, n) =>
    JSON.stringify({ id: `r${n}`, code: `c${n % 10}`, at: 1000 * n, level: n }),
  );
  await writeFile(join(dir, `${id}.ndjson`), rows.join('\n'));
  await system.orchestrator.apply(context, [
    { kind: 'profile', spec: versionOf('1.0.0') },
    { kind: 'source', spec: { source: id, connector: 'file', profile: id, file: { path: `${id}.ndjson` } } },
  ]);
  await ingest();
});

describe('a staged version', () => {
  it('is registered and reads nothing, but can be previewed', async () => {
    const staged = versionOf('2.0.0');
    expect(await apply(staged, true)).toMatchObject([{ version: '2.0.0', change: 'staged' }]);
    expect(await apply(staged, true)).toMatchObject([{ version: '2.0.0', change: 'unchanged' }]);
    const states = async () =>
      (await system.orchestrator.profiles(tenant))
        .filter((one) => one.profile.profile === id)
        .map((one) => [one.profile.version, one.state, one.ordinal]);
    expect(await states()).toEqual([
      ['2.0.0', 'staged', undefined],
      ['1.0.0', 'active', 1],
    ]);
    await expect(apply({ ...staged, title: 'other' }, true)).rejects.toMatchObject({ code: 'version_exists' });

    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: id, profileVersion: '2.0.0' });
    expect(preview.records).toEqual({ added: 0, changed: 0, retired: 15, unchanged: 25 });
    const diff = { a: { applied: `${id}@2.0.0` }, b: { applied: `${id}@1.0.0` } };
    expect((await system.orchestrator.diffProfiles(tenant, diff)).records).toMatchObject({ added: 15, retired: 0 });
    await expect(system.orchestrator.replay(context, { sourceId: id, profileVersion: '2.0.0' })).rejects.toMatchObject({
      code: 'conflict',
      action: expect.stringContaining(`promote ${id}@2.0.0`),
    });
    expect(await live()).toEqual({ '1.0.0': 40 });

    // Applying the same file without --stage makes it active.
    expect(await apply(staged)).toMatchObject([{ version: '2.0.0', change: 'updated' }]);
    expect(await states()).toEqual([
      ['2.0.0', 'active', 2],
      ['1.0.0', 'superseded', 1],
    ]);
    await expect(apply(versionOf('1.0.0'))).rejects.toMatchObject({
      code: 'version_exists',
      message: expect.stringContaining(`promote ${id}@1.0.0`),
    });
  });

  it('can be asked what it would recover', async () => {
    await apply(versionOf('2.0.0'));
    await ingest();
    await apply({ ...versionOf('1.0.0'), version: '4.0.0' }, true);
    const preview = await system.orchestrator.previewRecovery(tenant, { profile: { applied: `${id}@4.0.0` } });
    expect(preview).toMatchObject([{ source_id: id, open: 10, recovered: 10, profile: { version: '4.0.0' } }]);
  });
});

describe('promoting', () => {
  it('switches the active version, once, and says so in the ledger', async () => {
    await apply(versionOf('2.0.0'), true);
    const before = (await system.audit.head(tenant)).size;
    const promoted = await promote('2.0.0');
    expect(promoted).toMatchObject({ change: 'promoted', replaces: '1.0.0', sources: [id], runs: [] });
    expect(await promote('2.0.0')).toMatchObject({ change: 'unchanged' });
    const entries = await system.audit.entries(tenant, { after: before - 1n });
    expect(entries.map(({ entry }) => [entry.action, entry.resource, entry.details])).toEqual([
      [
        'profile.promoted',
        `profile:${id}@2.0.0`,
        { id, version: '2.0.0', digest: promoted.profile.digest, ordinal: 2, replaces: '1.0.0' },
      ],
    ]);
    // What was captured before stays as it is until it is read again: by a replay, or by the next ingest, though nothing has changed.
    expect(await live()).toEqual({ '1.0.0': 40 });
    expect((await ingest()).unchanged).toBe(1);
    expect(await live()).toEqual({ '2.0.0': 25 });
    await expect(promote('9.9.9')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('brings an older version back, and what a preview said of it happens', async () => {
    await apply(versionOf('2.0.0'));
    await ingest();
    const { items } = await system.normalizer.quarantined(tenant, { sourceId: id, limit: 1 });
    await system.normalizer.discard(context, { quarantineId: items[0]!.quarantine_id }, 'a test');

    const { promotion, previews } = await system.orchestrator.previewPromotion(tenant, {
      profileId: id,
      version: '1.0.0',
    });
    expect(promotion).toMatchObject({ change: 'promoted', replaces: '2.0.0' });
    expect(previews).toMatchObject([
      {
        records: { added: 15, changed: 0, retired: 0, unchanged: 25 },
        quarantine: [{ reason_code: 'value_out_of_range', before: 9, recovered: 9, after: 0 }],
      },
    ]);
    const { runs } = await promote('1.0.0', true);
    await ended(runs[0]!);
    expect(await live()).toEqual({ '1.0.0': 40 });
    expect(await quarantine()).toEqual({ '2.0.0 discarded': 1, '2.0.0 recovered': 9 });
    await verified();

    // And forth: the rows that the stricter version refuses stand open again, but for the one that was given up.
    const forth = await system.orchestrator.previewReplay(tenant, { sourceId: id, profileVersion: '2.0.0' });
    expect(forth.quarantine).toEqual([{ reason_code: 'value_out_of_range', before: 0, recovered: 0, after: 9 }]);
    await ended((await promote('2.0.0', true)).runs[0]!);
    expect(await live()).toEqual({ '2.0.0': 25 });
    expect(await quarantine()).toEqual({ '2.0.0 discarded': 1, '2.0.0 open': 9 });
    await verified();
    const [record] = (await system.canonical.scan(tenant, { sourceId: id })[Symbol.asyncIterator]().next()).value!;
    const lineage = await system.audit.lineage(tenant, record.recordId);
    expect(lineage.profile.version).toBe('2.0.0');
    expect(lineage.record.revision).toBe(String(4n * 2n ** 44n + BigInt(record.capturedAtMs)));
  });

  it('asks for all replays or does nothing', async () => {
    await apply(versionOf('2.0.0'), true);
    const waiting = `insert into run (run_id, tenant_id, source_id, trigger, state, actor)
       select gen_random_uuid(), $1, $2, 'cli', 'queued', 'test' from generate_series(1, 20)`;
    await system.relational.execute(waiting, [tenant, id]);
    await expect(promote('2.0.0', true)).rejects.toMatchObject({ code: 'backpressure' });
    const profiles = await system.orchestrator.profiles(tenant);
    expect(profiles.find((one) => one.profile.profile === id && one.state === 'active')!.profile.version).toBe('1.0.0');
    await system.relational.execute(`delete from run where source_id = $1 and actor = 'test'`, [id]);
  });
});

/** Lets the next reading of a payload begin, and holds it there. */
function holdNextReading(): { held: Promise<void>; release: () => void } {
  const read = system.blobs.read.bind(system.blobs);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let begun = (): void => {};
  const held = new Promise<void>((resolve) => (begun = resolve));
  system.blobs.read = async function* (...args) {
    system.blobs.read = read;
    begun();
    await released;
    yield* read(...args);
  };
  return { held, release };
}

describe('while a job of another version is running', () => {
  it.for(['2.0.0', '3.0.0'] as const)('the promoted version wins though a job of %s ends after it', async (late) => {
    await apply(versionOf(late));
    const { held, release } = holdNextReading();
    const run = await system.orchestrator.ingest(context, id, 'cli');
    await held;
    await ended((await promote('1.0.0', true)).runs[0]!);
    expect(await live()).toEqual({ '1.0.0': 40 });
    release();
    await ended(run);
    expect(await live()).toEqual({ '1.0.0': 40 });
    expect(await quarantine()).toEqual(late === '2.0.0' ? { '2.0.0 superseded': 10 } : {});
    await verified();
  });

  it.for(['2.0.0', '3.0.0'] as const)(
    'the promoted version wins over a job of %s that ends while it reads',
    async (early) => {
      await apply(versionOf(early));
      const old = holdNextReading();
      const run = await system.orchestrator.ingest(context, id, 'cli');
      await old.held;
      const young = holdNextReading();
      const { runs } = await promote('1.0.0', true);
      await young.held;
      old.release();
      await ended(run);
      expect((await live())[early]).toBeGreaterThan(0);
      young.release();
      await ended(runs[0]!);
      expect(await live()).toEqual({ '1.0.0': 40 });
      expect(Object.keys(await quarantine()).filter((at) => at.endsWith(' open'))).toEqual([]);
      await verified();
    },
  );
});
