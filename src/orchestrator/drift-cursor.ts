/** The member of a page that says where the next one is. When it vanishes, a source would be cut off after its first page, and nobody would know. */
import type { CapturedPage } from '#connector-hub';
import type { Job, Source } from '#contracts';
import { ChartlyError } from '#kit';
import type { AppliedProfile, DriftChange } from '#normalizer';
import type { Row } from '#storage';
import { decide, recordDrift, type DriftDeps } from './drift-events.ts';
import { anyOrdinal, closeHeld, cursorPath, freeIfDecided } from './drift-job.ts';
import { driftColumns, loadShape, saveShape, type DriftRow } from './drift-store.ts';
import type { Unit } from './unit.ts';

/** First pages that must have named a next one before one that cannot is drift. */
const enoughFound = 2;

interface CursorRow extends Row {
  path: string;
  found: number;
  ended: boolean;
}

/**
 * Takes in what a first page says of the way on, before its capture is recorded. When the member is gone that every first page had: tells, stops the source, and
 * returns the error that the fetch job is to fail with once the page is settled.
 */
export async function watchCursor(
  deps: DriftDeps,
  unit: Unit,
  job: Job,
  source: Source,
  profile: AppliedProfile,
  { way, raw }: Pick<CapturedPage, 'way' | 'raw'>,
): Promise<ChartlyError | undefined> {
  const path = cursorPath(source);
  if (way === undefined || path === undefined) return undefined;
  const known = await knownCursor(deps, unit, job, path);
  if (way === 'missing' && !known.ended && known.found >= enoughFound) return lost(deps, unit, job, profile, raw, path);
  await unit.tx.execute(
    `insert into source_cursor (tenant_id, source_id, path, found, ended) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, source_id) do update set path = excluded.path, found = excluded.found, ended = excluded.ended`,
    [job.tenant_id, job.source_id, path, known.found + (way === 'found' ? 1 : 0), known.ended || way !== 'found'],
  );
  return undefined;
}

/** A source that looks for it elsewhere now has answered what was said of the place before. */
async function knownCursor(deps: DriftDeps, unit: Unit, job: Job, path: string): Promise<CursorRow> {
  const { tenant_id: tenantId, source_id: sourceId } = job;
  const [row] = await unit.tx.query<CursorRow>(
    'select path, found, ended from source_cursor where tenant_id = $1 and source_id = $2 for update',
    [tenantId, sourceId],
  );
  if (row?.path === path) return row;
  if (row !== undefined) {
    const shape = await loadShape(unit.tx, tenantId, sourceId, true);
    const events = await unit.tx.query<DriftRow>(
      `select ${driftColumns} from drift_event where tenant_id = $1 and source_id = $2 and state = 'open' and path = $3 for update`,
      [tenantId, sourceId, row.path],
    );
    for (const event of events)
      await decide(deps.audit, unit, event, shape, { state: 'accepted', actor: `source:${sourceId}` });
    if (events.length > 0) await closeHeld(deps, unit, job);
    if (shape !== undefined && events.length > 0)
      await saveShape(unit.tx, tenantId, sourceId, await freeIfDecided(unit, tenantId, sourceId, shape), unit.now);
  }
  return { path, found: 0, ended: false };
}

async function lost(
  deps: DriftDeps,
  unit: Unit,
  job: Job,
  profile: AppliedProfile,
  raw: CapturedPage['raw'],
  path: string,
): Promise<ChartlyError> {
  const message = `The member ${path}, which says where the next page is, is gone: every first page had it.`;
  const note =
    'Correct http.pagination in the source, or accept it if the upstream does without when it has but one page.';
  const change: DriftChange = {
    change: 'field_lost',
    entity: 'fields',
    severity: 'breaking',
    steps: [],
    path,
    before: 0,
    after: 0,
    message,
    novelty: undefined,
    uses: [],
    lesson: { steps: [] },
    proposal: { edit: [], note },
  };
  const shape = await loadShape(unit.tx, job.tenant_id, job.source_id, true);
  const [id] = await recordDrift(deps, unit, { ...job, raw }, profile, [change], true);
  if (shape !== undefined && shape.stoppedBy === null)
    await saveShape(
      unit.tx,
      job.tenant_id,
      job.source_id,
      { ...shape, stoppedBy: id!, stoppedAtOrdinal: anyOrdinal },
      unit.now,
    );
  return new ChartlyError('schema_drift', `The pages cannot be followed. ${message}`, {
    action: `See \`chartly drift show ${id}\`; correct http.pagination and apply, or \`chartly drift accept ${id}\`.`,
  });
}
