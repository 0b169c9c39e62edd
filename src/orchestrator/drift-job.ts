/** Drift as a normalize job meets it: what it is held against, and what it leaves. */
import type { Job, Source } from '#contracts';
import { ChartlyError } from '#kit';
import {
  type AppliedProfile,
  type DriftTask,
  isTextual,
  learnChange,
  learnShape,
  type NormalizeOutcome,
  type Shape,
} from '#normalizer';
import type { Relational, Sql } from '#storage';
import { decide, holds, openHolds, recordDrift, type DriftDeps } from './drift-events.ts';
import {
  driftColumns,
  guardOf,
  keptGuard,
  lessonOf,
  loadShape,
  rowsDigest,
  saveShape,
  type DriftRow,
  type SourceShape,
} from './drift-store.ts';
import type { Transact, Unit } from './unit.ts';

export interface DriftJobDeps extends DriftDeps {
  relational: Relational;
  transact: Transact;
}

/** What the job's payload is held against. A version of the profile that came after a change answers it: the change is accepted. */
export async function driftTask(deps: DriftJobDeps, job: Job, profile: AppliedProfile): Promise<DriftTask> {
  const { tenant_id: tenantId, source_id: sourceId } = job;
  let shape = await loadShape(deps.relational, tenantId, sourceId);
  if (shape !== undefined && (await isAnswered(deps, job, profile))) shape = await answer(deps, job, profile);
  const older = shape !== undefined && job.raw!.captured_at < shape.asOf;
  const isNew =
    shape === undefined || shape.rowsDigest !== rowsDigest(profile.profile) || shape.learnedRun === job.run_id;
  if (isNew) return { known: undefined, guard: undefined, older };
  const { known } = shape!;
  const guards = Object.values(profile.profile.drift ?? {}).includes('quarantine');
  const guard = guards ? await guardOf(deps.relational, tenantId, sourceId, profile.digest, known.shape) : undefined;
  return { known, guard, older };
}

/** The guard that a version has, or would have: when its first job starts, what it answers is known. */
export async function guardFor(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  { profile, digest, ordinal }: AppliedProfile,
): Promise<Shape | undefined> {
  if (!Object.values(profile.drift ?? {}).includes('quarantine')) return undefined;
  const shape = await loadShape(sql, tenantId, sourceId);
  if (shape === undefined || shape.rowsDigest !== rowsDigest(profile)) return undefined;
  const kept = await keptGuard(sql, tenantId, sourceId, digest);
  if (kept !== undefined) return kept;
  const params = [tenantId, sourceId, profile.profile, ordinal];
  const rows = await sql.query<DriftRow>(`select ${driftColumns} from drift_event where ${openBefore}`, params);
  return rows.reduce((known, row) => learnChange(known, lessonOf(row)), shape.known).shape;
}

// No version of a profile answers for the page around the rows.
const openBefore = `tenant_id = $1 and source_id = $2 and state = 'open' and profile_id = $3 and profile_ordinal < $4 and path not like '$%'`;

async function isAnswered(
  { relational }: DriftJobDeps,
  job: Job,
  { profile, ordinal }: AppliedProfile,
): Promise<boolean> {
  const rows = await relational.query(`select 1 from drift_event where ${openBefore} limit 1`, [
    job.tenant_id,
    job.source_id,
    profile.profile,
    ordinal,
  ]);
  return rows.length > 0;
}

async function answer(
  deps: DriftJobDeps,
  job: Job,
  { profile, ordinal }: AppliedProfile,
): Promise<SourceShape | undefined> {
  const { tenant_id: tenantId, source_id: sourceId } = job;
  return deps.transact(async (unit) => {
    let shape = await loadShape(unit.tx, tenantId, sourceId, true);
    const rows = await unit.tx.query<DriftRow>(
      `select ${driftColumns} from drift_event where ${openBefore} order by drift_id for update`,
      [tenantId, sourceId, profile.profile, ordinal],
    );
    const actor = `profile:${profile.profile}@${profile.version}`;
    for (const row of rows) shape = await decide(deps.audit, unit, row, shape, { state: 'accepted', actor });
    if (shape === undefined) return shape;
    const freed = await freeIfDecided(unit, tenantId, sourceId, shape);
    await saveShape(unit.tx, tenantId, sourceId, freed, unit.now);
    return freed;
  });
}

/** No version of a profile brings a page's cursor back. */
export const anyOrdinal = 2_147_483_647;

const notStopped = { stoppedBy: null, stoppedAtOrdinal: null };

/** Learns from a payload that was normalized, and tells what is new, in the transaction that settles its job. `learned`: nothing was known when it came. */
export async function settleDrift(
  deps: DriftDeps,
  unit: Unit,
  job: Job,
  profile: AppliedProfile,
  { shape: seen, changes = [], learned }: NormalizeOutcome & { learned: boolean },
): Promise<void> {
  if (seen === undefined) return;
  const { tenant_id: tenantId, source_id: sourceId, raw } = job;
  await closeHeld(deps, unit, job);
  const shape = await loadShape(unit.tx, tenantId, sourceId, true);
  const digest = rowsDigest(profile.profile);
  const page = raw!.page;
  const options = { modes: profile.profile.drift ?? {}, page, textual: isTextual(profile.profile) };
  const asOf = shape === undefined || raw!.captured_at > shape.asOf ? raw!.captured_at : shape.asOf;
  const isNew = shape === undefined || shape.rowsDigest !== digest;
  // Without rows there is nothing to learn yet.
  if (isNew && seen.rows === 0) return;
  const next: SourceShape = isNew
    ? {
        rowsDigest: digest,
        learnedRun: job.run_id,
        known: learnShape(undefined, seen, { ...options, all: true }),
        asOf,
        ...notStopped,
      }
    : { ...shape, asOf, known: learnShape(shape.known, seen, { ...options, all: learned }) };
  await saveShape(unit.tx, tenantId, sourceId, next, unit.now);
  await recordDrift(deps, unit, job, profile, changes, false);
}

