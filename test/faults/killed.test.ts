// What a run depends on is killed in the middle of it: its process, the canonical engine, the upstream. It ends all the same, exactly.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Profile, Run, Source } from '#contracts';
import { earthquakeProfile, writeEarthquakes } from '../../bench/lib/earthquakes.ts';
import { startServer, type ServerProcess } from '../chaos/server-process.ts';

const rows = 40_000;
const pages = 12;
const perPage = 50;
let dir: string;
let server: ServerProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-killed-'));
  await writeEarthquakes(join(dir, 'rows.ndjson'), rows);
  server = await startServer(join(dir, 'data'), dir);
});

afterAll(async () => {
  await server.kill('SIGTERM');
  await rm(dir, { recursive: true, force: true });
});

async function apply(source: Source, profile: Profile): Promise<void> {
  await server.api('POST', '/v1/apply', {
    documents: [
      { kind: 'profile', spec: { ...profile, profile: source.profile } },
      { kind: 'source', spec: source },
    ],
  });
}

const file = (source: string): Source => ({
  source,
  connector: 'file',
  profile: source,
  file: { path: 'rows.ndjson' },
});

const stateOf = (runId: string): Promise<Run> => server.api<Run>('GET', `/v1/runs/${runId}`);

async function ended(runId: string): Promise<Run> {
  for (;;) {
    const run = await stateOf(runId);
    if (run.state !== 'queued' && run.state !== 'running') return run;
    await sleep(100);
  }
}

/** Resolves once batches of the run are in the ledger: its payload is being normalized. */
async function normalizing(runId: string): Promise<void> {
  const written = async (): Promise<boolean> => {
    const { items } = await server.api<{ items: { entry: { action: string } }[] }>(
      'GET',
      `/v1/audit/entries?run=${runId}`,
    );
    return items.some(({ entry }) => entry.action === 'batch.normalized');
  };
  while (!(await written())) await sleep(20);
}

async function stored(source: string): Promise<number | undefined> {
  const { items } = await server.api<{ items: { source_id: string; stored: number }[] }>('GET', '/v1/totals');
  return items.find(({ source_id }) => source_id === source)?.stored;
}

async function expectWhole(run: Run, count: number): Promise<void> {
  expect(run).toMatchObject({ state: 'succeeded', dead_letters: 0, counts: { rows: count, records: count } });
  expect(await stored(run.source_id)).toBe(count);
  expect(await server.api('POST', '/v1/audit/verify')).toMatchObject({ ok: true, findings: [] });
}

/** The child that hosts the canonical engine. */
async function enginePid(): Promise<number | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [stat, command] = await Promise.all(
      ['stat', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
    );
    const [state, parent] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ');
    if (state !== 'Z' && Number(parent) === server.pid && command!.includes('canonical/host')) return Number(pid);
  }
  return undefined;
}

describe('a run whose', () => {
  it('process is killed while it normalizes goes on in the next process', async () => {
    await apply(file('process'), earthquakeProfile);
    const { run_id } = await server.api<Run>('POST', '/v1/sources/process/ingest');
    await normalizing(run_id);
    await server.kill('SIGKILL');
    server = await startServer(join(dir, 'data'), dir);
    expect(server.said()).toContain('jobs of a process that died are repeated');
    await expectWhole(await ended(run_id), rows);
  });

  it.runIf(process.platform === 'linux')(
    'canonical engine is killed again and again ends as if it had not been',
    async () => {
      await apply(file('engine'), earthquakeProfile);
      const { run_id } = await server.api<Run>('POST', '/v1/sources/engine/ingest');
      const killed = new Set<number>();
      for (let kill = 0; kill < 3; kill++) {
        const pid = await enginePid();
        if (pid !== undefined && !killed.has(pid)) process.kill(pid, 'SIGKILL');
        if (pid !== undefined) killed.add(pid);
        await sleep(700);
      }
      expect(killed.size).toBeGreaterThan(0);
      await expectWhole(await ended(run_id), rows);
    },
  );

  it('upstream is killed between two pages goes on when that is back', async () => {
    let upstream = await startUpstream(0, 5);
    const { port } = upstream.address() as AddressInfo;
    const source: Source = {
      source: 'upstream',
      connector: 'http',
      profile: 'upstream',
      http: {
        url: `http://127.0.0.1:${port}/pages`,
        allow_private: true,
        pagination: { type: 'page', param: 'page', start: 0, records: '$[*]' },
      },
      retry: { attempts: 2, base_ms: 50 },
    };
    const profile: Profile = {
      profile: 'upstream',
      version: '1.0.0',
      format: 'json',
      records: [{ kind: 'event', name: 'reading', key: ['id'], ts: { path: 'at', cast: 'epoch_ms' } }],
    };
    await apply(source, profile);
    const { run_id } = await server.api<Run>('POST', '/v1/sources/upstream/ingest');
    while (upstream.listening) await sleep(20);
    await expect
      .poll(async () => (await stateOf(run_id)).error?.code, { timeout: 30_000 })
      .toBe('upstream_unreachable');
    upstream = await startUpstream(port, Infinity);
    const run = await ended(run_id);
    await expectWhole(run, pages * perPage);
    // The last page is empty: it says that there are no more.
    expect(run.pages).toBe(pages + 1);
    upstream.close();
  });
});

/** Serves pages of events; dies at the page `dieAt`, in the middle of its body. */
async function startUpstream(port: number, dieAt: number): Promise<Server> {
  const server = createServer((request, response) => {
    const page = Number(new URL(request.url!, 'http://upstream').searchParams.get('page') ?? 0);
    const count = page < pages ? perPage : 0;
    const events = Array.from({ length: count }, (_, i) => ({ id: page * perPage + i, at: 1_600_000_000_000 + i }));
    const body = JSON.stringify(events);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    if (page < dieAt) return response.end(body);
    response.write(body.slice(0, 100), () => {
      server.close();
      server.closeAllConnections();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
