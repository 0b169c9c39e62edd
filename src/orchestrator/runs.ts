/** Runs as callers see them: asking for one, listing, waiting, cancelling. */
import type { Audit } from '#audit';
import type { Job, Run } from '#contracts';
import { ChartlyError, isoMs, newUuid, type RequestContext } from '#kit';
import type { Param, Relational } from '#storage';
import { decodeCursor, encodeCursor, pageSize } from './cursor.ts';
import { activeSource } from './documents.ts';
import { refuseStopped } from './drift-job.ts';
import type { Orchestrator, RunDetail } from './index.ts';
import { recordRun } from './ledger.ts';
import type { Queue } from './queue.ts';
import { isOver, toRun, toStep, type RunRow, type StepRow } from './rows.ts';
import type { RunFeed } from './run-feed.ts';
import type { HeldUp } from './run-job.ts';
import { askedDetails, recovery, refuseOlder, replayPart, replayProfile, type Asked } from './replay-request.ts';
import { lockRun, moveRun, saveRun } from './run-state.ts';
import type { Transact, Unit } from './unit.ts';

export interface RunDeps {
  relational: Relational;
  transact: Transact;
  queue: Queue;
  audit: Audit;
  feed: RunFeed;
  heldUp: HeldUp;
  /** How often another process's changes are asked for (milliseconds). */
  pollMs: number;
  /** Ends what this process does for a run. */
  abortRun: (runId: string) => void;
}

/** Runs of one source that may wait at a time: the queue's cost grows with what is blocked on it. */
export const maxQueuedRuns = 20;

type RunMethods = Pick<
  Orchestrator,
  'ingest' | 'replay' | 'recover' | 'run' | 'runs' | 'waitForRun' | 'cancel' | 'retry'
>;

export function createRuns(deps: RunDeps): RunMethods {
  const ingest: RunMethods['ingest'] = (context, sourceId, trigger) =>
    deps.transact((unit) => requestRun(deps, unit, context, sourceId, { trigger }));
  const replay: RunMethods['replay'] = (context, { sourceId, profileVersion, ...scope }) =>
    deps.transact(async (unit) => {
      const profile = await replayProfile(unit.tx, context.tenantId, sourceId, profileVersion);
      await refuseOlder(unit.tx, context.tenantId, sourceId, profile);
      return requestRun(deps, unit, context, sourceId, { trigger: 'replay', scope, profile });
    });
  return {
    ingest,
    replay,
    recover: (context, sourceId, reasonCode) =>
      deps.transact(async (unit) =>
        requestRun(deps, unit, context, sourceId, await recovery(unit, context, sourceId, reasonCode)),
      ),
    run: (tenantId, runId) => loadRun(deps, tenantId, runId),
    runs: (tenantId, options = {}) => listRuns(deps, tenantId, options),
    waitForRun: (tenantId, runId, options = {}) => waitForRun(deps, tenantId, runId, options),
    cancel: (context, runId) => cancelRun(deps, context, runId),
    async retry(context, runId) {
      const run = await loadRun(deps, context.tenantId, runId);
      // What range was asked for is not kept with the run; the whole source comes to the same, as nothing is added twice.
      if (run.trigger === 'replay') return replay(context, { sourceId: run.source_id });
      return ingest(context, run.source_id, run.trigger);
    },
  };
}

/** Writes a run and its fetch job. Locks the source, then the ledger. Errors: as Orchestrator.ingest. */
export async function requestRun(
  deps: RunDeps,
  unit: Unit,
  context: RequestContext,
  sourceId: string,
  asked: Asked,
): Promise<Run> {
  const { tenantId } = context;
  await admit(unit, tenantId, sourceId);
  const { source, profile } = await activeSource(unit.tx, tenantId, sourceId);
  if (asked.trigger !== 'replay') await refuseStopped(unit, tenantId, source, profile);
  const run = await insertRun(unit, context, sourceId, asked.trigger);
  const job: Job = {
    job_id: newUuid(unit.now),
    run_id: run.run_id,
    tenant_id: tenantId,
    source_id: sourceId,
    request_id: context.requestId,
    kind: 'fetch',
    ...replayPart(asked),
  };
  await deps.queue.send(unit.tx, { job, errors: [], waits: 0 });
  await recordRun(deps.audit, unit.tx, run, context.actor, '', askedDetails(asked));
  unit.status({ tenant_id: tenantId, source_id: sourceId, run_id: run.run_id, to: 'queued' });
  unit.runChanged(run);
  unit.nudge('fetch');
  return run;
}

/** Counts under the lock of the source's document, so that many askers at once cannot slip past the limit together. */
async function admit(unit: Unit, tenantId: string, sourceId: string): Promise<void> {
  await unit.tx.query(
    `select 1 from document where tenant_id = $1 and kind = 'source' and document_id = $2 and active for update`,
    [tenantId, sourceId],
  );
  const [row] = await unit.tx.query<{ queued: number }>(
    `select count(*)::int as queued from run where tenant_id = $1 and source_id = $2 and state = 'queued'`,
    [tenantId, sourceId],
  );
  if (row!.queued < maxQueuedRuns) return;
  throw new ChartlyError('backpressure', `${row!.queued} runs of source ${sourceId} are waiting already.`, {
    retryable: true,
    retryAfterMs: 5000,
  });
}

