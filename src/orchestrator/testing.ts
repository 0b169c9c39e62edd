/**
 * For this room's tests: the real queue, store and ledger, with small deterministic implementations of what lies around them. An upstream is a list of
 * pages; a page is lines of text; a line is a record, one that starts with `!` is bad, one seen before in its page is a duplicate.
 */
import type { Analytics } from '#analytics';
import { createAudit, type Audit } from '#audit';
import type { CapturedPage, ConnectorHub, FetchTask, SourceState } from '#connector-hub';
import type { Counts, RawRef } from '#contracts';
import { ChartlyError, isoMs, sha256Hex, shortId, silentLogger, systemClock, type Logger } from '#kit';
import type { NormalizeOutcome, NormalizeTask, Normalizer } from '#normalizer';
import { createObserver } from '#observer';
import { openTestRelational, type BlobStore, type CanonicalStore, type Relational } from '#storage';
import type { Orchestrator, WorkspaceDocument } from './index.ts';
import { createOrchestrator, type OrchestratorDeps } from './orchestrator.ts';

export const context = { tenantId: 'default', actor: 'cli', requestId: 'req-1' };

export interface Upstream {
  pages: string[];
  /** Answers `unchanged` to an unpaged request that has the current bytes. */
  etag?: boolean;
  /** Cannot be resumed: every attempt starts anew. */
  forgetful?: boolean;
  /** Called before each page; what it throws, the hub throws. */
  before?: (page: number, task: FetchTask) => Promise<void> | void;
}

export interface World {
  upstreams: Map<string, Upstream>;
  /** Called before each payload is normalized; what it throws, the normalizer throws. */
  beforeNormalize?: (task: NormalizeTask) => Promise<void> | void;
}

export interface House {
  relational: Relational;
  audit: Audit;
  world: World;
  orchestrator: Orchestrator;
  /** Another orchestrator on the same store, as after a restart. */
  create(options?: Partial<OrchestratorDeps>): Orchestrator;
  close(): Promise<void>;
}

export async function openHouse(
  dir: string,
  options: Partial<OrchestratorDeps> & { logger?: Logger } = {},
): Promise<House> {
  const relational = await openTestRelational(dir);
  await relational.migrate();
  await relational.script('create table if not exists effect (batch_id text primary key, times integer not null)');
  const world: World = { upstreams: new Map() };
  const audit = createAudit({
    relational,
    // Appending touches neither blobs nor records.
    blobs: undefined as unknown as BlobStore,
    canonical: undefined as unknown as CanonicalStore,
    clock: systemClock,
    logger: silentLogger,
  });
  const { metrics } = createObserver({ env: 'test', level: 'silent' });
  const payloads = new Map<string, string>();
  const base: OrchestratorDeps = {
    relational,
    // Nothing of this room's tests expires.
    blobs: undefined as unknown as BlobStore,
    audit,
    metrics,
    hub: lineHub(world, payloads),
    normalizer: lineNormalizer(world, payloads, relational, audit),
    analytics: lineAnalytics,
    logger: silentLogger,
    clock: systemClock,
    timing: { pollSeconds: 0.05, monitorSeconds: 1 },
    policy: { baseMs: 10, maxMs: 50 },
    ...options,
  };
  const orchestrators: Orchestrator[] = [];
  const create = (more: Partial<OrchestratorDeps> = {}): Orchestrator => {
    const orchestrator = createOrchestrator({ ...base, ...more });
    orchestrators.push(orchestrator);
    return orchestrator;
  };
  return {
    relational,
    audit,
    world,
    orchestrator: create(),
    create,
    async close() {
      for (const orchestrator of orchestrators) await orchestrator.stop(5000);
      await relational.close();
    },
  };
}

/** Sources, and the profile of the first one's name that maps them. */
export function documents(sources: readonly string[], version = '1.0.0'): WorkspaceDocument[] {
  const profile = `${sources[0]}-lines`;
  return [
    {
      kind: 'profile',
      file: 'profiles/lines.yaml',
      spec: { profile, version, format: 'ndjson', records: [{ kind: 'event', name: 'line', key: ['x'], ts: 'at' }] },
    },
    ...sources.map((source) => ({
      kind: 'source' as const,
      file: `sources/${source}.yaml`,
      spec: { source, connector: 'file', profile, file: { path: `${source}.txt` } },
    })),
  ];
}

/** What the lines of a page come to. */
export function countLines(text: string): Counts {
  const lines = text === '' ? [] : text.split('\n');
  const bad = lines.filter((line) => line.startsWith('!')).length;
  const good = lines.filter((line) => !line.startsWith('!'));
  const records = new Set(good).size;
  return {
    rows: lines.length,
    candidates: lines.length,
    records,
    quarantined: bad,
    deduplicated: good.length - records,
    skipped: 0,
    bytes: Buffer.byteLength(text),
  };
}

function lineHub(world: World, payloads: Map<string, string>): ConnectorHub {
  return {
    connectors: async () => [{ name: 'file', title: 'File', description: '' }],
    health: async () => [],
    fetch: (task) => linePages(world, payloads, task),
  };
}

