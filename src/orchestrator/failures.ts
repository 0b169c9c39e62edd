/** What becomes of an attempt that did not succeed: tried again later, or given up. */
import type { Audit } from '#audit';
import type { FailureInfo } from '#contracts';
import { ChartlyError, isoMs } from '#kit';
import { crashes, type Claim, type Envelope } from './envelope.ts';
import { failureInfo, judge, type RetryPolicy, type Verdict } from './policy.ts';
import type { Queue } from './queue.ts';
import { isOver, type RunRow } from './rows.ts';
import { countJobs, lockRun, saveRun, settleRun } from './run-state.ts';
import type { Transact, Unit } from './unit.ts';

export interface FailureDeps {
  transact: Transact;
  queue: Queue;
  audit: Audit;
  policy: RetryPolicy;
}

/** Settles a failed attempt by the policy, and says what it came to. A claim that was lost meanwhile changes nothing. */
export async function settleFailure(deps: FailureDeps, claim: Claim, error: ChartlyError): Promise<Verdict> {
  const verdict = judge(claim, error, deps.policy);
  await deps.transact(async (unit) => {
    const info = failureInfo(error, unit.now, attemptOf(claim));
    if (verdict.kind === 'dead') await bury(deps, unit, claim, [...claim.envelope.errors, info]);
    else await putBack(deps, unit, claim, withFailure(claim.envelope, verdict, info), verdict.delayMs, info);
  });
  return verdict;
}

/** Gives a job back as if it had not been taken; not before `delayMs` has passed does anyone take it again. */
export async function giveBack(deps: FailureDeps, claim: Claim, delayMs = 0): Promise<void> {
  const { envelope } = claim;
  const later = { ...envelope, waits: envelope.waits + 1, rested: crashes(claim) };
  await deps.transact((unit) => putBack(deps, unit, claim, later, delayMs));
}

/** Gives up a job whose workers die in it. */
export async function buryPoisoned(deps: FailureDeps, claim: Claim): Promise<void> {
  const error = new ChartlyError('poisoned', `The worker died ${crashes(claim)} times while it ran this job.`);
  await deps.transact((unit) =>
    bury(deps, unit, claim, [...claim.envelope.errors, failureInfo(error, unit.now, attemptOf(claim))]),
  );
}

function attemptOf(claim: Claim): number {
  return claim.envelope.errors.length + crashes(claim) + 1;
}

function withFailure(envelope: Envelope, verdict: Verdict, info: FailureInfo): Envelope {
  if (verdict.kind === 'wait') return { ...envelope, waits: envelope.waits + 1 };
  return { ...envelope, errors: [...envelope.errors, info] };
}

async function putBack(
  deps: FailureDeps,
  unit: Unit,
  claim: Claim,
  envelope: Envelope,
  delayMs: number,
  info?: FailureInfo,
): Promise<void> {
  const run = info === undefined ? undefined : await lockRun(unit.tx, envelope.job.run_id);
  if (!(await deps.queue.postpone(unit.tx, claim, envelope, unit.now + delayMs))) return;
  if (run !== undefined) await tellRun(unit, run, info!);
  const { tenant_id, source_id, run_id, job_id, kind } = envelope.job;
  const code = envelope.errors.at(-1)?.code;
  unit.status({
    tenant_id,
    source_id,
    run_id,
    step: kind,
    job_id,
    from: 'running',
    to: 'queued',
    attempt: attemptOf(claim),
    ...(code === undefined ? {} : { code }),
  });
}

/** A run that waits says what for. What a dead letter says of it weighs more. */
async function tellRun(unit: Unit, run: RunRow, info: FailureInfo): Promise<void> {
  if (isOver(run.state) || run.dead_letters > 0) return;
  run.error = info;
  await saveRun(unit, run);
}

async function bury(deps: FailureDeps, unit: Unit, claim: Claim, errors: FailureInfo[]): Promise<void> {
  const { job } = claim.envelope;
  const run = await lockRun(unit.tx, job.run_id);
  if (isOver(run.state) || !(await deps.queue.complete(unit.tx, claim))) return;
  // A job that died before and was retried keeps its whole history.
  await unit.tx.execute(
    `insert into dead_letter (job_id, run_id, tenant_id, source_id, kind, state, errors, job, died_at)
     values ($1, $2, $3, $4, $5, 'open', $6, $7, $8)
     on conflict (job_id) do update set state = 'open', errors = dead_letter.errors || excluded.errors, died_at = excluded.died_at`,
    [
      job.job_id,
      job.run_id,
      job.tenant_id,
      job.source_id,
      job.kind,
      JSON.stringify(errors),
      JSON.stringify(job),
      isoMs(unit.now),
    ],
  );
  const last = errors.at(-1)!;
  run.dead_letters += 1;
  run.error = last;
  await countJobs(unit, run, job.kind, { failed: 1 });
  const { tenant_id, source_id, run_id, job_id, kind } = job;
  unit.status({
    tenant_id,
    source_id,
    run_id,
    step: kind,
    job_id,
    from: 'running',
    to: 'failed',
    attempt: attemptOf(claim),
    code: last.code,
  });
  await settleRun(unit, deps.audit, run);
}
