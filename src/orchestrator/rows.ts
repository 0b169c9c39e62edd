/** Rows of the relational plane, and the contracts they stand for. */
import type { Counts, DeadLetter, FailureInfo, Job, RawRef, Run, Step } from '#contracts';
import type { Row } from '#storage';
import { addCounts } from './counts.ts';

export type RunState = Run['state'];

export interface RunRow extends Row {
  run_id: string;
  tenant_id: string;
  source_id: string;
  trigger: Run['trigger'];
  state: RunState;
  requested_at: string;
  started_at: string | null;
  /** When it ended last; a run that a retried dead letter opened again keeps it. */
  ended_at: string | null;
  counts: Partial<Counts>;
  pages: number;
  unchanged: number;
  dead_letters: number;
  request_id: string | null;
  actor: string;
  error: FailureInfo | null;
}

export function isOver(state: RunState): boolean {
  return state !== 'queued' && state !== 'running';
}

export function toRun(row: RunRow): Run {
  return {
    run_id: row.run_id,
    tenant_id: row.tenant_id,
    source_id: row.source_id,
    trigger: row.trigger,
    state: row.state,
    requested_at: row.requested_at,
    ...(row.started_at === null ? {} : { started_at: row.started_at }),
    ...(row.ended_at === null || !isOver(row.state) ? {} : { ended_at: row.ended_at }),
    counts: addCounts(row.counts, {}),
    pages: row.pages,
    unchanged: row.unchanged,
    dead_letters: row.dead_letters,
    ...(row.request_id === null ? {} : { request_id: row.request_id }),
    ...(row.error === null ? {} : { error: row.error }),
  };
}

export interface StepRow extends Row {
  run_id: string;
  step: Step['step'];
  state: RunState;
  jobs_total: number;
  jobs_done: number;
  jobs_failed: number;
  started_at: string | null;
  ended_at: string | null;
}

export function toStep(row: StepRow): Step {
  const { started_at, ended_at, ...rest } = row;
  return {
    run_id: rest.run_id,
    step: rest.step,
    state: rest.state,
    jobs_total: rest.jobs_total,
    jobs_done: rest.jobs_done,
    jobs_failed: rest.jobs_failed,
    ...(started_at === null ? {} : { started_at }),
    ...(ended_at === null ? {} : { ended_at }),
  };
}

export interface DeadLetterRow extends Row {
  job_id: string;
  run_id: string;
  tenant_id: string;
  source_id: string;
  kind: DeadLetter['kind'];
  state: DeadLetter['state'];
  errors: FailureInfo[];
  job: Job;
  died_at: string;
}

export function toDeadLetter(row: DeadLetterRow): DeadLetter {
  const { job_id, run_id, tenant_id, source_id, kind, state, errors, job, died_at } = row;
  return { job_id, run_id, tenant_id, source_id, kind, state, errors, died_at, job };
}

/** The columns of `raw_ref`, in the order of `rawRefValues`. */
export const rawRefColumns =
  'tenant_id, source_id, run_id, page, request_key, bucket, key, sha256, content_type, size, captured_at';

export function rawRefValues(raw: RawRef): (string | number)[] {
  return [
    raw.tenant_id,
    raw.source_id,
    raw.run_id,
    raw.page,
    raw.request_key,
    raw.bucket,
    raw.key,
    raw.sha256,
    raw.content_type,
    raw.size,
    raw.captured_at,
  ];
}

export type RawRefRow = Omit<RawRef, 'size'> & Row & { size: string | number };

export function toRawRef(row: RawRefRow): RawRef {
  return { ...row, size: Number(row.size) };
}
