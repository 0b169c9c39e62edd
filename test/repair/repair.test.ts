// Repair on the demo's real data: what a preview says is what then happens, to the cell; and a replay adds nothing, however often it is repeated.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, readConfig, readWorkspace, startDemoUpstream, type System } from '#app';
import { testPostgresUrl } from '#storage';
import type { Profile, ReplayPreview, Run } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };
const workspaceDir = join(import.meta.dirname, '../../examples/demo');

let dataDir: string;
let upstream: Awaited<ReturnType<typeof startDemoUpstream>>;
let system: System;
const { documents } = await readWorkspace(workspaceDir);

async function open(): Promise<System> {
  const opened = await compose(
    readConfig(
      { ...process.env, CHARTLY_POSTGRES_URL: await testPostgresUrl(dataDir) },
      { dataDir, port: 0, workspaceDir, logLevel: 'silent' },
    ),
  );
  await opened.orchestrator.start();
  return opened;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'chartly-repair-'));
  upstream = await startDemoUpstream({});
  process.env.CHARTLY_DEMO_UPSTREAM = upstream.url;
  system = await open();
  await system.orchestrator.apply(context, documents);
  for (const source of ['movies', 'weather', 'stocks']) {
    const run = await system.orchestrator.ingest(context, source, 'cli');
    await ended(run);
  }
});

