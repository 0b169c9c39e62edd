import type { Analytics } from '#analytics';
import type { Audit } from '#audit';
import type { ConnectorHub } from '#connector-hub';
import type { Report, Source } from '#contracts';
import type { Clock, Logger } from '#kit';
import type { Normalizer } from '#normalizer';
import type { Metrics } from '#observer';
import type { BlobStore, Relational } from '#storage';
import { applyDocuments } from './apply.ts';
import { createDeadLetters } from './dead-letters.ts';
import { activeDocuments, activeReport, allProfiles } from './documents.ts';
import { createDrift, stoppedSources } from './drift.ts';
import { handledKinds, type Handled } from './envelope.ts';
import type { Orchestrator } from './index.ts';
import { createMaintenance, queueDepths } from './maintenance.ts';
import { defaultPolicy, type RetryPolicy } from './policy.ts';
import { createPreviews } from './previews.ts';
import { createPromotions } from './promote.ts';
import { createQueue } from './queue.ts';
import { createRetention, sweep } from './retention.ts';
import { createRunFeed } from './run-feed.ts';
import { runJob, type HeldUp } from './run-job.ts';
import { createRuns } from './runs.ts';
import { createScans } from './scans.ts';
import { totals } from './totals.ts';
import { createTransact } from './unit.ts';
import { createWorker, type Worker } from './worker.ts';

export interface OrchestratorDeps {
  relational: Relational;
  blobs: BlobStore;
  hub: ConnectorHub;
  normalizer: Normalizer;
  analytics: Analytics;
  audit: Audit;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  /** What runs in this process (default all): `connector-hub` fetches, `normalizer` normalizes, `orchestrator` carries out retention. */
  roles?: readonly ('orchestrator' | 'connector-hub' | 'normalizer')[];
  timing?: Partial<Timing>;
  policy?: Partial<RetryPolicy>;
}

export interface Timing {
  /** A worker not heard of for so long is dead (seconds, at least 10, default 10). */
  heartbeatSeconds: number;
  /** How often dead workers are looked for (seconds, default 2): twice this and the heartbeat are the longest time until a killed worker's job runs again. */
  monitorSeconds: number;
  /** How often the queue is asked for what no nudge announced: retries that are due, other processes' jobs (seconds, default 0.5). */
  pollSeconds: number;
}

const defaultTiming: Timing = { heartbeatSeconds: 10, monitorSeconds: 2, pollSeconds: 0.5 };
const concurrency: Record<Handled, number> = { fetch: 4, normalize: 2 };
const handlerOf = { fetch: 'connector-hub', normalize: 'normalizer' } as const;

/** Creates the control plane; nothing runs before `start`, and documents can be applied without it. */
export function createOrchestrator(deps: OrchestratorDeps): Orchestrator {
  const { relational, audit, logger, metrics, clock } = deps;
  const timing = { ...defaultTiming, ...deps.timing };
  const policy = { ...defaultPolicy, ...deps.policy };
  const pollMs = timing.pollSeconds * 1000;
  const feed = createRunFeed();
  const workers = new Map<Handled, Worker>();
  const queue = createQueue({ relational, logger, timing });
  const nudge = (kind: Handled): void => workers.get(kind)?.nudge();
  const transact = createTransact({ relational, clock, logger, feed, nudge });
  const heldUp: HeldUp = new Map();
  const shared = { ...deps, transact, queue, policy, heldUp };
  const abortRun = (runId: string): void => {
    for (const worker of workers.values()) worker.abortRun(runId);
  };
  const runDeps = { relational, transact, queue, audit, feed, heldUp, pollMs, abortRun };
  const maintenance = createMaintenance({
    relational,
    logger,
    metrics,
    sweep: (signal) => sweep(deps, signal),
  });

  for (const kind of handledKinds) {
    if (deps.roles?.includes(handlerOf[kind]) === false) continue;
    const run = (claim: Parameters<typeof runJob>[1], signal: AbortSignal): Promise<number> =>
      runJob(shared, claim, signal);
    const heartbeatMs = (timing.heartbeatSeconds * 1000) / 3;
    workers.set(kind, createWorker({ kind, concurrency: concurrency[kind], queue, run, logger, pollMs, heartbeatMs }));
  }

  const deadLetters = createDeadLetters({ relational, transact, queue, audit });
  return {
    ...lifecycle({
      relational,
      queue,
      workers,
      maintenance: deps.roles?.includes('orchestrator') === false ? undefined : maintenance,
      logger,
    }),
    apply: (context, documents, options) => applyDocuments(deps, context, documents, options ?? {}),
    async sources(tenantId) {
      const rows = await activeDocuments(relational, tenantId, 'source');
      const stopped = await stoppedSources(relational, tenantId);
      return rows.map((row) => ({
        source: row.spec as Source,
        version: row.version,
        digest: row.digest,
        appliedAt: row.applied_at,
        stoppedBy: stopped.get(row.document_id),
      }));
    },
    profiles: (tenantId) => allProfiles(relational, tenantId),
    async reports(tenantId) {
      const rows = await activeDocuments(relational, tenantId, 'report');
      return rows.map((row) => ({
        report: row.spec as Report,
        version: row.version,
        digest: row.digest,
        appliedAt: row.applied_at,
      }));
    },
    report: (tenantId, reportId) => activeReport(relational, tenantId, reportId),
    ...createRuns(runDeps),
    ...createPreviews(deps),
    ...createScans(deps),
    ...createPromotions({ ...deps, ...runDeps }),
    ...deadLetters,
    ...createDrift({ relational, transact, audit, retryDeadLetter: deadLetters.retryDeadLetter }),
    ...createRetention(deps),
    totals: (tenantId) => totals(relational, tenantId),
    health: async () => ({ queues: await queueDepths(relational) }),
  };
}

interface LifecycleDeps {
  relational: Relational;
  queue: ReturnType<typeof createQueue>;
  workers: ReadonlyMap<Handled, Worker>;
  maintenance: ReturnType<typeof createMaintenance> | undefined;
  logger: Logger;
}

function lifecycle(deps: LifecycleDeps): Pick<Orchestrator, 'start' | 'stop'> {
  const { relational, queue, workers, maintenance, logger } = deps;
  let started = false;
  return {
    async start() {
      if (started) return;
      started = true;
      await queue.start();
      // The embedded engine belongs to this process alone, so whoever held these jobs is dead: no need to wait for their heartbeats.
      const orphans = relational.engine === 'pglite' ? await queue.releaseOrphans() : 0;
      if (orphans > 0) logger.info('jobs of a process that died are repeated', { jobs: orphans });
      for (const worker of workers.values()) worker.start();
      maintenance?.start();
    },
    async stop(graceMs = 10_000) {
      if (!started) return;
      started = false;
      await maintenance?.stop();
      await Promise.all([...workers.values()].map((worker) => worker.stop(graceMs)));
      await queue.stop();
    },
  };
}
