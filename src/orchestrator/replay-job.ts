/** A fetch job that fetches nothing: it fans a replay out over the payloads that are there. */
import { isOver } from './rows.ts';
import type { Claim } from './envelope.ts';
import type { FetchDeps } from './fetch-job.ts';
import { normalizeJob } from './job-ids.ts';
import { namedProfile } from './normalize-job.ts';
import { replayPayloads } from './replay-payloads.ts';
import { countJobs, lockRun, settleRun } from './run-state.ts';
import { StaleAttempt } from './stale.ts';

/**
 * Enqueues one normalize job for each payload and settles, in one transaction: an attempt that dies half way has done nothing, and one that
 * has settled is never repeated. Being a fetch job it waits for a running ingest of its source. Throws StaleAttempt when the claim was lost.
 */
export async function runReplay(deps: FetchDeps, claim: Claim): Promise<void> {
  const { job } = claim.envelope;
  await deps.transact(async (unit) => {
    const run = await lockRun(unit.tx, job.run_id);
    if (isOver(run.state) || !(await deps.queue.complete(unit.tx, claim))) throw new StaleAttempt();
    const profile = await namedProfile(unit.tx, job);
    const source = { tenantId: job.tenant_id, sourceId: job.source_id };
    const payloads = await replayPayloads(unit.tx, source, job.replay!, profile);
    await deps.queue.sendNew(
      unit.tx,
      payloads.map((raw) => normalizeJob(job, raw, profile.profile)),
    );
    await countJobs(unit, run, 'normalize', { total: payloads.length });
    await countJobs(unit, run, 'fetch', { done: 1 });
    await settleRun(unit, deps.audit, run);
    unit.nudge('normalize');
  });
}
