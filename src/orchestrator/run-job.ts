/** One attempt of one job, from its start to its settlement. Never throws: what goes wrong is settled too, or left for another attempt. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailureInfo, Job } from '#contracts';
import { asChartlyError, withCallContext, type CallContext, type ChartlyError, type Clock, type Logger } from '#kit';
import type { Metrics } from '#observer';
import type { Sql } from '#storage';
import type { Claim } from './envelope.ts';
import { buryPoisoned, giveBack, settleFailure, type FailureDeps } from './failures.ts';
import { runFetch, type FetchDeps } from './fetch-job.ts';
import { runNormalize, type NormalizeDeps } from './normalize-job.ts';
import { failureInfo, isPoisoned, restAfterCrashes, storeIsAway, type Verdict } from './policy.ts';
import { runReplay } from './replay-job.ts';
import { startStep } from './run-state.ts';
import { StaleAttempt } from './stale.ts';

export interface JobDeps extends FetchDeps, NormalizeDeps, FailureDeps {
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  heldUp: HeldUp;
}

/** By run: why a failed job of this process cannot be settled yet. Where it should be written is just what is away. */
export type HeldUp = Map<string, FailureInfo>;

/** Why a signal was aborted. */
export type AbortReason = 'stopping' | 'run over';

type Outcome = Parameters<Metrics['jobEnded']>[0]['outcome'];

/** Resolves when the attempt is over, with the time (milliseconds) for which the worker had better take no other job. */
export async function runJob(deps: JobDeps, claim: Claim, signal: AbortSignal): Promise<number> {
  const started = deps.clock.now();
  const { outcome, pauseMs } = await attempt(deps, claim, signal);
  deps.metrics.jobEnded({ kind: claim.kind, outcome }, (deps.clock.now() - started) / 1000);
  return pauseMs;
}

async function attempt(
  deps: JobDeps,
  claim: Claim,
  signal: AbortSignal,
): Promise<{ outcome: Outcome; pauseMs: number }> {
  try {
    if (isPoisoned(claim, deps.policy)) {
      await buryPoisoned(deps, claim);
      return { outcome: 'dead', pauseMs: 0 };
    }
    const restMs = restAfterCrashes(claim);
    if (restMs > 0) {
      await giveBack(deps, claim, restMs);
      return { outcome: 'retried', pauseMs: 0 };
    }
    if (!(await start(deps, claim))) return { outcome: 'cancelled', pauseMs: 0 };
    await withCallContext(requestOf(claim), () => handle(deps, claim, signal));
    return { outcome: 'succeeded', pauseMs: 0 };
  } catch (error) {
    return failed(deps, claim, signal, error);
  }
}

function handle(deps: JobDeps, claim: Claim, signal: AbortSignal): Promise<void> {
  if (claim.kind === 'normalize') return runNormalize(deps, claim, signal);
  return claim.envelope.job.replay === undefined ? runFetch(deps, claim, signal) : runReplay(deps, claim);
}

/** Jobs that nobody asked for by a request go by their own id. */
function requestOf({ envelope: { job } }: Claim): CallContext {
  return { requestId: job.request_id ?? job.job_id };
}

/** False when the run is over: then the job has nothing left to do. */
async function start(deps: JobDeps, claim: Claim): Promise<boolean> {
  const { job } = claim.envelope;
  if (await isUnderWay(deps.relational, job)) return true;
  return deps.transact(async (unit) => {
    if (await startStep(unit, job)) return true;
    await deps.queue.complete(unit.tx, claim);
    return false;
  });
}

/** For all jobs but the first of a step one look is enough. Should the run end in this moment, settling finds out. */
async function isUnderWay(sql: Sql, job: Job): Promise<boolean> {
  const rows = await sql.query(
    `select 1 from run join step using (run_id) where run_id = $1 and step = $2 and run.state = 'running' and step.state = 'running'`,
    [job.run_id, job.kind],
  );
  return rows.length > 0;
}

async function failed(
  deps: JobDeps,
  claim: Claim,
  signal: AbortSignal,
  thrown: unknown,
): Promise<{ outcome: Outcome; pauseMs: number }> {
  if (thrown instanceof StaleAttempt) return { outcome: 'cancelled', pauseMs: 0 };
  try {
    if (signal.aborted) {
      if (signal.reason === ('stopping' satisfies AbortReason)) await giveBack(deps, claim);
      return { outcome: 'cancelled', pauseMs: 0 };
    }
    const error = asChartlyError(thrown);
    const verdict = await settlePatiently(deps, claim, signal, error);
    report(deps, claim, error, verdict.kind);
    if (verdict.kind === 'dead') return { outcome: 'dead', pauseMs: 0 };
    return { outcome: 'retried', pauseMs: verdict.kind === 'wait' ? verdict.delayMs : 0 };
  } catch (error) {
    // The job stays in our hands until its heartbeat is missed, and is then repeated.
    deps.logger.warn('a failed job could not be settled and will be repeated', {
      ...idsOf(claim),
      code: asChartlyError(error).code,
      error,
    });
    return { outcome: 'retried', pauseMs: 1000 };
  }
}

/** While the relational store is away nothing can be settled. To let go of the job then would count as a death in it. */
async function settlePatiently(
  deps: JobDeps,
  claim: Claim,
  signal: AbortSignal,
  error: ChartlyError,
): Promise<Verdict> {
  const { run_id } = claim.envelope.job;
  try {
    for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 5000)) {
      try {
        return await settleFailure(deps, claim, error);
      } catch (thrown) {
        const failure = asChartlyError(thrown);
        if (!storeIsAway.has(failure.code) || signal.aborted) throw failure;
        deps.heldUp.set(run_id, failureInfo(failure, deps.clock.now()));
        deps.logger.warn('a failed job cannot be settled yet', {
          ...idsOf(claim),
          code: failure.code,
          reason: failure.message,
        });
        await sleep(waitMs, undefined, { signal }).catch(() => {});
      }
    }
  } finally {
    deps.heldUp.delete(run_id);
  }
}

function report(deps: JobDeps, claim: Claim, error: ChartlyError, verdict: string): void {
  deps.metrics.error({ service: 'orchestrator', code: error.code });
  const message = verdict === 'dead' ? 'job given up' : 'job failed and will be repeated';
  const unexpected = error.code === 'internal' ? { error: error.cause } : {};
  deps.logger.warn(message, { ...idsOf(claim), code: error.code, reason: error.message, ...unexpected });
}

function idsOf(claim: Claim): Record<string, string> {
  const { tenant_id, source_id, run_id, job_id } = claim.envelope.job;
  return { tenant_id, source_id, run_id, job_id };
}
