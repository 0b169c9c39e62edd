// The demo with every service in a process of its own, and a second normalizer and connector hub: the same as in one process.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyRole, readWorkspace, runDemo, startDemoUpstream } from '#app';
import type { Run } from '#contracts';
import { apiOf, outcomeOf, type Api, type Outcome } from './outcome.ts';
import { freePorts, startRole, type RoleProcess } from './role-process.ts';
import { newDatabase, startPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';

const workspace = join(import.meta.dirname, '../../examples/demo');
const services = [...everyRole, 'normalizer', 'connector-hub'] as const;

/** Each is ready once it has found the others, which on a busy machine takes a while. */
async function allReady(processes: readonly RoleProcess[]): Promise<boolean> {
  const until = Date.now() + 45_000;
  for (const { internalUrl } of processes) {
    const isReady = async (): Promise<boolean> =>
      (await fetch(`${internalUrl}/readyz`).catch(() => undefined))?.ok === true;
    while (!(await isReady())) {
      if (Date.now() > until) return false;
      await sleep(100);
    }
  }
  return true;
}

describe('every service in a process of its own', () => {
  const dirs: string[] = [];
  let server: Service;
  let upstream: Awaited<ReturnType<typeof startDemoUpstream>>;
  let processes: RoleProcess[] = [];
  let api: Api;
  let alone: Outcome;

  const newDir = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'chartly-roles-'));
    dirs.push(dir);
    return dir;
  };

  beforeAll(async () => {
    const demo = await runDemo({ dataDir: await newDir(), port: 0, logLevel: 'error' });
    alone = await outcomeOf(apiOf(demo.url, demo.apiKey));
    await demo.stop();

    server = await startPostgres();
    upstream = await startDemoUpstream({});
    // Free ports are only so until somebody connects from one of them: then the set-up is made again with others.
    for (let left = 3; !(await startAll()); left--) {
      if (left === 1) throw new Error('the processes do not find each other');
      for (const one of processes) if (one.child.exitCode === null) one.child.kill('SIGKILL');
    }
  });
  async function startAll(): Promise<boolean> {
    const dataDir = await newDir();
    const [canonicalPort, ...ports] = (await freePorts(services.length + 1)) as [number, ...number[]];
    const env: Record<string, string> = {
      CHARTLY_DATA: dataDir,
      CHARTLY_WORKSPACE: workspace,
      CHARTLY_DEMO_UPSTREAM: upstream.url,
      CHARTLY_POSTGRES_URL: await newDatabase(server),
      CHARTLY_POSTGRES_CONNECTIONS: '6',
      CHARTLY_CANONICAL_PORT: String(canonicalPort),
      CHARTLY_SERVICE_SECRET: 'a-secret-of-the-tests-of-32-chars',
    };
    for (const role of everyRole) {
      const urls = services.flatMap((one, i) => (one === role ? [`http://127.0.0.1:${ports[i]!}`] : []));
      env[`CHARTLY_${role.replaceAll('-', '_').toUpperCase()}_URL`] = urls.join(',');
    }
    const started = await Promise.allSettled(services.map(async (role, i) => startRole(role, env, ports[i]!)));
    processes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (processes.length < services.length || !(await allReady(processes))) return false;
    api = apiOf(processes[0]!.url!, (await readFile(join(dataDir, 'local.key'), 'utf8')).trim());
    return true;
  }
  afterAll(async () => {
    for (const one of processes) if (one.child.exitCode === null) one.child.kill('SIGKILL');
    await upstream?.close();
    await server?.stop();
    for (const dir of dirs) await rm(dir, { recursive: true, force: true });
  });

  it('gives the same records, digests and report bytes as all in one', async () => {
    const { documents } = await readWorkspace(workspace);
    await post('apply', { documents });
    const sources = documents.flatMap(({ kind, spec }) =>
      kind === 'source' ? [(spec as { source: string }).source] : [],
    );
    const runs = await Promise.all(sources.map(async (id) => post<Run>(`sources/${id}/ingest`)));
    for (const run of runs) expect((await ended(run)).state, run.source_id).toBe('succeeded');
    const outcome = await outcomeOf(api);
    expect(outcome.engine).toBe('postgres');
    expect(outcome.batches.length).toBeGreaterThan(8);
    for (const part of ['totals', 'quarantine', 'batches', 'reports'] as const)
      expect(outcome[part], part).toEqual(alone[part]);
    expect(JSON.stringify(outcome.reports)).toContain('records_digest');
    const { batches, records, blobs } = alone.verified as Record<string, unknown>;
    expect(outcome.verified).toMatchObject({ ok: true, findings: [], batches, records, blobs });
  });

  it('rehearses in the normalizer, and compares reports in analytics', async () => {
    const preview = await post<{ records: unknown }>('replays', { source: 'movies', preview: true });
    expect(JSON.stringify(preview)).toContain('unchanged');
  });

  it('says of every process what it needs and whether that answers, and of all what they count', async () => {
    for (const { internalUrl } of processes) {
      const ready = await fetch(`${internalUrl}/readyz`);
      expect(await ready.json()).toMatchObject({ status: 'ready' });
    }
    const gateway = (await (await fetch(`${processes[0]!.internalUrl}/readyz`)).json()) as {
      dependencies: { dependency: string }[];
    };
    expect(gateway.dependencies.map(({ dependency }) => dependency)).toEqual(
      expect.arrayContaining(['relational', 'canonical', 'blobs', 'orchestrator', 'normalizer', 'audit']),
    );
    const observer = processes[services.indexOf('observer')]!;
    const metrics = await (await fetch(`${observer.internalUrl}/metrics`)).text();
    expect(metrics.match(/^chartly_process_up\{.*\} 1$/gm)).toHaveLength(services.length - 1);
  });

  it('ends every run when half of the workers are told to stop, and stops in order', async () => {
    const runs = await Promise.all(
      ['flights', 'movies', 'stocks'].map(async (id) => post<Run>(`sources/${id}/ingest`)),
    );
    // Half of the processes that take jobs go while they work; the others do what is left.
    const leaving = [services.lastIndexOf('normalizer'), services.lastIndexOf('connector-hub')];
    const codes = await Promise.all(leaving.map(async (i) => processes[i]!.end('SIGTERM')));
    expect(codes).toEqual([0, 0]);
    for (const run of runs) expect((await ended(run)).state, run.source_id).toBe('succeeded');
    expect((await outcomeOf(api)).verified).toMatchObject({ ok: true });
    const rest = processes.filter((_, i) => !leaving.includes(i));
    expect(await Promise.all(rest.map(async (one) => one.end('SIGTERM')))).toEqual(rest.map(() => 0));
  });

  async function post<T>(path: string, body: unknown = {}): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return api.json<T>(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async function ended(run: Run): Promise<Run> {
    await expect
      .poll(async () => (await api.json<Run>(`runs/${run.run_id}`)).state, { timeout: 100_000 })
      .not.toMatch(/queued|running/);
    return api.json<Run>(`runs/${run.run_id}`);
  }
});
