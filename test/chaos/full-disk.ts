// Lets the disk under each plane run full in the middle of a run, makes room again, and compares the end with what was written.
// Each case mounts a small file system in memory, so it needs Linux and root.
// usage: node test/chaos/full-disk.ts [--rows 200000] [--cases blobs,leaves,canonical,relational,all,taken]
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, statfs } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Run } from '#contracts';
import { earthquakeProfile, earthquakeRow } from '../../bench/lib/earthquakes.ts';
import { startServer, type ServerProcess } from './server-process.ts';

const megabyte = 1 << 20;
const largeBytes = 2048 * megabyte;
const fullMs = 5_000;
const patienceMs = 300_000;

/**
 * What of the data directory lies on the small disk, how much room it has beyond what is there before the run, and whether
 * somebody else takes all of that at once while the run is under way.
 */
const cases: Record<string, { directory: string; room: number; taken?: true }> = {
  blobs: { directory: 'blobs', room: 1 * megabyte },
  leaves: { directory: 'blobs', room: 10 * megabyte },
  canonical: { directory: 'clickhouse', room: 12 * megabyte },
  relational: { directory: 'pg', room: 40 * megabyte },
  all: { directory: '.', room: 60 * megabyte },
  taken: { directory: '.', room: 200 * megabyte, taken: true },
};

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    cases: { type: 'string', default: Object.keys(cases).join(',') },
  },
});
const rows = Number(values.rows);
/** Every fourth row lacks what its rule requires. */
const quarantined = Math.ceil(rows / 4);

interface Outcome {
  case: string;
  ok: boolean;
  problems: string[];
  /** Where it was said that the disk is full: the log, the run, an answer of the API, the last words of the process. */
  told: string[];
  survived: boolean;
  /** From room made to the end of the run. */
  recovered_ms?: number;
}

function sh(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
}

/** Puts a directory with what it holds on a disk of its own with so much room left. */
async function moveToSmallDisk(directory: string, room: number): Promise<void> {
  const aside = `${directory}.aside`;
  await mkdir(directory, { recursive: true });
  await rename(directory, aside);
  await mkdir(directory, { mode: 0o700 });
  sh('mount', '-t', 'tmpfs', '-o', `size=${largeBytes},mode=0700`, 'chartly-full-disk', directory);
  await cp(aside, directory, { recursive: true });
  await rm(aside, { recursive: true });
  const { bsize, blocks, bfree } = await statfs(directory);
  sh('mount', '-o', `remount,size=${(blocks - bfree) * bsize + room}`, directory);
}

/** Once the run has payloads to work on, fills the disk to the last block. */
async function takeAllRoom(server: ServerProcess, runId: string, directory: string): Promise<void> {
  while ((await server.api<Run>('GET', `/v1/runs/${runId}`)).pages === 0) await sleep(50);
  await sleep(2_000);
  spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'taken')}`, 'bs=64k']);
}

async function writeRows(path: string): Promise<void> {
  const out = createWriteStream(path);
  for (let n = 0; n < rows; n += 1) {
    const row = earthquakeRow(n);
    const line = n % 4 === 0 ? row.replace(/"mag":[^,]*,/, '"mag":null,') : row;
    if (!out.write(`${line}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

const over = ({ state }: Run): boolean => state !== 'queued' && state !== 'running';

/** Waits until the disk is full and Chartly says so to whoever asks for the run, or with its last words. */
async function untilTold(server: ServerProcess, runId: string): Promise<string[]> {
  const told = new Set<string>();
  let until = Date.now() + patienceMs;
  while (Date.now() < until) {
    if (server.ended() !== undefined) {
      if (/^ {2}code: disk_full$/m.test(server.said())) told.add('last words');
      break;
    }
    if (server.said().includes('"code":"disk_full"')) told.add('log');
    const asked = await server.api<Run>('GET', `/v1/runs/${runId}`).catch((error: unknown) => String(error));
    if (typeof asked !== 'string' && over(asked)) break;
    if (typeof asked !== 'string' && asked.error?.code === 'disk_full') told.add('run');
    if (typeof asked === 'string' && asked.includes('disk_full')) told.add('answer');
    // The disk stays full for a while, so that more than the first attempt meets it.
    if (told.has('run') || told.has('answer')) until = Math.min(until, Date.now() + fullMs);
    await sleep(100);
  }
  return [...told];
}