/** What was given up for drift of the same payload, or in fetching the same source, has been done after all by another job. */
export async function closeHeld({ audit }: DriftDeps, unit: Unit, job: Job): Promise<void> {
  const closed = await unit.tx.query<{ job_id: string; run_id: string; died_at: string }>(
    `update dead_letter set state = 'retried'
     where tenant_id = $1 and source_id = $2 and state = 'open' and kind = $5 and errors->-1->>'code' = 'schema_drift'
       and ($5 = 'fetch' or job->'raw'->>'sha256' = $3) and job_id <> $4
     returning job_id::text as job_id, run_id::text as run_id, died_at`,
    [job.tenant_id, job.source_id, job.raw?.sha256 ?? null, job.job_id, job.kind],
  );
  await audit.append(
    closed.map(({ job_id, run_id, died_at }) => ({
      tenantId: job.tenant_id,
      actor: 'service:orchestrator',
      action: 'job.retried',
      resource: `job:${job_id}`,
      outcome: 'succeeded' as const,
      runId: run_id,
      details: { source_id: job.source_id, kind: job.kind, by_job: job.job_id },
      dedupeKey: `job.retried:${job_id}:${died_at}`,
    })),
    unit.tx,
  );
}

/** Tells why a payload is held back, and stops the source if it must be; then throws `schema_drift`. A repeat changes nothing. */
export async function holdJob(
  deps: DriftJobDeps,
  job: Job,
  profile: AppliedProfile,
  changes: NonNullable<NormalizeOutcome['changes']>,
): Promise<never> {
  const { tenant_id: tenantId, source_id: sourceId } = job;
  const breaking = changes.findIndex((change) => change.severity === 'breaking');
  const first = breaking >= 0 ? breaking : changes.findIndex((change) => holds(profile, change));
  const id = await deps.transact(async (unit) => {
    const shape = await loadShape(unit.tx, tenantId, sourceId, true);
    const ids = await recordDrift(deps, unit, job, profile, changes, true);
    if (breaking >= 0 && shape !== undefined && shape.stoppedBy === null)
      await saveShape(
        unit.tx,
        tenantId,
        sourceId,
        { ...shape, stoppedBy: ids[breaking]!, stoppedAtOrdinal: profile.ordinal },
        unit.now,
      );
    return ids[first]!;
  });
  const { severity, entity, message } = changes[first]!;
  // What breaks speaks of fields that the profile names. Other names may be data, and errors are logged.
  const why = severity === 'breaking' ? message : `Its ${entity} have changed, and the profile freezes them.`;
  throw new ChartlyError('schema_drift', `The payload is held back. ${why}`, {
    action: `See \`chartly drift show ${id}\`; then \`chartly drift accept ${id}\`, or apply a new version of the profile and \`chartly quarantine recover --source ${sourceId}\`.`,
  });
}

/** JSONPath of the cursor, or of the next page's URL; undefined when the source finds its way otherwise. */
export function cursorPath({ http }: Source): string | undefined {
  const pagination = http?.pagination;
  if (pagination?.type === 'cursor') return pagination.cursor;
  return pagination?.type === 'next_url' ? pagination.path : undefined;
}

/** Lets a source go on when nothing that was decided against it stands open any more. */
export async function freeIfDecided(
  unit: Unit,
  tenantId: string,
  sourceId: string,
  shape: SourceShape,
): Promise<SourceShape> {
  const left = await openHolds(unit, tenantId, sourceId);
  const breaking = left.find((row) => row.severity === 'breaking');
  if (breaking === undefined) return { ...shape, ...notStopped };
  const stoppedAtOrdinal = breaking.path.startsWith('$') ? anyOrdinal : breaking.profile_ordinal;
  return { ...shape, stoppedBy: breaking.drift_id, stoppedAtOrdinal };
}

/** Errors: `schema_drift` when the source is stopped under this version of its profile. */
export async function refuseStopped(
  unit: Unit,
  tenantId: string,
  source: Source,
  profile: AppliedProfile,
): Promise<void> {
  const { source: sourceId } = source;
  const [row] = await unit.tx.query<{ stopped_by: string; message: string | null; path: string | null }>(
    `select s.stopped_by, e.message, e.path from source_shape s left join drift_event e on e.drift_id = s.stopped_by
     where s.tenant_id = $1 and s.source_id = $2 and s.stopped_by is not null and s.stopped_at_ordinal >= $3 and s.rows_digest = $4`,
    [tenantId, sourceId, profile.ordinal, rowsDigest(profile.profile)],
  );
  if (row === undefined) return;
  // The source looks for its cursor elsewhere now.
  if (row.path?.startsWith('$') === true && row.path !== cursorPath(source)) return;
  throw new ChartlyError('schema_drift', `Source ${sourceId} is stopped. ${row.message ?? ''}`.trim(), {
    action: `See \`chartly drift show ${row.stopped_by}\`; then \`chartly drift accept ${row.stopped_by}\`, or apply a new version of the profile.`,
  });
}
