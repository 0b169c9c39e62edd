// A gateway for tests: real relational store, blobs, audit and auth; the services behind it are small and deterministic.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Analytics } from '#analytics';
import { createAudit } from '#audit';
import { createAuth, type Role } from '#auth';
import type {
  DeadLetter,
  DriftEvent,
  Manifest,
  Profile,
  QuarantineRecord,
  QueryResult,
  RecoveryPreview,
  RetentionView,
  ReplayPreview,
  Report,
  Run,
  Scan,
  Source,
  Step,
} from '#contracts';
import type { ConnectorHub } from '#connector-hub';
import { ChartlyError, isoMs, newUuid, sha256Hex, type Clock } from '#kit';
import type { Normalizer } from '#normalizer';
import { createObserver } from '#observer';
import type { Orchestrator, Promotion } from '#orchestrator';
import { createFileBlobStore, openTestRelational, type CanonicalStore, type StoredRecord } from '#storage';
import type { GatewayDeps } from './deps.ts';
import { createGateway, type Gateway } from './gateway.ts';

export const tenant = 'default';
const contracts = join(import.meta.dirname, '../../contracts/v1');

/** A value that its contract gives as an example. */
export async function example<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(join(contracts, path), 'utf8')) as T;
}

export interface House {
  gateway: Gateway;
  deps: GatewayDeps;
  clock: Clock & { advance(ms: number): void };
  logs: string[];
  keys: Record<Role, string>;
  /** What the services were asked to do, in order. */
  calls: string[];
  runId: string;
  jobId: string;
  recordId: string;
  quarantineId: string;
  driftId: string;
  raw: { sha256: string; bytes: Buffer };
  artifact: { sha256: string; bytes: Buffer };
  /** Makes the next call of a service fail. */
  failNext(error: unknown): void;
  close(): Promise<void>;
}

