/** A normalize job: one payload under one profile version, settled with its receipts in one transaction. */
import type { Counts, Job, RawRef } from '#contracts';
import { ChartlyError, isoMs } from '#kit';
import type { AppliedProfile, BatchReceipt, NormalizeOutcome, Normalizer } from '#normalizer';
import type { Sql } from '#storage';
import { addCounts } from './counts.ts';
import { documentVersion, toProfile } from './documents.ts';
import { driftTask, holdJob, settleDrift, type DriftJobDeps } from './drift-job.ts';
import type { Claim } from './envelope.ts';
import type { Queue } from './queue.ts';
import { isOver } from './rows.ts';
import { countJobs, forgetWait, lockRun, settleRun } from './run-state.ts';
import { StaleAttempt } from './stale.ts';
import type { Unit } from './unit.ts';

export interface NormalizeDeps extends DriftJobDeps {
  queue: Queue;
  normalizer: Normalizer;
}

/** Normalizes and settles. Throws what the normalizer throws; `schema_drift` when the payload is held back; StaleAttempt when the claim was lost on the way. */
export async function runNormalize(deps: NormalizeDeps, claim: Claim, signal: AbortSignal): Promise<void> {
  const { job } = claim.envelope;
  const profile = await namedProfile(deps.relational, job);
  await refuseExpired(deps.relational, job.raw!);
  const drift = await driftTask(deps, job, profile);
  const outcome = await deps.normalizer.normalize({
    tenantId: job.tenant_id,
    sourceId: job.source_id,
    runId: job.run_id,
    jobId: job.job_id,
    raw: job.raw!,
    profile,
    signal,
    drift,
  });
  if (outcome.held === true) return holdJob(deps, job, profile, outcome.changes!);
  const settled = await deps.transact((unit) =>
    settleNormalize(deps, unit, claim, profile, { ...outcome, learned: drift.known === undefined }),
  );
  if (!settled) throw new StaleAttempt();
}

/** The profile version that a job names. Errors: `not_found`. */
export async function namedProfile(relational: Sql, job: Job): Promise<AppliedProfile> {
  const { profile_id: id = '', profile_version: version = '' } = job;
  const row = await documentVersion(relational, job.tenant_id, 'profile', id, version);
  if (row === undefined) throw new ChartlyError('not_found', `Profile ${id}@${version} is not registered.`);
  return toProfile(row);
}

/** A dead letter may have waited for too long. Errors: `not_found`. */
async function refuseExpired(sql: Sql, { run_id: runId, page, sha256 }: RawRef): Promise<void> {
  const [ref] = await sql.query<{ expired_at: string }>(
    'select expired_at from raw_ref where run_id = $1 and page = $2 and expired_at is not null',
    [runId, page],
  );
  if (ref === undefined) return;
  throw new ChartlyError('not_found', `Payload ${sha256} has expired by the retention of its profile.`, {
    action: 'Discard the dead letter; what the upstream still offers comes with the next ingest.',
  });
}

async function settleNormalize(
  deps: NormalizeDeps,
  unit: Unit,
  claim: Claim,
  profile: AppliedProfile,
  outcome: NormalizeOutcome & { learned: boolean },
): Promise<boolean> {
  const { job } = claim.envelope;
  const run = await lockRun(unit.tx, job.run_id);
  // The records are written: their receipts stand, even if the run was cancelled meanwhile.
  if (isOver(run.state)) {
    await storeReceipts(unit, job, profile, outcome.receipts);
    return false;
  }
  if (!(await deps.queue.complete(unit.tx, claim))) throw new StaleAttempt();
  await storeReceipts(unit, job, profile, outcome.receipts);
  await settleDrift(deps, unit, job, profile, outcome);
  run.counts = addCounts(run.counts, outcome.counts);
  forgetWait(run);
  await countJobs(unit, run, 'normalize', { done: 1 });
  await settleRun(unit, deps.audit, run);
  unit.after(() => countOutcomes(deps.metrics, job, outcome.counts));
  return true;
}

/** All in one statement: a payload of gigabytes has hundreds of batches. */
async function storeReceipts(
  unit: Unit,
  job: Job,
  profile: AppliedProfile,
  receipts: readonly BatchReceipt[],
): Promise<void> {
  const rows = receipts.map((receipt) => ({
    batch_id: receipt.batchId,
    revision: String(receipt.revision),
    chunk: receipt.chunk,
    counts: receipt.counts,
    leaves_sha256: receipt.leavesSha256,
    merkle_root: receipt.merkleRoot,
    ledger_seq: String(receipt.ledgerSeq),
  }));
  await unit.tx.execute(
    `insert into batch_receipt (batch_id, tenant_id, source_id, run_id, raw_sha256, profile_id, profile_version, profile_digest,
       revision, chunk, counts, leaves_sha256, merkle_root, ledger_seq, created_at)
     select r.batch_id, $2, $3, $4::uuid, $5, $6, $7, $8, r.revision, r.chunk, r.counts, r.leaves_sha256, r.merkle_root, r.ledger_seq, $9::timestamptz
     from jsonb_to_recordset($1::jsonb) as r(batch_id text, revision bigint, chunk integer, counts jsonb, leaves_sha256 text, merkle_root text, ledger_seq bigint)
     on conflict (batch_id) do nothing`,
    [
      JSON.stringify(rows),
      job.tenant_id,
      job.source_id,
      job.run_id,
      job.raw!.sha256,
      profile.profile.profile,
      profile.profile.version,
      profile.digest,
      isoMs(unit.now),
    ],
  );
}

function countOutcomes(metrics: NormalizeDeps['metrics'], job: Job, counts: Counts): void {
  for (const outcome of ['records', 'quarantined', 'deduplicated', 'skipped'] as const) {
    if (counts[outcome] > 0) {
      metrics.ingested({ tenant_id: job.tenant_id, source_id: job.source_id, outcome }, counts[outcome]);
    }
  }
}
