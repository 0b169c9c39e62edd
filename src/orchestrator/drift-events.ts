/** Drift events: writing them down once, and deciding them. Everything here happens in a unit, and under the lock of the source's shape. */
import type { Audit } from '#audit';
import type { Job } from '#contracts';
import { isoMs, shortId, type Logger } from '#kit';
import { type AppliedProfile, type DriftChange, learnChange, storable, typeNames } from '#normalizer';
import type { Metrics } from '#observer';
import type { Sql } from '#storage';
import { driftColumns, lessonOf, type DriftRow, type SourceShape } from './drift-store.ts';
import type { Unit } from './unit.ts';

export interface DriftDeps {
  audit: Audit;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Writes what is new down, with a ledger entry each; a change that was told before is not told again, unless it was decided and still holds payloads back.
 * Returns the ids, in the order of the changes.
 */
export async function recordDrift(
  deps: DriftDeps,
  unit: Unit,
  job: Job,
  profile: AppliedProfile,
  changes: readonly DriftChange[],
  held: boolean,
): Promise<string[]> {
  const ids: string[] = [];
  for (const change of changes) {
    const id = driftId(job, change);
    ids.push(id);
    const times = await insert(unit, id, job, profile, change, held && holds(profile, change));
    if (times !== undefined) await tell(deps, unit, id, job, profile, change, times);
  }
  return ids;
}

/** Whether a change by itself keeps a payload from being normalized. */
export function holds({ profile }: AppliedProfile, change: DriftChange): boolean {
  return change.severity === 'breaking' || profile.drift?.[change.entity] === 'freeze';
}

function driftId(job: Job, { change, path, before, after, lesson }: DriftChange): string {
  const what =
    change === 'type_changed'
      ? typeNames(after & ~before).join(' ')
      : String(lesson.steps.length === 0 && lesson.shape === undefined);
  return shortId(['drift', job.tenant_id, job.source_id, change, path, what]);
}

/** How often the event was opened, if it is open because of this. */
async function insert(
  { tx, now }: Unit,
  id: string,
  job: Job,
  profile: AppliedProfile,
  change: DriftChange,
  held: boolean,
): Promise<number | undefined> {
  const { novelty, proposal } = change;
  const [row] = await tx.query<{ times: number }>(
    `insert into drift_event (drift_id, tenant_id, source_id, run_id, change, severity, mode, held, path, before_types, after_types, message, sample_masked,
       raw_sha256, row, byte_start, byte_end, profile_id, profile_version, profile_digest, profile_ordinal, edit, note, lesson, first_seen)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
     on conflict (drift_id) do update set state = 'open', held = excluded.held, severity = excluded.severity, mode = excluded.mode,
       run_id = excluded.run_id, raw_sha256 = excluded.raw_sha256, row = excluded.row, byte_start = excluded.byte_start, byte_end = excluded.byte_end,
       message = excluded.message, sample_masked = excluded.sample_masked, before_types = excluded.before_types, after_types = excluded.after_types,
       profile_id = excluded.profile_id, profile_version = excluded.profile_version, profile_digest = excluded.profile_digest,
       profile_ordinal = excluded.profile_ordinal, edit = excluded.edit, note = excluded.note, lesson = excluded.lesson,
       first_seen = excluded.first_seen, decided_at = null, decided_by = null, times = drift_event.times + 1
     where excluded.held and (drift_event.state = 'accepted' or drift_event.state = 'open' and not drift_event.held)
     returning times`,
    [
      id,
      job.tenant_id,
      job.source_id,
      job.run_id,
      change.change,
      change.severity,
      profile.profile.drift?.[change.entity] ?? 'evolve',
      held,
      storable(change.path, 2048),
      JSON.stringify(typeNames(change.before)),
      JSON.stringify(typeNames(change.after)),
      storable(change.message, 4000),
      novelty === undefined ? null : storable(novelty.masked, 256),
      job.raw!.sha256,
      novelty?.row ?? null,
      novelty?.start ?? null,
      novelty?.end ?? null,
      profile.profile.profile,
      profile.profile.version,
      profile.digest,
      profile.ordinal,
      JSON.stringify(proposal.edit),
      proposal.note,
      JSON.stringify(change.lesson),
      isoMs(now),
    ],
  );
  return row?.times;
}

/** Names of fields can be data, so neither ledger nor log has them: the event does. */
async function tell(
  deps: DriftDeps,
  unit: Unit,
  id: string,
  job: Job,
  { profile }: AppliedProfile,
  { change, severity }: DriftChange,
  times: number,
): Promise<void> {
  const details = {
    source_id: job.source_id,
    change,
    severity,
    raw_sha256: job.raw!.sha256,
    profile_id: profile.profile,
    profile_version: profile.version,
  };
  await deps.audit.append(
    [
      {
        tenantId: job.tenant_id,
        actor: 'service:normalizer',
        action: 'drift.detected',
        resource: `drift:${id}`,
        outcome: severity === 'breaking' ? 'quarantined' : 'succeeded',
        runId: job.run_id,
        details,
        dedupeKey: `drift:${id}:${times}`,
      },
    ],
    unit.tx,
  );
  const labels = { tenant_id: job.tenant_id, source_id: job.source_id, severity };
  unit.after(() => {
    deps.metrics.drift(labels);
    // The attributes of a CloudEvent, so that who collects logs can route it as one.
    const event = {
      type: 'chartly.drift.detected',
      source: `sources/${job.source_id}`,
      id,
      time: isoMs(unit.now),
      subject: change,
    };
    const message =
      severity === 'breaking' ? 'the upstream has changed, and the source is stopped' : 'the upstream has changed';
    deps.logger[severity === 'info' ? 'info' : 'warn'](message, {
      tenant_id: job.tenant_id,
      source_id: job.source_id,
      run_id: job.run_id,
      job_id: job.job_id,
      severity,
      event,
    });
  });
}

export interface Decision {
  state: 'accepted' | 'ignored';
  actor: string;
  requestId?: string;
}

/** Decides an open event, with a ledger entry. What is accepted becomes known: returns the shape as it is then, to be saved. */
export async function decide(
  audit: Audit,
  unit: Unit,
  row: DriftRow,
  shape: SourceShape | undefined,
  { state, actor }: Decision,
): Promise<SourceShape | undefined> {
  await unit.tx.execute(`update drift_event set state = $2, decided_at = $3, decided_by = $4 where drift_id = $1`, [
    row.drift_id,
    state,
    isoMs(unit.now),
    actor,
  ]);
  await audit.append(
    [
      {
        tenantId: row.tenant_id,
        actor,
        action: `drift.${state}`,
        resource: `drift:${row.drift_id}`,
        outcome: 'succeeded',
        details: {
          source_id: row.source_id,
          change: row.change,
          severity: row.severity,
          profile_id: row.profile_id,
          profile_version: row.profile_version,
        },
        dedupeKey: `drift:${row.drift_id}:${row.times}:${state}`,
      },
    ],
    unit.tx,
  );
  if (state === 'accepted' && isCursor(row)) await learnCursor(unit.tx, row);
  // What evolves by itself is known already.
  if (shape === undefined || state === 'ignored' || (row.mode === 'evolve' && !row.held && row.change !== 'field_lost'))
    return shape;
  return { ...shape, known: learnChange(shape.known, lessonOf(row)) };
}

/** The event speaks of the page around the rows: its path is a JSONPath. */
function isCursor({ path }: DriftRow): boolean {
  return path.startsWith('$');
}

/** First pages without the member are no news any more. */
async function learnCursor(sql: Sql, { tenant_id, source_id, path }: DriftRow): Promise<void> {
  await sql.execute('update source_cursor set ended = true where tenant_id = $1 and source_id = $2 and path = $3', [
    tenant_id,
    source_id,
    path,
  ]);
}

/** Open events of a source that hold payloads back. */
export async function openHolds(unit: Unit, tenantId: string, sourceId: string): Promise<DriftRow[]> {
  return unit.tx.query<DriftRow>(
    `select ${driftColumns} from drift_event where tenant_id = $1 and source_id = $2 and state = 'open' and held`,
    [tenantId, sourceId],
  );
}
