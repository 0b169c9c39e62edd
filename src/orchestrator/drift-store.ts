/** What is kept of the shapes of sources' rows, and of how they drifted. */
import type { DriftEvent, Profile } from '#contracts';
import { canonicalJson, isoMs, sha256Hex } from '#kit';
import type { DriftChange, KnownShape, Shape } from '#normalizer';
import type { Row, Sql } from '#storage';

export interface SourceShape {
  rowsDigest: string;
  learnedRun: string;
  known: KnownShape;
  asOf: string;
  stoppedBy: string | null;
  stoppedAtOrdinal: number | null;
}

interface SourceShapeRow extends Row {
  rows_digest: string;
  learned_run: string;
  known: string;
  as_of: string;
  stopped_by: string | null;
  stopped_at_ordinal: number | null;
}

/** Names how a profile cuts payloads into rows: what is known of other rows says nothing of these. */
export function rowsDigest(profile: Profile): string {
  const { format, select, csv, xml, xlsx, parquet, zip } = profile;
  return sha256Hex(canonicalJson(JSON.parse(JSON.stringify({ format, select, csv, xml, xlsx, parquet, zip }))));
}

/** `lock`: until the end of the transaction; after the lock of a run, and before that of the ledger. */
export async function loadShape(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  lock = false,
): Promise<SourceShape | undefined> {
  const [row] = await sql.query<SourceShapeRow>(
    `select rows_digest, learned_run::text as learned_run, known, as_of, stopped_by, stopped_at_ordinal from source_shape
     where tenant_id = $1 and source_id = $2${lock ? ' for update' : ''}`,
    [tenantId, sourceId],
  );
  return (
    row && {
      rowsDigest: row.rows_digest,
      learnedRun: row.learned_run,
      known: JSON.parse(row.known) as KnownShape,
      asOf: row.as_of,
      stoppedBy: row.stopped_by,
      stoppedAtOrdinal: row.stopped_at_ordinal,
    }
  );
}

export async function saveShape(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  shape: SourceShape,
  nowMs: number,
): Promise<void> {
  await sql.execute(
    `insert into source_shape (tenant_id, source_id, rows_digest, learned_run, known, as_of, stopped_by, stopped_at_ordinal, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (tenant_id, source_id) do update set rows_digest = excluded.rows_digest, learned_run = excluded.learned_run,
       known = excluded.known, as_of = excluded.as_of, stopped_by = excluded.stopped_by, stopped_at_ordinal = excluded.stopped_at_ordinal,
       updated_at = excluded.updated_at`,
    [
      tenantId,
      sourceId,
      shape.rowsDigest,
      shape.learnedRun,
      JSON.stringify(shape.known),
      shape.asOf,
      shape.stoppedBy,
      shape.stoppedAtOrdinal,
      isoMs(nowMs),
    ],
  );
}

/** The guard of a profile version: what is known now becomes it the first time, and stays it. */
export async function guardOf(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  profileDigest: string,
  known: Shape,
): Promise<Shape> {
  const kept = await keptGuard(sql, tenantId, sourceId, profileDigest);
  if (kept !== undefined) return kept;
  await sql.execute(
    'insert into shape_guard (tenant_id, source_id, profile_digest, shape) values ($1, $2, $3, $4) on conflict do nothing',
    [tenantId, sourceId, profileDigest, JSON.stringify(known)],
  );
  return (await keptGuard(sql, tenantId, sourceId, profileDigest))!;
}

/** Undefined: no job of the version has run yet that needed one. */
export async function keptGuard(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  profileDigest: string,
): Promise<Shape | undefined> {
  const [row] = await sql.query<{ shape: string }>(
    'select shape from shape_guard where tenant_id = $1 and source_id = $2 and profile_digest = $3',
    [tenantId, sourceId, profileDigest],
  );
  return row && (JSON.parse(row.shape) as Shape);
}

export interface DriftRow extends Row {
  drift_id: string;
  tenant_id: string;
  source_id: string;
  run_id: string;
  change: DriftEvent['change'];
  severity: DriftEvent['severity'];
  mode: DriftEvent['mode'];
  held: boolean;
  path: string;
  before_types: DriftEvent['before'];
  after_types: DriftEvent['after'];
  message: string;
  sample_masked: string | null;
  raw_sha256: string;
  row: string | null;
  byte_start: string | null;
  byte_end: string | null;
  profile_id: string;
  profile_version: string;
  profile_digest: string;
  profile_ordinal: number;
  edit: string;
  note: string;
  lesson: string;
  state: DriftEvent['state'];
  times: number;
  first_seen: string;
  decided_at: string | null;
  decided_by: string | null;
}

export const driftColumns = `drift_id, tenant_id, source_id, run_id::text as run_id, change, severity, mode, held, path, before_types, after_types, message,
  sample_masked, raw_sha256, row, byte_start, byte_end, profile_id, profile_version, profile_digest, profile_ordinal, edit, note, lesson, state, times,
  first_seen, decided_at, decided_by`;

export function lessonOf(row: DriftRow): DriftChange['lesson'] {
  return JSON.parse(row.lesson) as DriftChange['lesson'];
}

export function toDriftEvent(row: DriftRow): DriftEvent {
  return {
    drift_id: row.drift_id,
    tenant_id: row.tenant_id,
    source_id: row.source_id,
    run_id: row.run_id,
    change: row.change,
    severity: row.severity,
    mode: row.mode,
    held: row.held,
    path: row.path,
    before: row.before_types,
    after: row.after_types,
    message: row.message,
    ...(row.sample_masked === null ? {} : { sample_masked: row.sample_masked }),
    raw_sha256: row.raw_sha256,
    ...(row.row === null
      ? {}
      : { row: Number(row.row), byte_start: Number(row.byte_start), byte_end: Number(row.byte_end) }),
    profile_id: row.profile_id,
    profile_version: row.profile_version,
    profile_digest: row.profile_digest,
    edit: JSON.parse(row.edit) as DriftEvent['edit'],
    note: row.note,
    state: row.state,
    first_seen: row.first_seen,
    ...(row.decided_at === null ? {} : { decided_at: row.decided_at }),
    ...(row.decided_by === null ? {} : { decided_by: row.decided_by }),
  };
}