async function untilOver(server: ServerProcess, runId: string): Promise<Run | undefined> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
    const run = await server.api<Run>('GET', `/v1/runs/${runId}`).catch(() => undefined);
    if (run !== undefined && over(run)) return run;
    if (server.ended() !== undefined) return undefined;
    await sleep(200);
  }
  return undefined;
}

async function check(server: ServerProcess, run: Run | undefined): Promise<string[]> {
  const found: string[] = [];
  const expect = (what: string, have: unknown, want: unknown): void => {
    if (have !== want) found.push(`${what}: ${String(have)}, expected ${String(want)}`);
  };
  expect('state', run?.state, 'succeeded');
  expect('rows', run?.counts.rows, rows);
  expect('records', run?.counts.records, rows - quarantined);
  expect('quarantined', run?.counts.quarantined, quarantined);
  const { items } = await server.api<{ items: { source_id: string; stored: number }[] }>('GET', '/v1/totals');
  expect('stored', items[0]?.stored, rows - quarantined);
  const summary = await server.api<{ items: { count: number }[] }>('GET', '/v1/quarantine/summary');
  expect(
    'quarantine rows',
    summary.items.reduce((sum, { count }) => sum + count, 0),
    quarantined,
  );
  const verified = await server.api<{ ok: boolean; findings: unknown[] }>('POST', '/v1/audit/verify');
  expect('verification', verified.ok ? 'ok' : JSON.stringify(verified.findings).slice(0, 1000), 'ok');
  return found;
}

async function runCase(name: string, workspace: string): Promise<Outcome> {
  const { directory, room, taken } = cases[name]!;
  const dataDir = join(workspace, name);
  const small = join(dataDir, directory);
  let server = await startServer(dataDir, workspace);
  try {
    await server.api('POST', '/v1/apply', {
      documents: [
        { kind: 'profile', spec: earthquakeProfile },
        {
          kind: 'source',
          spec: { source: 'quakes', connector: 'file', profile: 'bench', file: { path: 'rows.ndjson' } },
        },
      ],
    });
    await server.kill('SIGTERM');
    await moveToSmallDisk(small, room);

    server = await startServer(dataDir, workspace);
    const { run_id } = await server.api<Run>('POST', '/v1/sources/quakes/ingest');
    if (taken === true) await takeAllRoom(server, run_id, small);
    const told = await untilTold(server, run_id);
    const survived = server.ended() === undefined;
    sh('mount', '-o', `remount,size=${largeBytes}`, small);
    const roomMade = performance.now();
    if (!survived) server = await startServer(dataDir, workspace);
    const run = await untilOver(server, run_id);
    const recovered_ms = Math.round(performance.now() - roomMade);
    const problems = await check(server, run);
    if (!told.some((how) => how !== 'log')) problems.push('nobody was told that the disk is full');
    if (problems.length > 0) console.error(server.said());
    return { case: name, ok: problems.length === 0, problems, told, survived, recovered_ms };
  } finally {
    await server.kill('SIGTERM');
    spawnSync('umount', ['-l', small]);
    await rm(dataDir, { recursive: true, force: true });
  }
}

const workspace = await mkdtemp(join(tmpdir(), 'chartly-full-disk-'));
const outcomes: Outcome[] = [];
try {
  await writeRows(join(workspace, 'rows.ndjson'));
  for (const name of values.cases.split(',')) outcomes.push(await runCase(name, workspace));
} finally {
  await rm(workspace, { recursive: true, force: true });
}
console.log(JSON.stringify({ chaos: 'full-disk', rows, cases: outcomes }));
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
