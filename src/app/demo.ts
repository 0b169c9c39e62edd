// The demo: the bundled upstream, the example workspace, and one whole pass over both.
import { join } from 'node:path';
import type { Counts, Run } from '#contracts';
import type { RequestContext } from '#kit';
import type { System } from './compose.ts';
import { readConfig, type Config } from './config.ts';
import { findSamples, type DemoSamples } from './demo-samples.ts';
import { startDemoUpstream } from './demo-upstream.ts';
import { serve } from './serve.ts';
import { readWorkspace } from './workspace.ts';

export interface DemoOptions {
  dataDir?: string;
  host?: string;
  port?: number;
  logLevel?: Config['logLevel'];
  onEvent?: (event: DemoEvent) => void;
  /** Aborting it ends the demo early: everything is stopped, and `runDemo` rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type DemoEvent =
  | { type: 'stage'; text: string }
  | { type: 'run'; source: string; state: Run['state']; rows: number; records: number };

export interface DemoSource {
  source: string;
  state: Run['state'];
  /** What became of the rows of the payloads that are current now. */
  counts: Counts;
  /** Live records in the canonical plane. */
  stored: number;
  error?: string;
}

export interface DemoResult {
  url: string;
  /** Opens the start page signed in; works once. */
  signInUrl: string;
  apiKey: string;
  sources: DemoSource[];
  reports: { id: string; title: string }[];
  ledger: { size: string; head: string };
  samples: DemoSamples;
  dataDir: string;
  seconds: number;
  /** Running jobs get `graceMs` to end, then are repeated later. */
  stop(graceMs?: number): Promise<void>;
}

const demoDir = join(import.meta.dirname, '../../examples/demo');
const tenantId = 'default';
const actor = 'cli';

/**
 * Starts everything, applies the example workspace, ingests every source and waits for the end of every run. The
 * services go on serving until `stop`. Running it again changes nothing but the ledger, which records that it ran.
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const started = performance.now();
  const emit = options.onEvent ?? (() => {});
  const config = readConfig(process.env, {
    dataDir: options.dataDir,
    host: options.host,
    port: options.port,
    logLevel: options.logLevel,
    workspaceDir: demoDir,
  });

  emit({ type: 'stage', text: 'Starting the bundled upstream and the engines' });
  const upstream = await startDemoUpstream({});
  process.env.CHARTLY_DEMO_UPSTREAM = upstream.url;
  const serving = await serve(config).catch(async (error: unknown) => {
    await upstream.close();
    throw error;
  });
  const stop = async (graceMs?: number): Promise<void> => {
    await serving.stop(graceMs);
    await upstream.close();
  };

  try {
    options.signal?.throwIfAborted();
    const { system } = serving;
    const context: RequestContext = { tenantId, actor, requestId: 'demo' };
    emit({ type: 'stage', text: 'Applying the example workspace' });
    const { documents, references } = await readWorkspace(demoDir);
    for (const { content } of references) await system.normalizer.storeReference(content);
    const applied = await system.orchestrator.apply(context, documents);
    const sourceIds = applied.filter(({ kind }) => kind === 'source').map(({ id }) => id);

    emit({ type: 'stage', text: 'Ingesting' });
    const runs = await ingestAll(system, context, sourceIds, options);
    const reports = await system.orchestrator.reports(tenantId);
    const head = await system.audit.head(tenantId);
    const principal = await system.auth.authenticate(serving.apiKey);
    const ticket = system.gateway.createTicket(principal);
    return {
      url: serving.url,
      signInUrl: `${serving.url}/session?ticket=${ticket}`,
      apiKey: serving.apiKey,
      sources: await summarize(system, runs),
      reports: reports.map(({ report }) => ({ id: report.report, title: report.title })),
      ledger: { size: String(head.size), head: head.head },
      samples: await findSamples(system, tenantId),
      dataDir: config.dataDir,
      seconds: (performance.now() - started) / 1000,
      stop,
    };
  } catch (error) {
    await stop(options.signal?.aborted === true ? 0 : undefined);
    throw error;
  }
}

async function ingestAll(
  system: System,
  context: RequestContext,
  sourceIds: string[],
  { onEvent, signal }: DemoOptions,
): Promise<Run[]> {
  const report = ({ source_id, state, counts }: Run): void =>
    onEvent?.({ type: 'run', source: source_id, state, rows: counts.rows, records: counts.records });
  return Promise.all(
    sourceIds.map(async (sourceId) => {
      const run = await system.orchestrator.ingest(context, sourceId, 'cli');
      report(run);
      return system.orchestrator.waitForRun(tenantId, run.run_id, { onChange: report, signal });
    }),
  );
}

async function summarize(system: System, runs: Run[]): Promise<DemoSource[]> {
  const [totals, stored] = await Promise.all([
    system.orchestrator.totals(tenantId),
    system.canonical.countBySource(tenantId),
  ]);
  return runs.map((run) => ({
    source: run.source_id,
    state: run.state,
    counts: totals.get(run.source_id) ?? run.counts,
    stored: stored.get(run.source_id) ?? 0,
    ...(run.error === undefined ? {} : { error: run.error.message }),
  }));
}