async function insertRun(
  { tx, now }: Unit,
  context: RequestContext,
  sourceId: string,
  trigger: Run['trigger'],
): Promise<Run> {
  const [row] = await tx.query<RunRow>(
    `insert into run (run_id, tenant_id, source_id, trigger, state, requested_at, request_id, actor)
     values ($1, $2, $3, $4, 'queued', $5, $6, $7) returning *`,
    [newUuid(now), context.tenantId, sourceId, trigger, isoMs(now), context.requestId, context.actor],
  );
  const run = toRun(row!);
  await tx.execute(
    `insert into step (run_id, step, state, jobs_total) values ($1, 'fetch', 'queued', 1), ($1, 'normalize', 'queued', 0)`,
    [run.run_id],
  );
  return run;
}

async function loadRun({ relational, heldUp }: RunDeps, tenantId: string, runId: string): Promise<RunDetail> {
  const [row] = isUuid(runId)
    ? await relational.query<RunRow>('select * from run where tenant_id = $1 and run_id = $2', [tenantId, runId])
    : [];
  if (row === undefined) throw new ChartlyError('not_found', `There is no run ${runId}.`);
  const steps = await relational.query<StepRow>('select * from step where run_id = $1 order by step', [runId]);
  return { ...saying(toRun(row), heldUp), steps: steps.map(toStep) };
}

/** What holds a run up in this process, when the store that should say so is away itself. */
function saying(run: Run, heldUp: HeldUp): Run {
  const error = run.error ?? (isOver(run.state) ? undefined : heldUp.get(run.run_id));
  return error === undefined ? run : { ...run, error };
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

async function listRuns(
  { relational, heldUp }: RunDeps,
  tenantId: string,
  options: NonNullable<Parameters<Orchestrator['runs']>[1]>,
): Promise<{ items: Run[]; next: string | undefined }> {
  const params: Param[] = [tenantId];
  const where = ['tenant_id = $1'];
  if (options.sourceId !== undefined) where.push(`source_id = $${params.push(options.sourceId)}`);
  if (options.state !== undefined) where.push(`state = $${params.push(options.state)}`);
  if (options.after !== undefined) {
    const { at, id } = decodeCursor(options.after);
    where.push(`(requested_at, run_id) < ($${params.push(at)}, $${params.push(id)}::uuid)`);
  }
  const limit = pageSize(options.limit);
  const rows = await relational.query<RunRow>(
    `select * from run where ${where.join(' and ')} order by requested_at desc, run_id desc limit ${limit + 1}`,
    params,
  );
  const items = rows.slice(0, limit).map((row) => saying(toRun(row), heldUp));
  const last = items.at(-1);
  const next =
    rows.length > limit && last !== undefined ? encodeCursor({ at: last.requested_at, id: last.run_id }) : undefined;
  return { items, next };
}

async function waitForRun(
  deps: RunDeps,
  tenantId: string,
  runId: string,
  options: NonNullable<Parameters<Orchestrator['waitForRun']>[2]>,
): Promise<Run> {
  let told = '';
  for (;;) {
    options.signal?.throwIfAborted();
    // Listening starts before reading, so that no change falls between the two.
    const listening = new AbortController();
    const news = deps.feed.next(runId, deps.pollMs, anySignal(listening.signal, options.signal));
    const { steps: _, ...run } = await loadRun(deps, tenantId, runId).catch((error: unknown) => {
      listening.abort();
      throw error;
    });
    const text = JSON.stringify(run);
    if (text !== told) options.onChange?.(run);
    told = text;
    if (isOver(run.state)) {
      listening.abort();
      return run;
    }
    await news;
  }
}

function anySignal(first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second]);
}

async function cancelRun(deps: RunDeps, context: RequestContext, runId: string): Promise<Run> {
  if (!isUuid(runId)) throw new ChartlyError('not_found', `There is no run ${runId}.`);
  return deps.transact(async (unit) => {
    const row = await lockRun(unit.tx, runId, context.tenantId);
    if (row.state === 'cancelled') return toRun(row);
    if (isOver(row.state)) {
      throw new ChartlyError('conflict', `Run ${runId} has ended already: ${row.state}.`);
    }
    moveRun(unit, row, 'cancelled');
    row.ended_at = isoMs(unit.now);
    await unit.tx.execute(
      `update step set state = 'cancelled', ended_at = $2 where run_id = $1 and state in ('queued', 'running')`,
      [runId, row.ended_at],
    );
    await deps.queue.cancelRun(unit.tx, runId);
    await saveRun(unit, row);
    await recordRun(deps.audit, unit.tx, toRun(row), context.actor);
    unit.after(() => deps.abortRun(runId));
    return toRun(row);
  });
}
