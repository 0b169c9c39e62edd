// Every room that is called across processes, beside a client of it: nothing is missing on either side, and both say the same.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyticsRoutes, createRemoteAnalytics } from '#analytics';
import { readConfig, readWorkspace, serve, startDemoUpstream, type Serving, type System } from '#app';
import { auditRoutes, createRemoteAudit } from '#audit';
import { authRoutes, createRemoteAuth } from '#auth';
import { createRemoteHub, hubRoutes } from '#connector-hub';
import { systemClock, type RpcService } from '#kit';
import { createRemoteNormalizer, normalizerRoutes } from '#normalizer';
import { createRemoteOrchestrator, orchestratorRoutes } from '#orchestrator';
import { forkHandle } from '#storage';
import { overHttp } from './over-http.ts';

const workspace = join(import.meta.dirname, '../../examples/demo');
const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'conformance' };

type Rooms = Pick<System, 'audit' | 'auth' | 'hub' | 'normalizer' | 'analytics' | 'orchestrator'>;
const names = ['audit', 'auth', 'hub', 'normalizer', 'analytics', 'orchestrator'] as const;

describe('rooms in another process', () => {
  const closers: (() => Promise<void>)[] = [];
  let serving: Serving;
  let local: Rooms;
  let remote: Rooms;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'chartly-remote-'));
    closers.push(async () => rm(dataDir, { recursive: true, force: true }));
    const upstream = await startDemoUpstream({});
    closers.push(async () => upstream.close());
    process.env.CHARTLY_DEMO_UPSTREAM = upstream.url;
    serving = await serve(readConfig({}, { dataDir, workspaceDir: workspace, port: 0, logLevel: 'error' }));
    closers.push(async () => serving.stop(0));
    local = serving.system;
    const forks = forkHandle(serving.system.canonical);
    const client = async (service: RpcService) => {
      const served = await overHttp(service);
      closers.push(async () => served.close());
      return served.client;
    };
    remote = {
      audit: createRemoteAudit(await client(auditRoutes(local.audit)), { clock: systemClock }),
      auth: createRemoteAuth(await client(authRoutes(local.auth))),
      hub: createRemoteHub(await client(hubRoutes(local.hub))),
      normalizer: createRemoteNormalizer(await client(normalizerRoutes(local.normalizer, forks)), forks),
      analytics: createRemoteAnalytics(await client(analyticsRoutes(local.analytics, forks)), forks),
      orchestrator: createRemoteOrchestrator(await client(orchestratorRoutes(local.orchestrator))),
    };
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  it.each(names)('%s has every method on both sides', (name) => {
    expect(Object.keys(remote[name]).toSorted()).toEqual(Object.keys(local[name]).toSorted());
  });

  it('carries out what it is asked to, and tells how it goes', async () => {
    const { documents } = await readWorkspace(workspace);
    const applied = await remote.orchestrator.apply(context, documents);
    expect(applied.every(({ change }) => change === 'created')).toBe(true);
    const run = await remote.orchestrator.ingest(context, 'movies', 'cli');
    const states: string[] = [];
    const last = await remote.orchestrator.waitForRun(tenant, run.run_id, {
      onChange: ({ state }) => states.push(state),
    });
    expect(last.state).toBe('succeeded');
    expect(states.at(-1)).toBe('succeeded');
    const wrong = remote.orchestrator.ingest(context, 'nobody', 'cli');
    await expect(wrong).rejects.toMatchObject({ code: 'not_found' });
  });

  it('says the same of everything', async () => {
    const [record] = (await serving.system.canonical.scan(tenant)[Symbol.asyncIterator]().next()).value ?? [];
    const [report] = await local.orchestrator.reports(tenant);
    const asked: ((rooms: Rooms) => Promise<unknown>)[] = [
      (r) => r.orchestrator.sources(tenant),
      (r) => r.orchestrator.profiles(tenant),
      (r) => r.orchestrator.runs(tenant, { limit: 5 }),
      (r) => r.orchestrator.totals(tenant),
      (r) => r.orchestrator.previewReplay(tenant, { sourceId: 'movies' }),
      (r) => r.orchestrator.retain(tenant, { dryRun: true }),
      (r) => r.normalizer.quarantined(tenant, { limit: 3 }),
      (r) => r.normalizer.quarantineSummary(tenant),
      (r) => r.audit.entries(tenant, { after: 0n, limit: 3 }),
      (r) => r.audit.head(tenant),
      (r) => r.audit.verify(tenant, { onProgress: () => {} }),
      (r) => r.audit.lineage(tenant, record!.recordId),
      (r) => r.auth.listKeys(tenant),
      (r) => r.auth.authenticate(serving.apiKey),
      (r) => r.hub.connectors(),
      (r) => r.hub.health(),
      (r) =>
        r.analytics
          .render(tenant, report!.report, { format: 'csv', section: report!.report.sections[0]!.id })
          .then(({ body }) => body),
    ];
    for (const ask of asked) {
      const answer = await ask(local);
      expect(answer).toBeDefined();
      expect(await ask(remote), String(ask)).toEqual(answer);
    }
  });
});
