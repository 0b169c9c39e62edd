/** The state machine of runs and steps. Everything here happens under the lock of the run's row. */
import type { Audit } from '#audit';
import type { Job } from '#contracts';
import { ChartlyError, isoMs } from '#kit';
import type { Sql } from '#storage';
import { recordRun, serviceActor } from './ledger.ts';
import { isOver, toRun, type RunRow, type RunState, type StepRow } from './rows.ts';
import type { Unit } from './unit.ts';

/** Locks a run until the end of the transaction. Always the first lock of a unit, so that units cannot wait for each other in a ring. Errors: `not_found`. */
export async function lockRun(tx: Sql, runId: string, tenantId?: string): Promise<RunRow> {
  const [run] = await tx.query<RunRow>('select * from run where run_id = $1 for update', [runId]);
  if (run === undefined || (tenantId !== undefined && run.tenant_id !== tenantId)) {
    throw new ChartlyError('not_found', `There is no run ${runId}.`);
  }
  return run;
}

/** Writes back what may change of a run, and tells about it after the commit. */
export async function saveRun(unit: Unit, run: RunRow): Promise<void> {
  await unit.tx.execute(
    `update run set state = $2, started_at = $3, ended_at = $4, counts = $5, pages = $6, unchanged = $7, dead_letters = $8, error = $9 where run_id = $1`,
    [
      run.run_id,
      run.state,
      run.started_at,
      run.ended_at,
      JSON.stringify(run.counts),
      run.pages,
      run.unchanged,
      run.dead_letters,
      run.error === null ? null : JSON.stringify(run.error),
    ],
  );
  unit.runChanged(toRun(run));
}

/** The run makes headway: what it waited for is over. */
export function forgetWait(run: RunRow): void {
  if (run.dead_letters === 0) run.error = null;
}

export function moveRun(unit: Unit, run: RunRow, to: RunState): void {
  unit.status({ tenant_id: run.tenant_id, source_id: run.source_id, run_id: run.run_id, from: run.state, to });
  run.state = to;
}

/** Adds to the counters of a step. The step of a job that comes back is open again. */
export async function countJobs(
  unit: Unit,
  run: RunRow,
  step: Job['kind'],
  add: { total?: number; done?: number; failed?: number },
): Promise<void> {
  await unit.tx.execute(
    `update step set jobs_total = jobs_total + $3, jobs_done = jobs_done + $4, jobs_failed = jobs_failed + $5 where run_id = $1 and step = $2`,
    [run.run_id, step, add.total ?? 0, add.done ?? 0, add.failed ?? 0],
  );
}

/** A worker has taken a job: run and step are running from now on. False when the run is over. */
export async function startStep(unit: Unit, job: Job): Promise<boolean> {
  const run = await lockRun(unit.tx, job.run_id);
  if (isOver(run.state)) return false;
  const now = isoMs(unit.now);
  if (run.state === 'queued') {
    moveRun(unit, run, 'running');
    run.started_at = now;
    await saveRun(unit, run);
  }
  const started = await unit.tx.execute(
    `update step set state = 'running', started_at = coalesce(started_at, $3) where run_id = $1 and step = $2 and state = 'queued'`,
    [job.run_id, job.kind, now],
  );
  if (started > 0) logStep(unit, run, job.kind, 'queued', 'running');
  return true;
}

/**
 * Ends the steps whose last job is settled, and with the last of them the run; saves the run in any case. The fan-in: whichever job settles last finds
 * nothing pending, for the run's lock makes settling a queue.
 */
export async function settleRun(unit: Unit, audit: Audit, run: RunRow): Promise<void> {
  const steps = await unit.tx.query<StepRow>('select * from step where run_id = $1', [run.run_id]);
  const fetch = steps.find((step) => step.step === 'fetch')!;
  const normalize = steps.find((step) => step.step === 'normalize')!;
  const fetched = pending(fetch) === 0;
  if (fetched) await endStep(unit, run, fetch);
  if (fetched && pending(normalize) === 0) {
    await endStep(unit, run, normalize);
    await endRun(unit, audit, run, fetch.jobs_failed + normalize.jobs_failed);
  }
  await saveRun(unit, run);
}

function pending(step: StepRow): number {
  return step.jobs_total - step.jobs_done - step.jobs_failed;
}

async function endStep(unit: Unit, run: RunRow, step: StepRow): Promise<void> {
  if (isOver(step.state)) return;
  const to = step.jobs_failed > 0 ? 'failed' : 'succeeded';
  await unit.tx.execute('update step set state = $3, ended_at = $4 where run_id = $1 and step = $2', [
    run.run_id,
    step.step,
    to,
    isoMs(unit.now),
  ]);
  logStep(unit, run, step.step, step.state, to);
}

async function endRun(unit: Unit, audit: Audit, run: RunRow, failed: number): Promise<void> {
  if (isOver(run.state)) return;
  const again = run.ended_at === null ? '' : `:${unit.now}`;
  moveRun(unit, run, endState(run, failed));
  run.ended_at = isoMs(unit.now);
  if (run.state !== 'failed') run.error = null;
  await recordRun(audit, unit.tx, toRun(run), serviceActor, again);
}

function endState(run: RunRow, failed: number): RunState {
  if (failed > 0) return 'failed';
  const { records = 0, quarantined = 0 } = run.counts;
  return records === 0 && quarantined > 0 ? 'quarantined' : 'succeeded';
}

function logStep(unit: Unit, run: RunRow, step: Job['kind'], from: RunState, to: RunState): void {
  unit.status({ tenant_id: run.tenant_id, source_id: run.source_id, run_id: run.run_id, step, from, to });
}
