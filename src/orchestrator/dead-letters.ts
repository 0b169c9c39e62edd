/** Jobs that were given up: listing them, taking them up again, writing them off. */
import type { Audit } from '#audit';
import type { DeadLetter } from '#contracts';
import { ChartlyError, type RequestContext } from '#kit';
import type { Param, Relational } from '#storage';
import { decodeCursor, encodeCursor, pageSize } from './cursor.ts';
import type { Orchestrator } from './index.ts';
import type { Queue } from './queue.ts';
import { isOver, toDeadLetter, type DeadLetterRow, type RunRow } from './rows.ts';
import { countJobs, lockRun, moveRun, saveRun } from './run-state.ts';
import { isUuid } from './runs.ts';
import type { Transact, Unit } from './unit.ts';

export interface DeadLetterDeps {
  relational: Relational;
  transact: Transact;
  queue: Queue;
  audit: Audit;
}

type DeadLetterMethods = Pick<Orchestrator, 'deadLetters' | 'retryDeadLetter' | 'discardDeadLetter'>;

export function createDeadLetters(deps: DeadLetterDeps): DeadLetterMethods {
  return {
    deadLetters: (tenantId, options = {}) => listDeadLetters(deps.relational, tenantId, options),
    retryDeadLetter: (context, jobId) =>
      deps.transact(async (unit) => {
        const { letter, run } = await lockLetter(unit, context.tenantId, jobId);
        await reopen(deps, unit, letter, run);
        await record(deps.audit, unit, context, letter, 'job.retried', {});
      }),
    discardDeadLetter: (context, jobId, reason) =>
      deps.transact(async (unit) => {
        if (reason.trim() === '') {
          throw new ChartlyError('validation_failed', 'Say why the job is discarded.', {
            details: [{ pointer: '/reason', message: 'must not be empty' }],
          });
        }
        const { letter } = await lockLetter(unit, context.tenantId, jobId);
        await unit.tx.execute(`update dead_letter set state = 'discarded' where job_id = $1`, [jobId]);
        await record(deps.audit, unit, context, letter, 'job.discarded', { reason: reason.slice(0, 500) });
      }),
  };
}

async function listDeadLetters(
  relational: Relational,
  tenantId: string,
  options: NonNullable<Parameters<Orchestrator['deadLetters']>[1]>,
): Promise<{ items: DeadLetter[]; next: string | undefined }> {
  const params: Param[] = [tenantId, options.state ?? 'open'];
  const where = ['tenant_id = $1', 'state = $2'];
  if (options.after !== undefined) {
    const { at, id } = decodeCursor(options.after);
    where.push(`(died_at, job_id) < ($${params.push(at)}, $${params.push(id)}::uuid)`);
  }
  const limit = pageSize(options.limit);
  const rows = await relational.query<DeadLetterRow>(
    `select * from dead_letter where ${where.join(' and ')} order by died_at desc, job_id desc limit ${limit + 1}`,
    params,
  );
  const items = rows.slice(0, limit).map(toDeadLetter);
  const last = items.at(-1);
  const next =
    rows.length > limit && last !== undefined ? encodeCursor({ at: last.died_at, id: last.job_id }) : undefined;
  return { items, next };
}

async function lockLetter(
  unit: Unit,
  tenantId: string,
  jobId: string,
): Promise<{ letter: DeadLetterRow; run: RunRow }> {
  const find = 'select * from dead_letter where tenant_id = $1 and job_id = $2';
  const found = isUuid(jobId) ? await unit.tx.query<DeadLetterRow>(find, [tenantId, jobId]) : [];
  if (found[0] === undefined) throw new ChartlyError('not_found', `There is no dead letter ${jobId}.`);
  const run = await lockRun(unit.tx, found[0].run_id);
  // Read again under the run's lock: somebody else may have been quicker.
  const [letter] = await unit.tx.query<DeadLetterRow>(find, [tenantId, jobId]);
  if (letter!.state !== 'open') {
    throw new ChartlyError('conflict', `The dead letter ${jobId} was ${letter!.state} already.`);
  }
  return { letter: letter!, run };
}

async function reopen(deps: DeadLetterDeps, unit: Unit, letter: DeadLetterRow, run: RunRow): Promise<void> {
  if (run.state === 'cancelled') {
    throw new ChartlyError('conflict', `Run ${run.run_id} was cancelled.`, { action: 'Ask for a new run.' });
  }
  const { tx } = unit;
  await tx.execute(`update dead_letter set state = 'retried' where job_id = $1`, [letter.job_id]);
  await deps.queue.forget(tx, letter.kind, letter.job_id);
  await deps.queue.send(tx, { job: letter.job, errors: [], waits: 0 });
  await countJobs(unit, run, letter.kind, { failed: -1 });
  // What a fetch job still brings, its run's normalize step has to take.
  const steps = letter.kind === 'fetch' ? ['fetch', 'normalize'] : [letter.kind];
  await tx.execute(
    `update step set state = 'running', ended_at = null where run_id = $1 and step = any($2::text[]) and state <> 'queued'`,
    [run.run_id, steps],
  );
  const others = await tx.query(`select 1 from dead_letter where run_id = $1 and state <> 'retried' limit 1`, [
    run.run_id,
  ]);
  run.dead_letters -= 1;
  if (others.length === 0) run.error = null;
  if (isOver(run.state)) moveRun(unit, run, 'running');
  await saveRun(unit, run);
  unit.nudge(letter.kind);
}

async function record(
  audit: Audit,
  unit: Unit,
  context: RequestContext,
  letter: DeadLetterRow,
  action: string,
  details: Record<string, string>,
): Promise<void> {
  await audit.append(
    [
      {
        tenantId: context.tenantId,
        actor: context.actor,
        action,
        resource: `job:${letter.job_id}`,
        outcome: 'succeeded',
        runId: letter.run_id,
        details: { source_id: letter.source_id, kind: letter.kind, ...details },
        dedupeKey: `${action}:${letter.job_id}:${letter.died_at}`,
      },
    ],
    unit.tx,
  );
}
