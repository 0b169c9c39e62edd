import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import type { Run } from '#contracts';
import { addCounts, noCounts } from './counts.ts';
import { countLines, crashSources, crashWorld, openHouse, type House } from './testing.ts';

const program = fileURLToPath(new URL('testing-crash.ts', import.meta.url));
// Enough to meet every stage over many runs of the suite; `npm run chaos` kills whole demo runs, and more often.
const kills = 4;
const dirs: string[] = [];

afterAll(async () => {
  for (const dir of dirs) await rm(dir, { recursive: true, force: true });
});

/** Runs the program; kills it `afterMs` after it began to take jobs, unless that is undefined. Resolves with what it printed. */
async function life(dir: string, runs: number, afterMs?: number): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', program, dir, String(runs)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stderr.on('data', (data: Buffer) => (printed += data.toString()));
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
    if (afterMs !== undefined && printed.includes('ready')) setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  await once(child, 'close');
  return printed;
}

it(
  'loses nothing and does nothing twice when its process is killed again and again',
  { timeout: 240_000 },
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'chartly-crash-'));
    dirs.push(dir);
    let runs = 1;
    for (let kill = 0; kill < kills; kill++) {
      const printed = await life(dir, runs, Math.random() * 500);
      expect(printed).toContain('ready');
      // There is always something left to interrupt.
      if (printed.includes('done') || kill % 3 === 2) runs++;
    }
    expect(await life(dir, runs)).toBe('ready\ndone\n');

    const house = await openHouse(dir);
    try {
      await check(house, runs);
    } finally {
      await house.close();
    }
  },
);

async function check(house: House, runs: number): Promise<void> {
  const world = crashWorld();
  for (const source of crashSources) {
    const { items } = await house.orchestrator.runs('default', { sourceId: source, limit: 500 });
    expect(items).toHaveLength(runs);
    const whole = world.get(source)!.map(countLines).reduce(addCounts, noCounts);
    for (const run of items) await checkRun(house, run, whole, world.get(source)!.length);
    expect((await house.orchestrator.totals('default')).get(source)).toEqual(whole);
  }
  const left = await house.relational.query(`select 1 from pgboss.job where state < 'completed'`);
  expect(left).toEqual([]);
  const { size } = await house.audit.head('default');
  const [kept] = await house.relational.query<{ n: number; top: string }>(
    'select count(*)::int as n, max(seq)::text as top from ledger_entry',
  );
  expect(kept).toEqual({ n: Number(size), top: String(size - 1n) });
}

async function checkRun(house: House, run: Run, counts: Run['counts'], pages: number): Promise<void> {
  expect(run).toMatchObject({ state: 'succeeded', pages, unchanged: 0, dead_letters: 0, counts });
  const { steps } = await house.orchestrator.run('default', run.run_id);
  expect(steps).toMatchObject([
    { step: 'fetch', state: 'succeeded', jobs_total: 1, jobs_done: 1, jobs_failed: 0 },
    { step: 'normalize', state: 'succeeded', jobs_total: pages, jobs_done: pages, jobs_failed: 0 },
  ]);
  const entries = await house.audit.entries('default', { runId: run.run_id, limit: 1000 });
  const tally = Map.groupBy(entries, ({ entry }) => entry.action);
  expect(Object.fromEntries([...tally].map(([action, all]) => [action, all.length]))).toEqual({
    'run.requested': 1,
    'payload.captured': pages,
    'batch.normalized': pages,
    'run.succeeded': 1,
  });
  const [stored] = await house.relational.query(
    `select (select count(*)::int from raw_ref where run_id = $1) as payloads, (select count(*)::int from batch_receipt where run_id = $1) as receipts`,
    [run.run_id],
  );
  expect(stored).toEqual({ payloads: pages, receipts: pages });
}
