import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type ClickHouseSettings } from '@clickhouse/client';
import { afterAll, expect, it } from 'vitest';
import { silentLogger } from '#kit';
import { createClickHouseStore } from './clickhouse.ts';
import { startEmbeddedClickHouse } from './embedded.ts';
import type { CanonicalRecord, RecordBatch, WriteResult } from './port.ts';

const root = mkdtempSync(join(tmpdir(), 'chartly-engine-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const freshDir = () => join(root, String(++directories));

function batchOf(n: number, size = 50): RecordBatch {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const records = Array.from({ length: size }, (_, i): CanonicalRecord => {
    const id = n * size + i;
    return {
      kind: 'event',
      name: 'quake',
      tsMs: id,
      recordId: hex(id, 8) + '0'.repeat(24),
      value: undefined,
      unit: '',
      dimensions: { n: String(n) },
      measures: { i },
      exact: undefined,
      byteStart: id,
      byteEnd: id + 1,
      row: i,
      recordHash: hex(id, 64),
    };
  });
  const constant = { tenantId: 'default', sourceId: 'quakes', profileId: 'p', profileVersion: '1', profileDigest: 'd' };
  return { ...constant, batchId: hex(n, 32), rawSha256: hex(n, 64), revision: 1n, capturedAtMs: 0, records };
}

/** Whether a process still runs; one that only waits to be reaped does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

it('keeps data over a close and a new start', async () => {
  const dir = freshDir();
  const first = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const store = createClickHouseStore(first);
  await store.migrate();
  await store.write(batchOf(1));
  await store.close();
  await first.close();
  expect(first.pid).toBeUndefined();
  const second = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const again = createClickHouseStore(second);
  await again.migrate();
  expect(await again.countBySource('default')).toEqual(new Map([['quakes', 50]]));
  expect((await again.write(batchOf(1))).replaced).toBe(50);
  await again.close();
  await second.close();
});

it('refuses a directory that another engine holds, and takes it when that one ends soon', async () => {
  const dir = freshDir();
  const first = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  await expect(startEmbeddedClickHouse({ dir, logger: silentLogger })).rejects.toMatchObject({
    code: 'data_dir_locked',
  });
  const second = startEmbeddedClickHouse({ dir, logger: silentLogger });
  await sleep(300);
  await first.close();
  await (await second).close();
});

it('refuses wrong credentials', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const store = createClickHouseStore({ ...engine, password: 'wrong' });
  await expect(store.health()).rejects.toMatchObject({ code: 'storage_unavailable', retryable: false });
  await store.close();
  await engine.close();
  const gone = createClickHouseStore(engine);
  await expect(gone.health()).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  await gone.close();
});

it('uses a database of its own when asked to', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const [one, two] = ['one', 'two`s'].map((database) => createClickHouseStore({ ...engine, database })) as [
    ReturnType<typeof createClickHouseStore>,
    ReturnType<typeof createClickHouseStore>,
  ];
  await one.migrate();
  await two.migrate();
  await one.write(batchOf(1));
  expect(await two.countBySource('default')).toEqual(new Map());
  expect(await one.countBySource('default')).toEqual(new Map([['quakes', 50]]));
  await one.close();
  await two.close();
  await engine.close();
});

it('starts again after crashes between and in writes; repeated writes end as one row a record', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const store = createClickHouseStore(engine);
  await store.migrate();
  const refusals: unknown[] = [];
  const persistently = async (batch: RecordBatch): Promise<WriteResult> => {
    for (;;) {
      try {
        return await store.write(batch);
      } catch (error) {
        refusals.push(error);
        await sleep(30);
      }
    }
  };
  let written = 0;
  for (const wait of [5, 40, 15, 70, 30]) {
    const pid = engine.pid!;
    const killed = sleep(wait).then(() => process.kill(pid, 'SIGKILL'));
    const restarted = until(() => engine.pid !== undefined && engine.pid !== pid);
    for (let n = 0; n < 5; n++) await persistently(batchOf(written++));
    await killed;
    await restarted;
  }
  expect(refusals.length).toBeGreaterThan(0);
  for (const error of refusals) expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
  for (let n = 0; n < written; n++) expect((await persistently(batchOf(n))).inserted).toBe(0);
  const found = await store.read({ text: 'SELECT count(), uniqExact(record_id) FROM records FINAL', params: {} });
  expect(found.rows).toEqual([[50 * written, 50 * written]]);
  await store.close();
  await engine.close();
});

it('never ends a scan early without an error', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const store = createClickHouseStore(engine);
  await store.migrate();
  for (let n = 0; n < 3; n++) await store.write(batchOf(n, 60_000));
  let seen = 0;
  const killed = engine.pid!;
  const interrupted = async () => {
    for await (const records of store.scan('default')) {
      if (seen === 0) process.kill(killed, 'SIGKILL');
      seen += records.length;
      await sleep(5);
    }
  };
  await expect(interrupted()).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(seen).toBeGreaterThan(0);
  await until(() => engine.pid !== undefined && engine.pid !== killed);
  // A reader that stops early leaves a store that works.
  for await (const records of store.scan('default')) if (records.length > 0) break;
  await store.health();
  await store.close();
  await engine.close();
});

it('names a data part whose bytes were changed', async () => {
  const dir = freshDir();
  const first = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const writer = createClickHouseStore(first);
  await writer.migrate();
  await writer.write(batchOf(1));
  const { rows } = await writer.read({
    text: `SELECT name, path FROM system.parts WHERE active AND table = 'records'`,
    params: {},
  });
  await writer.close();
  await first.close();
  const [name, path] = rows[0] as [string, string];
  const data = readFileSync(join(path, 'data.bin'));
  data[data.length >> 1]! ^= 1;
  writeFileSync(join(path, 'data.bin'), data);

  const engine = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const store = createClickHouseStore(engine);
  const reading = async () => {
    for await (const records of store.scan('default')) expect(records).toEqual([]);
  };
  await expect(reading()).rejects.toMatchObject({
    code: 'store_corrupt',
    details: [{ message: `data part ${name}` }],
  });
  await store.close();
  await engine.close();
});

it('ends when its parent is killed', async () => {
  const dir = freshDir();
  const script = `
    const { startEmbeddedClickHouse } = await import(${JSON.stringify(new URL('./embedded.ts', import.meta.url).href)});
    const logger = { warn() {}, error() {}, info() {}, debug() {} };
    const engine = await startEmbeddedClickHouse({ dir: ${JSON.stringify(dir)}, logger });
    console.log(engine.pid);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await until(() => !isAlive(pid));
  // And the directory is free at once.
  await (await startEmbeddedClickHouse({ dir, logger: silentLogger })).close();
});

it('stops the query of a client that went away', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const client = createClient({ ...engine, log: { level: 127 } });
  const leave = new AbortController();
  const heavy = client.query({
    query: 'SELECT count() FROM numbers(1e13) WHERE NOT ignore(number)',
    abort_signal: leave.signal,
  });
  const running = async () => {
    const answer = await client.query({
      query: `SELECT count() FROM system.processes WHERE query LIKE '%1e13%' AND query NOT LIKE '%processes%'`,
      format: 'JSONCompact',
    });
    return ((await answer.json()) as unknown as { data: [[number]] }).data[0][0];
  };
  await until(async () => (await running()) === 1);
  leave.abort();
  await expect(heavy).rejects.toThrow();
  await until(async () => (await running()) === 0);
  await client.close();
  await engine.close();
});

it('answers errors as the server does, and keeps settings to their query', async () => {
  const engine = await startEmbeddedClickHouse({ dir: freshDir(), logger: silentLogger });
  const client = createClient({ ...engine, log: { level: 127 }, max_open_connections: 1 });
  await expect(client.query({ query: 'SELEC 1' })).rejects.toMatchObject({ code: '62', type: 'SYNTAX_ERROR' });
  await expect(client.query({ query: 'SELECT * FROM missing' })).rejects.toMatchObject({ code: '60' });
  await expect(client.query({ query: 'SELECT 1', clickhouse_settings: { no_such_setting: 1 } })).rejects.toMatchObject({
    code: '115',
  });
  const threads = async (settings: ClickHouseSettings) =>
    (
      await client.query({
        query: `SELECT getSetting('max_threads')`,
        format: 'TabSeparated',
        clickhouse_settings: settings,
      })
    ).text();
  const usual = await threads({});
  for (let i = 0; i < 10; i++) expect(await threads({ max_threads: 1 })).toBe('1\n');
  for (let i = 0; i < 10; i++) expect(await threads({})).toBe(usual);
  expect((await client.ping()).success).toBe(true);
  expect((await client.ping({ select: true })).success).toBe(true);
  await client.close();
  await engine.close();
});
