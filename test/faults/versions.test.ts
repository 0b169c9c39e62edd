// A profile's new version may move a record's time, name or key: each record still has exactly one live row, and everything verifies.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig, serve, type Serving } from '#app';
import type { Profile, RecordRule, Run } from '#contracts';
import type { RequestContext } from '#kit';

const context: RequestContext = { tenantId: 'default', actor: 'cli', requestId: 'test' };
const rows = 500;
let dir: string;
let serving: Serving;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-versions-'));
  const lines = Array.from({ length: rows }, (_, n) =>
    JSON.stringify({ id: `r${n}`, code: n, at: 1000 * n, level: n }),
  );
  await writeFile(join(dir, 'readings.ndjson'), lines.join('\n'));
  serving = await serve(readConfig({}, { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'error' }));
  await apply('1.0.0', {});
});

afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
});

async function apply(version: string, changes: Partial<RecordRule>): Promise<Run> {
  const { orchestrator } = serving.system;
  const rule: RecordRule = {
    kind: 'event',
    name: 'reading',
    key: ['id'],
    ts: { path: 'at', cast: 'epoch_s' },
    measures: { level: 'level' },
    ...changes,
  };
  const profile: Profile = { profile: 'readings', version, format: 'ndjson', records: [rule] };
  const source = { source: 'readings', connector: 'file', profile: 'readings', file: { path: 'readings.ndjson' } };
  await orchestrator.apply(context, [
    { kind: 'profile', spec: profile },
    { kind: 'source', spec: source },
  ]);
  const { run_id } = await orchestrator.ingest(context, 'readings', 'cli');
  return orchestrator.waitForRun('default', run_id);
}

/** All physical rows that are live, seen as a reader sees them. */
async function live(): Promise<{ records: number; ids: number; names: string[]; first: string }> {
  const { rows: found } = await serving.system.canonical.read({
    text: `SELECT count(), uniqExact(record_id), arrayStringConcat(arraySort(groupUniqArray(name)), ','), toString(min(ts))
           FROM records FINAL WHERE tenant_id = {tenant:String}`,
    params: { tenant: 'default' },
  });
  const [records, ids, names, first] = found[0]!;
  return { records: Number(records), ids: Number(ids), names: String(names).split(','), first: String(first) };
}

it.for<[string, string, Partial<RecordRule>, string, string]>([
  ['2.0.0', 'time', { ts: { path: 'at', cast: 'epoch_ms' } }, 'reading', '1970-01-01 00:00:00.000'],
  ['3.0.0', 'name', { name: 'level' }, 'level', '1970-01-01 00:00:00.000'],
  ['4.0.0', 'key', { name: 'level', key: ['code'] }, 'level', '1970-01-01 00:00:00.000'],
  ['5.0.0', 'kind', { kind: 'metric', value: 'level', measures: {} }, 'reading', '1970-01-01 00:00:00.000'],
])('version %s moves the %s', async ([version, , changes, name, first]) => {
  const run = await apply(version, changes);
  expect(run.state).toBe('succeeded');
  expect(run.counts.records).toBe(rows);
  expect(await live()).toEqual({ records: rows, ids: rows, names: [name], first });
  expect((await serving.system.audit.verify('default')).findings).toEqual([]);
});

it('retires what a stricter version refuses, and says so in the quarantine', async () => {
  const run = await apply('6.0.0', { measures: { level: { path: 'level', required: true, min: 100 } } });
  expect(run.counts).toMatchObject({ records: rows - 100, quarantined: 100 });
  expect(await live()).toMatchObject({ records: rows - 100, ids: rows - 100 });
  expect((await serving.system.audit.verify('default')).findings).toEqual([]);
});

it('gives every record back when a later version is as lenient as the first', async () => {
  await apply('7.0.0', {});
  expect(await live()).toMatchObject({ records: rows, ids: rows, names: ['reading'] });
  expect(await serving.system.normalizer.quarantineSummary('default')).toEqual([]);
  expect((await serving.system.audit.verify('default')).findings).toEqual([]);
});
