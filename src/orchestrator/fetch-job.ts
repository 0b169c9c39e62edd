/** A fetch job: every page is settled by itself, so that an interrupted job goes on where it was, and the job itself when the pages have ended. */
import type { Audit } from '#audit';
import type { CapturedPage, ConnectorHub, SourceState } from '#connector-hub';
import type { Job, RawRef } from '#contracts';
import { isoMs, type ChartlyError } from '#kit';
import type { AppliedProfile } from '#normalizer';
import type { Relational } from '#storage';
import { activeSource } from './documents.ts';
import { watchCursor } from './drift-cursor.ts';
import type { DriftDeps } from './drift-events.ts';
import type { Claim } from './envelope.ts';
import { normalizeJob } from './job-ids.ts';
import { recordCapture } from './ledger.ts';
import type { Queue } from './queue.ts';
import { isOver, rawRefColumns, rawRefValues, type RunRow } from './rows.ts';
import { countJobs, forgetWait, lockRun, saveRun, settleRun } from './run-state.ts';
import { StaleAttempt } from './stale.ts';
import type { Transact, Unit } from './unit.ts';

export interface FetchDeps extends DriftDeps {
  relational: Relational;
  transact: Transact;
  queue: Queue;
  audit: Audit;
  hub: ConnectorHub;
}

/** Fetches and settles. Throws what the hub throws; `schema_drift` when the way to the next page is gone; StaleAttempt when the claim was lost on the way. */
export async function runFetch(deps: FetchDeps, claim: Claim, signal: AbortSignal): Promise<void> {
  const { job } = claim.envelope;
  const { source, profile } = await activeSource(deps.relational, job.tenant_id, job.source_id);
  const [stored] = await deps.relational.query<{ state: SourceState }>(
    'select state from source_state where tenant_id = $1 and source_id = $2',
    [job.tenant_id, job.source_id],
  );
  const state = stored?.state;
  // An attempt that starts anew sees every unchanged page again; one that resumes sees only the rest.
  let unchanged = state?.resume?.run_id === job.run_id ? await unchangedSoFar(deps.relational, job.run_id) : 0;
  const pages = deps.hub.fetch({
    tenantId: job.tenant_id,
    runId: job.run_id,
    requestId: job.request_id ?? job.job_id,
    source,
    state,
    signal,
  });
  for await (const page of pages) {
    signal.throwIfAborted();
    if (!isOwn(page, job)) unchanged += 1;
    const lost = await deps.transact((unit) => settlePage(deps, unit, claim, page, { source, profile }, unchanged));
    if (lost !== undefined) throw lost;
  }
  signal.throwIfAborted();
  await deps.transact((unit) => settleFetch(deps, unit, claim));
}

async function unchangedSoFar(relational: Relational, runId: string): Promise<number> {
  const [run] = await relational.query<{ unchanged: number }>('select unchanged from run where run_id = $1', [runId]);
  return run?.unchanged ?? 0;
}

/** Captured by this run: now, or by an earlier attempt, after which the upstream says that nothing changed. */
function isOwn(page: CapturedPage, job: Job): boolean {
  return !page.unchanged || page.raw.run_id === job.run_id;
}

async function settlePage(
  deps: FetchDeps,
  unit: Unit,
  claim: Claim,
  page: CapturedPage,
  { source, profile }: Awaited<ReturnType<typeof activeSource>>,
  unchanged: number,
): Promise<ChartlyError | undefined> {
  const { job } = claim.envelope;
  const run = await lockRun(unit.tx, job.run_id);
  if (isOver(run.state) || !(await deps.queue.touch(claim, unit.tx))) throw new StaleAttempt();
  await storeState(unit, job, page.state);
  run.unchanged = unchanged;
  forgetWait(run);
  // Before the ledger is locked, as others lock what is known of the source first.
  const lost = await watchCursor(deps, unit, job, source, profile, page);
  if (isOwn(page, job)) await settleCaptured(deps, unit, run, job, page.raw, profile);
  else if (!(await isNormalized(unit, page.raw, profile))) await enqueue(deps, unit, run, job, page.raw, profile);
  await saveRun(unit, run);
  return lost;
}

async function storeState({ tx, now }: Unit, job: Job, state: SourceState): Promise<void> {
  await tx.execute(
    `insert into source_state (tenant_id, source_id, state, updated_at) values ($1, $2, $3, $4)
     on conflict (tenant_id, source_id) do update set state = excluded.state, updated_at = excluded.updated_at`,
    [job.tenant_id, job.source_id, JSON.stringify(state), isoMs(now)],
  );
}

async function settleCaptured(
  deps: FetchDeps,
  unit: Unit,
  run: RunRow,
  job: Job,
  captured: RawRef,
  profile: AppliedProfile,
): Promise<void> {
  const raw = await storeRaw(unit, captured);
  if (raw === undefined) return;
  run.pages += 1;
  await recordCapture(deps.audit, unit.tx, raw);
  await enqueue(deps, unit, run, job, raw, profile);
}

/**
 * Undefined when this run has this payload already. An attempt that had to start anew may meet a page whose content is different by now:
 * both payloads are kept, the later one under a free number.
 */
async function storeRaw({ tx }: Unit, raw: RawRef): Promise<RawRef | undefined> {
  const [known] = await tx.query(
    'select 1 from raw_ref where run_id = $1 and request_key = $2 and sha256 = $3 limit 1',
    [raw.run_id, raw.request_key, raw.sha256],
  );
  if (known !== undefined) return undefined;
  const insert = `insert into raw_ref (${rawRefColumns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (run_id, page) do nothing`;
  if ((await tx.execute(insert, rawRefValues(raw))) === 1) return raw;
  const [free] = await tx.query<{ page: number }>('select max(page) + 1 as page from raw_ref where run_id = $1', [
    raw.run_id,
  ]);
  const moved = { ...raw, page: free!.page };
  await tx.execute(insert, rawRefValues(moved));
  return moved;
}

/** The same bytes under the same rules give the same records, unless another version was active meanwhile: an empty payload has a receipt too. */
async function isNormalized({ tx }: Unit, raw: RawRef, profile: AppliedProfile): Promise<boolean> {
  const receipts = await tx.query(
    `select 1 from batch_receipt where tenant_id = $1 and source_id = $2 and raw_sha256 = $3 and profile_digest = $4
       and revision >= $5::bigint * 17592186044416 limit 1`,
    [raw.tenant_id, raw.source_id, raw.sha256, profile.digest, profile.ordinal],
  );
  return receipts.length > 0;
}

async function enqueue(
  deps: FetchDeps,
  unit: Unit,
  run: RunRow,
  fetch: Job,
  raw: RawRef,
  profile: AppliedProfile,
): Promise<void> {
  const job = normalizeJob(fetch, raw, profile.profile);
  // A dead job has left the queue, and must not come back by a repeated page.
  const dead = await unit.tx.query('select 1 from dead_letter where job_id = $1', [job.job_id]);
  if (dead.length > 0 || !(await deps.queue.send(unit.tx, { job, errors: [], waits: 0 }))) return;
  await countJobs(unit, run, 'normalize', { total: 1 });
  unit.nudge('normalize');
}

async function settleFetch(deps: FetchDeps, unit: Unit, claim: Claim): Promise<void> {
  const { job } = claim.envelope;
  const run = await lockRun(unit.tx, job.run_id);
  if (isOver(run.state) || !(await deps.queue.complete(unit.tx, claim))) throw new StaleAttempt();
  await countJobs(unit, run, 'fetch', { done: 1 });
  await settleRun(unit, deps.audit, run);
}