/** Opens everything; nothing listens. */
export async function openHouse(change: (deps: GatewayDeps) => Partial<GatewayDeps> = () => ({})): Promise<House> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-gateway-'));
  const relational = await openTestRelational(join(dir, 'pg'));
  await relational.migrate();
  const blobs = createFileBlobStore({ dir: join(dir, 'blobs') });
  const clock = stoppedClock();
  const logs: string[] = [];
  const observer = createObserver({
    env: 'test',
    level: 'debug',
    destination: { write: (line) => void logs.push(line) },
  });

  const things = await exampleThings();
  const raw = Buffer.from('<script>alert(1)</script>\n'.repeat(40_000));
  const page = Buffer.from('<!doctype html><title>Report</title><p>Text');
  const rawInfo = await blobs.put('raw', raw);
  const artifactInfo = await blobs.put('artifacts', page);
  const canonical = memoryCanonical(things, rawInfo.sha256);
  const audit = createAudit({ relational, blobs, canonical, clock, logger: observer.logger.child('audit') });
  const auth = createAuth({ relational, audit, clock });

  const calls: string[] = [];
  let failure: unknown;
  const called = (what: string): void => {
    if (failure !== undefined) {
      const error = failure;
      failure = undefined;
      throw error;
    }
    calls.push(what);
  };
  const given: GatewayDeps = {
    auth,
    audit,
    blobs,
    canonical,
    relational,
    observer,
    clock,
    logger: observer.logger.child('gateway'),
    version: '0.0.0-test',
    orchestrator: scriptedOrchestrator(things, called),
    normalizer: scriptedNormalizer(things),
    analytics: scriptedAnalytics(things, artifactInfo.sha256, page),
    hub: scriptedHub(),
  };
  const deps = { ...given, ...change(given) };
  const gateway = createGateway(deps);

  await relational.execute(
    `insert into raw_ref (tenant_id, source_id, run_id, page, request_key, bucket, key, sha256, content_type, size, captured_at)
     values ($1, 'earthquakes', $2, 0, 'r', 'raw', $3, $4, 'text/html', $5, $6)`,
    [tenant, things.run.run_id, rawInfo.key, rawInfo.sha256, rawInfo.size, isoMs(clock.now())],
  );
  await relational.execute(
    `insert into artifact (sha256, tenant_id, report_id, format, content_type, size, manifest) values ($1, $2, 'weather', 'html', 'text/html; charset=utf-8', $3, $4)`,
    [
      artifactInfo.sha256,
      tenant,
      page.length,
      JSON.stringify({ ...things.manifest, artifact_sha256: artifactInfo.sha256 }),
    ],
  );
  const keys = {} as Record<Role, string>;
  for (const role of ['viewer', 'operator', 'admin'] as const) {
    keys[role] = (await auth.createKey(tenant, 'cli', { name: `a ${role}`, role })).secret;
  }
  return {
    gateway,
    deps,
    clock,
    logs,
    keys,
    calls,
    runId: things.run.run_id,
    jobId: things.deadLetter.job_id,
    recordId: things.record.recordId,
    quarantineId: things.quarantined.quarantine_id,
    driftId: things.drift.drift_id,
    raw: { sha256: rawInfo.sha256, bytes: raw },
    artifact: { sha256: artifactInfo.sha256, bytes: page },
    failNext: (error) => {
      failure = error;
    },
    async close() {
      await gateway.close();
      await relational.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function stoppedClock(): House['clock'] {
  let now = Date.parse('2025-03-01T12:00:00.000Z');
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

async function exampleThings() {
  const profile = await example<Profile>('profiles/examples/valid/profile-earthquakes.json');
  const record: StoredRecord = {
    tenantId: tenant,
    sourceId: 'earthquakes',
    kind: 'event',
    name: 'earthquake',
    tsMs: 1_700_000_000_000,
    recordId: 'a'.repeat(32),
    value: undefined,
    unit: '',
    dimensions: { place: '<b>here</b>' },
    measures: { mag: 4.5 },
    exact: undefined,
    byteStart: 0,
    byteEnd: 25,
    row: 0,
    recordHash: 'b'.repeat(64),
    batchId: 'c'.repeat(32),
    rawSha256: '',
    profileId: profile.profile,
    profileVersion: profile.version,
    profileDigest: 'd'.repeat(64),
    revision: 2n ** 60n + 1n,
    capturedAtMs: 1_700_000_000_000,
  };
  return {
    profile,
    record,
    source: await example<Source>('sources/examples/valid/source-earthquakes.json'),
    report: await example<Report>('reports/examples/valid/report-seattle-weather.json'),
    manifest: await example<Manifest>('reports/examples/valid/manifest-seattle-weather.json'),
    result: await example<QueryResult>('reports/examples/valid/query-result-stock-price.json'),
    run: await example<Run>('jobs/examples/valid/run-earthquakes-succeeded.json'),
    preview: await example<ReplayPreview>('api/examples/valid/replay-preview-earthquakes.json'),
    retained: await example<RetentionView>('api/examples/valid/retention-orders.json'),
    scan: await example<Scan>('api/examples/valid/scan-signups.json'),
    recovery: await example<RecoveryPreview>('api/examples/valid/recovery-preview-movies.json'),
    step: await example<Step>('jobs/examples/valid/step-normalize-half-done.json'),
    deadLetter: await example<DeadLetter>('jobs/examples/valid/dead-letter-stocks.json'),
    drift: await example<DriftEvent>('telemetry/examples/valid/drift-event-earthquakes-depth.json'),
    quarantined: await example<QuarantineRecord>('quarantine/examples/valid/quarantine-record-movie-date.json'),
  };
}

type Things = Awaited<ReturnType<typeof exampleThings>>;

function missing(what: string): never {
  throw new ChartlyError('not_found', `There is no such ${what}.`);
}

function scriptedOrchestrator(things: Things, called: (what: string) => void): Orchestrator {
  const { source, profile, report, run, step, deadLetter } = things;
  const stamp = { version: '1', digest: 'e'.repeat(64), appliedAt: '2025-02-11T09:30:15.204Z' };
  const promotion: Promotion = {
    profile: { id: profile.profile, version: profile.version, digest: stamp.digest },
    replaces: undefined,
    change: 'promoted',
    sources: [source.source],
    runs: [],
  };
  const newRun = (): Run => ({ ...run, run_id: newUuid(), state: 'queued', trigger: 'api' });
  return {
    start: async () => {},
    stop: async () => {},
    apply: async (_context, documents, options) => {
      called(options?.dryRun === true ? 'apply --dry-run' : 'apply');
      return documents.map((document) => ({
        kind: document.kind,
        id: source.source,
        version: '1',
        digest: sha256Hex(JSON.stringify(document.spec)),
        change: 'created' as const,
      }));
    },
    sources: async (tenantId) => (tenantId === tenant ? [{ source, ...stamp, stoppedBy: undefined }] : []),
    profiles: async () => [
      {
        profile,
        ordinal: 1,
        state: 'active',
        digest: stamp.digest,
        appliedAt: stamp.appliedAt,
        activatedAt: stamp.appliedAt,
      },
    ],
    promote: async (context, { profileId, version, replay }) => {
      called(`promote ${profileId}@${version} by ${context.actor}`);
      if (profileId !== profile.profile) return missing('profile');
      return { ...promotion, runs: replay === true ? [{ ...newRun(), trigger: 'replay' }] : [] };
    },
    previewPromotion: async () => ({ promotion, previews: [things.preview] }),
    reports: async () => [{ report, ...stamp }],
    report: async (_tenant, id) => (id === report.report ? report : missing('report')),
    ingest: async (context, id, trigger) => {
      // A moment of real work, so that concurrent requests overlap.
      await new Promise((resolve) => setTimeout(resolve, 20));
      called(`ingest ${id} by ${context.actor} for ${trigger}`);
      return id === source.source ? newRun() : missing('source');
    },
    run: async (_tenant, id) => (id === run.run_id ? { ...run, steps: [step] } : missing('run')),
    runs: async () => ({ items: [run], next: 'cursor' }),
    waitForRun: async () => run,
    replay: async (context, request) => {
      called(`replay ${request.sourceId} by ${context.actor}`);
      return { ...newRun(), trigger: 'replay' };
    },
    recover: async (_context, id, reason) => {
      called(`recover ${id} ${reason}`);
      return { ...newRun(), trigger: 'replay' };
    },
    previewReplay: async () => things.preview,
    previewRecovery: async () => [things.recovery],
    diffProfiles: async () => things.preview,
    scan: async (context, request) => {
      called(`scan ${request.sourceId} by ${context.actor}`);
      return things.scan;
    },
    cancel: async () => ({ ...run, state: 'cancelled' }),
    retry: async () => newRun(),
    deadLetters: async () => ({ items: [deadLetter], next: undefined }),
    retryDeadLetter: async (_context, id) =>
      id === deadLetter.job_id ? called(`retry ${id}`) : missing('dead letter'),
    discardDeadLetter: async (_context, id, reason) => called(`discard ${id}: ${reason}`),
    retain: async (_tenant, { sourceId }) => {
      if (sourceId !== undefined && sourceId !== source.source) return missing('source');
      return [things.retained];
    },
    drifts: async () => ({ items: [things.drift], next: undefined }),
    drift: async (_tenant, id) => (id === things.drift.drift_id ? things.drift : missing('drift event')),
    acceptDrift: async (_context, id) => {
      called(`accept ${id}`);
      return { event: { ...things.drift, state: 'accepted' }, retried: 2, stopped: false };
    },
    ignoreDrift: async (_context, id) => {
      called(`ignore ${id}`);
      return { event: { ...things.drift, state: 'ignored' }, retried: 0, stopped: false };
    },
    totals: async () => new Map([[source.source, run.counts]]),
    health: async () => ({ queues: [{ queue: 'fetch', depth: 4 }] }),
  };
}

function scriptedNormalizer({ quarantined }: Things): Normalizer {
  return {
    check: () => {},
    checkTables: async () => {},
    storeReference: async (content) => ({ sha256: sha256Hex(content), size: content.length }),
    normalize: async () => missing('payload'),
    judge: async () => missing('payload'),
    rehearse: async () => missing('payload'),
    expireRecords: async () => 0,
    scan: async () => missing('payload'),
    reveal: async (_context, value) => (value === 'tok_1' ? 'ada' : missing('key')),
    discard: async (_context, scope) => ('quarantineId' in scope ? 1 : 3),
    quarantined: async () => ({ items: [quarantined], next: undefined }),
    quarantineSummary: async () => [
      { source_id: quarantined.source_id, reason_code: quarantined.reason_code, count: 3 },
    ],
    close: async () => {},
    decodedRow: async () => undefined,
    quarantinedRow: async (_tenant, id) =>
      id === quarantined.quarantine_id
        ? { record: quarantined, bytes: Buffer.from([0xff, 0x00]) }
        : missing('quarantine record'),
  };
}

function scriptedAnalytics({ result, manifest }: Things, sha256: string, page: Buffer): Analytics {
  return {
    query: async (_tenant, query) => {
      if (query.name !== 'nothing') return result;
      throw new ChartlyError('query_too_heavy', 'Too much.');
    },
    checkReport: () => {},
    compare: async () => [],
    render: async (_tenant, _report, { format }) => ({
      body: format === 'html' ? page : Buffer.from('{}'),
      contentType: format === 'html' ? 'text/html; charset=utf-8' : 'application/json',
      manifest: { ...manifest, format, artifact_sha256: sha256 },
    }),
  };
}

function scriptedHub(): ConnectorHub {
  return {
    async *fetch() {},
    connectors: async () => [],
    health: async () => [{ domain: 'example.org', breaker: 'half_open', inFlight: 1, failures: 2 }],
  };
}

function memoryCanonical({ record }: Things, rawSha256: string): CanonicalStore {
  const stored = { ...record, rawSha256 };
  return {
    migrate: async () => {},
    attach: () => {
      throw new Error('not here');
    },
    write: async () => ({ inserted: 0, replaced: 0, moved: 0, stale: 0 }),
    get: async (tenantId, id) => (tenantId === tenant && id === stored.recordId ? stored : undefined),
    async *scan() {
      yield [stored];
    },
    retireOthers: async () => 0,
    countBefore: async () => 0,
    expireBefore: async () => 0,
    countBySource: async () => new Map([[stored.sourceId, 1]]),
    dataVersion: async () => '1',
    read: async () => ({ columns: [], rows: [] }),
    fork: async () => missing('fork'),
    health: async () => {},
    close: async () => {},
  };
}