afterAll(async () => {
  await system.stop();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function ended(run: Run): Promise<Run> {
  const done = await system.orchestrator.waitForRun(tenant, run.run_id);
  expect(done.state, done.error?.message).toBe('succeeded');
  return done;
}

function profileOf(id: string, change: (profile: Profile) => void): Profile {
  const found = documents.find(({ kind, spec }) => kind === 'profile' && (spec as Profile).profile === id)!;
  const profile = structuredClone(found.spec) as Profile;
  change(profile);
  return profile;
}

const apply = (profile: Profile) => system.orchestrator.apply(context, [{ kind: 'profile', spec: profile }]);

/** Everything that a reader of the source can see, apart from who made it. */
async function stateOf(source: string) {
  const records: string[] = [];
  for await (const page of system.canonical.scan(tenant, { sourceId: source })) {
    for (const { recordId, recordHash, batchId } of page) records.push(`${recordId} ${recordHash} ${batchId}`);
  }
  const { rows } = await rowsOf(source);
  const batches = await system.relational.query(
    'select count(*)::int as n from batch_receipt where tenant_id = $1 and source_id = $2',
    [tenant, source],
  );
  return {
    records: records.sort(),
    quarantine: rows,
    batches,
    totals: (await system.orchestrator.totals(tenant)).get(source),
  };
}

async function rowsOf(source: string) {
  const rows = await system.relational.query<{
    state: string;
    reason_code: string;
    n: number;
    profile_version: string;
  }>(
    `select state, reason_code, profile_version, count(*)::int as n from quarantine where source_id = $1 group by 1, 2, 3 order by 1, 2, 3`,
    [source],
  );
  const count = (state: string, version?: string): number =>
    rows.reduce(
      (sum, row) => sum + (row.state === state && (version ?? row.profile_version) === row.profile_version ? row.n : 0),
      0,
    );
  return { rows, count };
}

async function digests(report: string): Promise<Record<string, string>> {
  const { manifest } = await system.analytics.render(tenant, await system.orchestrator.report(tenant, report), {
    format: 'json',
  });
  return Object.fromEntries(manifest.inputs.map(({ section, result_digest }) => [section, result_digest]));
}

/** The report's cells as they are, section by section. */
async function tables(report: string) {
  const spec = await system.orchestrator.report(tenant, report);
  const results: Record<string, { columns: string[]; rows: (string | number | null)[][] }> = {};
  for (const { id, query } of spec.sections) {
    const timezone = query.timezone ?? spec.timezone ?? 'UTC';
    const { columns, rows } = await system.analytics.query(tenant, { ...query, timezone });
    results[id] = { columns: columns.map(({ name }) => name), rows };
  }
  return results;
}

async function expectClean(): Promise<void> {
  const report = await system.audit.verify(tenant);
  expect(report.findings).toEqual([]);
}

async function forks(): Promise<number> {
  const { rows } = await system.canonical.read({
    text: `SELECT count() FROM system.databases WHERE startsWith(name, 'chartly_fork_')`,
    params: {},
  });
  return Number(rows[0]![0]);
}

/** Applies and replays what was previewed, and holds the preview to its word. */
async function holdsTo(preview: ReplayPreview, profile: Profile, report: string): Promise<void> {
  const source = preview.source_id;
  const recordsBefore = await contents(source);
  const tablesBefore = await tables(report);
  expect(await digests(report)).toEqual(
    Object.fromEntries(preview.reports.map((one) => [one.section, one.digest_before])),
  );
  await apply(profile);
  await ended(await system.orchestrator.replay(context, { sourceId: source }));

  const recordsAfter = await contents(source);
  const changes = { added: 0, changed: 0, retired: 0, unchanged: 0 };
  for (const [id, text] of recordsAfter) {
    const was = recordsBefore.get(id);
    changes[was === undefined ? 'added' : was === text ? 'unchanged' : 'changed']++;
  }
  for (const id of recordsBefore.keys()) if (!recordsAfter.has(id)) changes.retired++;
  expect(preview.records).toEqual(changes);
  expect(preview.reports.every((one) => one.report === report)).toBe(true);
  expect(await digests(report)).toEqual(
    Object.fromEntries(preview.reports.map((one) => [one.section, one.digest_after])),
  );
  const tablesAfter = await tables(report);
  for (const one of preview.reports) {
    const [from, to] = [tablesBefore[one.section]!, tablesAfter[one.section]!];
    expect([one.rows_before, one.rows_after]).toEqual([from.rows.length, to.rows.length]);
    for (const cell of one.cells) {
      expect(cellsAt(from, cell)).toContain(cell.before);
      expect(cellsAt(to, cell)).toContain(cell.after);
    }
  }
  const open = await system.normalizer.quarantineSummary(tenant, { sourceId: source });
  expect(preview.quarantine.filter((one) => one.after > 0).map((one) => [one.reason_code, one.after])).toEqual(
    open.map((one) => [one.reason_code, one.count]),
  );
}

function cellsAt(
  { columns, rows }: { columns: string[]; rows: (string | number | null)[][] },
  cell: ReplayPreview['reports'][number]['cells'][number],
): (string | number | null)[] {
  const found = rows.filter((row) =>
    Object.entries(cell.row).every(([name, value]) => row[columns.indexOf(name)] === value),
  );
  return found.length === 0 ? [null] : found.map((row) => row[columns.indexOf(cell.column)]!);
}

async function contents(source: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const page of system.canonical.scan(tenant, { sourceId: source })) {
    for (const { recordId, kind, name, tsMs, value, unit, dimensions, measures, exact } of page) {
      const maps = [dimensions, measures, exact ?? {}].map((map) =>
        Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      found.set(recordId, JSON.stringify([kind, name, tsMs, value, unit, maps]));
    }
  }
  return found;
}

const unrated = profileOf('movies', (profile) => {
  profile.version = '1.1.0';
  for (const rule of profile.records) {
    const rating = rule.measures?.imdb_rating as { required?: boolean };
    delete rating.required;
  }
});

describe('repair', () => {
  it('says what dropping a requirement would recover, and keeps its word', async () => {
    const before = await stateOf('movies');
    const [recovery] = await system.orchestrator.previewRecovery(tenant, {
      sourceId: 'movies',
      profile: { profile: unrated },
    });
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'movies', profile: unrated });
    expect(preview.records.added).toBeGreaterThan(0);
    expect(preview.reports.map((one) => one.section)).toEqual(['genres', 'ratings']);
    expect(preview.reports.every((one) => one.cells_changed > 0)).toBe(true);
    expect(preview.examples.filter((one) => one.change === 'added')).toHaveLength(20);
    // Nothing was written, and nothing is left of it.
    expect(await stateOf('movies')).toEqual(before);
    expect(await forks()).toBe(0);

    await holdsTo(preview, unrated, 'movies');
    const { count } = await rowsOf('movies');
    const recovered = preview.quarantine.reduce((sum, one) => sum + (one.recovered ?? 0), 0);
    expect(recovered).toBeGreaterThan(0);
    expect(count('recovered')).toBe(recovered);
    expect(recovery).toMatchObject({ open: count('recovered') + count('superseded'), recovered });
    await expectClean();
  });

  it('says what another zone would do to the weather, and keeps its word', async () => {
    const moved = profileOf('weather', (profile) => {
      profile.version = '1.1.0';
      profile.timezone = 'Asia/Tokyo';
    });
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'weather', profile: moved });
    expect(preview.records).toMatchObject({ added: 0, retired: 0, unchanged: 0 });
    expect(preview.records.changed).toBe(1461 * 4);
    await holdsTo(preview, moved, 'seattle-weather');
    await expectClean();
  });

  it('finds nothing to change when the active version is replayed, and replaying twice adds nothing', async () => {
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'movies' });
    expect(preview.records).toMatchObject({ added: 0, changed: 0, retired: 0 });
    expect(preview.reports.map((one) => one.cells_changed)).toEqual([0, 0]);
    const before = await stateOf('movies');
    for (let times = 0; times < 2; times++) {
      const run = await ended(await system.orchestrator.replay(context, { sourceId: 'movies' }));
      expect(run.trigger).toBe('replay');
      expect(run.counts.records).toBe(before.totals!.records);
      expect(await stateOf('movies')).toEqual(before);
    }
    await expectClean();
  });

  it('ends the same when it is stopped half way and taken up by the next process', async () => {
    const renamed = profileOf('stocks', (profile) => {
      profile.version = '2.0.0';
      for (const rule of profile.records) rule.unit = 'EUR';
    });
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'stocks', profile: renamed });
    await apply(renamed);
    const run = await system.orchestrator.replay(context, { sourceId: 'stocks' });
    // Its records are on their way to the store when the process ends: what is written is not yet settled.
    const write = system.canonical.write.bind(system.canonical);
    const began = new Promise<void>((resolve) => {
      system.canonical.write = (batch) => {
        resolve();
        return write(batch);
      };
    });
    await began;
    await system.stop(0);
    system = await open();
    await ended(run);
    const state = await stateOf('stocks');
    const units = new Set<string>();
    for await (const page of system.canonical.scan(tenant, { sourceId: 'stocks' })) {
      for (const { unit } of page) units.add(unit);
    }
    expect([...units]).toEqual(['EUR']);
    expect(preview.records).toEqual({ added: 0, retired: 0, unchanged: 0, changed: state.records.length });
    await ended(await system.orchestrator.replay(context, { sourceId: 'stocks' }));
    expect(await stateOf('stocks')).toEqual(state);
    await expectClean();
  });

  it('refuses a version that newer records would win over', async () => {
    await expect(
      system.orchestrator.replay(context, { sourceId: 'movies', profileVersion: '1.0.0' }),
    ).rejects.toMatchObject({ code: 'conflict' });
  });

  it('compares two versions on the same payloads', async () => {
    const request = { a: { applied: 'movies@1.0.0' }, b: { applied: 'movies@1.1.0' } };
    const forward = await system.orchestrator.diffProfiles(tenant, request);
    const back = await system.orchestrator.diffProfiles(tenant, { a: request.b, b: { profile: unrated } });
    const live = await contents('movies');
    expect(forward.records.added).toBeGreaterThan(0);
    expect(forward.records.added + forward.records.changed + forward.records.unchanged).toBe(live.size);
    expect(forward.compared_to).toMatchObject({ id: 'movies', version: '1.0.0' });
    expect(Object.fromEntries(forward.reports.map((one) => [one.section, one.digest_after]))).toEqual(
      await digests('movies'),
    );
    expect(back.records).toEqual({ added: 0, changed: 0, retired: 0, unchanged: live.size });
    expect(await forks()).toBe(0);
  });

  it('recovers only what a newer version can, and discards with a reason', async () => {
    await expect(system.orchestrator.recover(context, 'movies')).rejects.toMatchObject({ code: 'conflict' });
    const free = structuredClone(unrated);
    free.version = '1.2.0';
    for (const rule of free.records) delete (rule.measures!.us_gross as { required?: boolean }).required;
    const [preview] = await system.orchestrator.previewRecovery(tenant, { profile: { profile: free } });
    await apply(free);
    const already = (await rowsOf('movies')).count('recovered');
    await ended(await system.orchestrator.recover(context, 'movies', 'missing_field'));
    expect((await rowsOf('movies')).count('recovered') - already).toBe(preview!.recovered);

    const open = await system.normalizer.quarantineSummary(tenant, { sourceId: 'movies' });
    const { items } = await system.normalizer.quarantined(tenant, { sourceId: 'movies', limit: 1 });
    const { quarantine_id: id, reason_code: reasonCode } = items[0]!;
    expect(await system.normalizer.discard(context, { quarantineId: id }, 'a test')).toBe(1);
    await expect(system.normalizer.discard(context, { quarantineId: id }, 'a test')).rejects.toMatchObject({
      code: 'conflict',
    });
    const rest = open.find((one) => one.reason_code === reasonCode)!.count - 1;
    expect(await system.normalizer.discard(context, { sourceId: 'movies', reasonCode }, 'never rated')).toBe(rest);
    const preview2 = await system.orchestrator.previewReplay(tenant, { sourceId: 'movies' });
    expect(preview2.quarantine.find((one) => one.reason_code === reasonCode)?.after ?? 0).toBe(0);
    const entries = await system.audit.entries(tenant, { limit: 10_000 });
    const discarded = entries.filter(({ entry }) => entry.action === 'quarantine.discarded');
    expect(discarded.map(({ entry }) => [entry.details.rows, entry.details.reason])).toEqual([
      [1, 'a test'],
      [rest, 'never rated'],
    ]);
    await expectClean();
  });

  it('clears away what a preview left behind when its process died', async () => {
    await system.canonical.fork();
    expect(await forks()).toBe(1);
    await system.stop();
    system = await open();
    expect(await forks()).toBe(0);
  });
});
