// The demo's sources are ingested while the PostgreSQL server ends every connection again and again: nothing is lost, nothing is done twice.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { compose, readConfig, readWorkspace, startDemoUpstream } from '#app';
import type { Run } from '#contracts';
import { ChartlyError } from '#kit';
import { createPostgresRelational, type Relational } from '#storage';
import { expected } from '../demo/expected.ts';
import { newDatabase, startPostgres } from './services/postgres.ts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'cut' };
const workspaceDir = join(import.meta.dirname, '../../examples/demo');
const cuts = 25;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('survives the end of every connection, at any moment', { timeout: 300_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'chartly-cut-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const server = await startPostgres();
  closers.push(() => server.stop());
  const upstream = await startDemoUpstream({});
  closers.push(() => upstream.close());
  process.env.CHARTLY_DEMO_UPSTREAM = upstream.url;
  const url = await newDatabase(server);
  const system = await compose(
    readConfig({ CHARTLY_POSTGRES_URL: url }, { dataDir, workspaceDir, port: 0, logLevel: 'silent' }),
  );
  closers.push(() => system.stop());
  const { orchestrator } = system;
  await orchestrator.apply(context, (await readWorkspace(workspaceDir)).documents);
  await orchestrator.start();

  const cutter = await createPostgresRelational({ url, connections: 1 });
  closers.push(() => cutter.close());
  const cutting = cutAgainAndAgain(cutter);
  // What is told to have failed may have been done: asking again makes another run then, and must add nothing.
  const asked = Object.keys(expected).map((source) => patiently(() => orchestrator.ingest(context, source, 'cli')));
  const [ended] = await Promise.all([cutting, ...asked]);
  expect(ended).toBeGreaterThan(cuts);

  const { items } = await patiently(() => orchestrator.runs(tenant, { limit: 500 }));
  expect(items.length).toBeGreaterThanOrEqual(Object.keys(expected).length);
  for (const { run_id } of items) {
    const run: Run = await patiently(() => orchestrator.waitForRun(tenant, run_id));
    expect(run.state, `${run.source_id}: ${run.error?.message}`).toBe('succeeded');
  }
  const stored = await system.canonical.countBySource(tenant);
  const totals = await orchestrator.totals(tenant);
  for (const [source, want] of Object.entries(expected)) {
    expect(stored.get(source), source).toBe(want.records);
    expect(totals.get(source), source).toMatchObject({ rows: want.rows, quarantined: want.quarantined });
  }
  expect(await system.relational.query(`select 1 from pgboss.job where state < 'completed'`)).toEqual([]);
  expect(await system.audit.verify(tenant)).toMatchObject({ ok: true, findings: [] });
});

/** Resolves with how many connections were ended. */
async function cutAgainAndAgain(cutter: Relational): Promise<number> {
  let ended = 0;
  for (let cut = 0; cut < cuts; cut++) {
    await sleep(20 + Math.random() * 300);
    const rows = await cutter.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'chartly' and pid <> pg_backend_pid()`,
    );
    ended += rows.length;
  }
  return ended;
}

async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ChartlyError) || error.code !== 'storage_unavailable') throw error;
      await sleep(50);
    }
  }
}