async function* linePages(world: World, payloads: Map<string, string>, task: FetchTask): AsyncIterable<CapturedPage> {
  const upstream = world.upstreams.get(task.source.source)!;
  const { resume, requests } = task.state ?? { requests: {}, resume: undefined };
  const first = resume?.run_id === task.runId ? resume.page : 0;
  for (let page = first; page < upstream.pages.length; page++) {
    await upstream.before?.(page, task);
    task.signal.throwIfAborted();
    const text = upstream.pages[page]!;
    const sha256 = sha256Hex(text);
    payloads.set(sha256, text);
    const key = `page ${page}`;
    const known = requests[key];
    const unchanged = upstream.etag === true && known?.etag === sha256;
    const raw: RawRef = unchanged
      ? known.raw
      : {
          tenant_id: task.tenantId,
          source_id: task.source.source,
          run_id: task.runId,
          bucket: 'raw',
          key: sha256,
          sha256,
          content_type: 'text/plain',
          size: Buffer.byteLength(text),
          captured_at: isoMs(Date.now()),
          request_key: key,
          page,
        };
    const state: SourceState = upstream.etag
      ? { requests: { ...requests, [key]: { etag: sha256, raw } } }
      : upstream.forgetful
        ? { requests: {} }
        : { requests: {}, resume: { run_id: task.runId, page: page + 1, cursor: String(page + 1) } };
    Object.assign(requests, state.requests);
    yield { raw, unchanged, state };
  }
}

function lineNormalizer(world: World, payloads: Map<string, string>, relational: Relational, audit: Audit): Normalizer {
  return {
    check(profile) {
      if (profile.title !== 'broken') return;
      throw new ChartlyError('profile_invalid', 'The profile does not compile.', {
        details: [{ pointer: '/title', message: 'is broken' }],
      });
    },
    async checkTables(profile) {
      if (profile.lookups?.broken === undefined) return;
      throw new ChartlyError('profile_invalid', 'A table cannot be used.', {
        details: [{ pointer: '/lookups/broken/file', message: 'is not stored' }],
      });
    },
    storeReference: async (content) => ({ sha256: sha256Hex(content), size: content.length }),
    async normalize(task) {
      await world.beforeNormalize?.(task);
      task.signal.throwIfAborted();
      return normalizeLines(task, world, payloads, relational, audit);
    },
    judge: async () => ({ payloads: 0, counts: countLines(''), reasons: [] }),
    rehearse: () => Promise.reject(new ChartlyError('not_found', 'There is no store here.')),
    expireRecords: async () => 0,
    discard: async () => 0,
    scan: () => Promise.reject(new ChartlyError('not_found', 'There is nothing to scan here.')),
    reveal: () => Promise.reject(new ChartlyError('not_found', 'There are no keys here.')),
    quarantined: async () => ({ items: [], next: undefined }),
    quarantineSummary: async () => [],
    decodedRow: async () => undefined,
    quarantinedRow: () => Promise.reject(new ChartlyError('not_found', 'There is no such row.')),
    close: async () => {},
  };
}

async function normalizeLines(
  task: NormalizeTask,
  world: World,
  payloads: Map<string, string>,
  relational: Relational,
  audit: Audit,
): Promise<NormalizeOutcome> {
  const { raw, profile } = task;
  const text = payloads.get(raw.sha256) ?? offered(world, raw.sha256);
  if (text === undefined) throw new ChartlyError('not_found', 'There is no such payload.');
  const counts = countLines(text);
  const revision = BigInt(profile.ordinal) * 2n ** 44n + BigInt(Date.parse(raw.captured_at));
  const batchId = shortId(['batch', task.tenantId, task.sourceId, raw.sha256, profile.digest, String(revision), '0']);
  await relational.execute(
    'insert into effect (batch_id, times) values ($1, 1) on conflict (batch_id) do update set times = effect.times + 1',
    [batchId],
  );
  const [entry] = await audit.append([
    {
      tenantId: task.tenantId,
      actor: 'service:normalizer',
      action: 'batch.normalized',
      resource: `batch:${batchId}`,
      outcome: 'succeeded',
      runId: task.runId,
      details: { records: counts.records },
      dedupeKey: `batch:${batchId}`,
    },
  ]);
  const root = sha256Hex(batchId);
  const receipt = { batchId, chunk: 0, revision, counts, leavesSha256: root, merkleRoot: root, ledgerSeq: entry!.seq };
  return {
    counts,
    receipts: [receipt],
    written: { inserted: counts.records, replaced: 0, moved: 0, stale: 0, retired: 0 },
  };
}

/** What an earlier process captured, as a blob store would give it. */
function offered(world: World, sha256: string): string | undefined {
  for (const { pages } of world.upstreams.values()) {
    for (const text of pages) if (sha256Hex(text) === sha256) return text;
  }
  return undefined;
}

const lineAnalytics: Analytics = {
  query: () => Promise.reject(new ChartlyError('not_found', 'There are no queries here.')),
  checkReport(report) {
    if (report.title !== 'broken') return;
    throw new ChartlyError('validation_failed', 'The report cannot work.', {
      details: [{ pointer: '/sections/0/chart', message: 'does not compile' }],
    });
  },
  compare: async () => [],
  render: () => Promise.reject(new ChartlyError('not_found', 'There are no reports here.')),
};

export const crashSources = ['one', 'two', 'three'];

/** Pages of every source of the crash test: the same in every process. */
export function crashWorld(): Map<string, string[]> {
  return new Map(
    crashSources.map((source) => [
      source,
      Array.from({ length: 6 }, (_, page) => `${source}\n!${page}\n${source}\n${page}`),
    ]),
  );
}
