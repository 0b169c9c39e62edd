import type { RawRef, ReasonCode } from '#contracts';
import type { Clock } from '#kit';
import { type BlobStore, type CanonicalStore, decodeRecords, type KeyStore, type Relational } from '#storage';
import { type Batch, emptyCounts, type Rejection } from './batch-builder.ts';
import { batches } from './batches.ts';
import type { BatchFrame } from './contract-check.ts';
import { frameOf } from './frame.ts';
import type { Mapper } from './mapper.ts';
import { keptFrom } from './retention.ts';
import type { Judgement, JudgeTask, Rehearsal, RehearseTask } from './index.ts';
import { createLoader, type LoadResources, previewVault } from './resources.ts';
import { sharesRanges } from './whole-reader.ts';

export interface RehearseDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  mapper: Mapper;
  keys: KeyStore;
  clock: Clock;
}

/** Maps the payloads and counts; writes nothing. */
export async function judge(deps: RehearseDeps, task: JudgeTask): Promise<Judgement> {
  return judgeInto(deps, task, undefined);
}

/** Maps the payloads into a fork of the store, by the very steps of a normalization. */
export async function rehearse(deps: RehearseDeps, task: RehearseTask): Promise<Rehearsal> {
  const { tenantId, sourceId } = task;
  const store = await (task.base ?? deps.canonical).fork();
  try {
    if (task.alone !== true) await store.copy({ tenantId, sourceId });
    const judgement = await judgeInto(deps, task, store);
    const { records: period } = task.profile.profile.retention ?? {};
    if (period !== undefined) {
      const beforeMs = keptFrom(period, deps.clock.now())!;
      await store.expireBefore({ tenantId, sourceId, beforeMs }, async () => {});
    }
    return { ...judgement, changes: await store.compare(tenantId, sourceId, task.examples), store };
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
}

async function judgeInto(deps: RehearseDeps, task: JudgeTask, into: CanonicalStore | undefined): Promise<Judgement> {
  const result: Judgement = { payloads: 0, counts: emptyCounts(), reasons: [] };
  const reasons = new Map<ReasonCode, Judgement['reasons'][number]>();
  const of = (reason: ReasonCode): Judgement['reasons'][number] => {
    const known = reasons.get(reason) ?? { reason_code: reason, open: 0, recovered: 0, refused: 0, after: 0 };
    reasons.set(reason, known);
    return known;
  };
  const seen = new Set<string>();
  const load = createLoader(deps, task.profile.profile);
  for (const raw of task.payloads) {
    result.payloads++;
    const frame = frameOf({ ...task, raw });
    // Quarantine rows belong to bytes: those of bytes that came twice count once.
    const rows = seen.has(raw.sha256)
      ? undefined
      : await openRows(deps.relational, frame, sharesRanges(task.profile.profile));
    seen.add(raw.sha256);
    const decoded = await judgePayload(deps, { task, raw, frame, load, into, result, rows });
    if (rows === undefined) continue;
    for (const reason of rows.closed) of(reason.reason_code).after -= reason.count;
    for (const [reason, count] of rows.refused) {
      of(reason).refused += count;
      of(reason).after += count;
    }
    for (const row of rows.open) {
      of(row.reason_code).open++;
      if (isRecovered(row, rows, raw.size, decoded)) of(row.reason_code).recovered++;
    }
  }
  result.reasons = [...reasons.values()].sort((a, b) => (a.reason_code < b.reason_code ? -1 : 1));
  return result;
}

interface OpenRow {
  start: number;
  /** Where it stands among the payload's rows: its start, or its number where ranges are shared. */
  at: number;
  end: number;
  candidate: number;
  format: boolean;
  reason_code: ReasonCode;
  /** Refused by the very version that judges now. */
  own: boolean;
}

/** What stands open of a payload, and what this judgement says of it. */
interface Rows {
  open: OpenRow[];
  byRow: boolean;
  starts: Set<number>;
  /** Of this version's own rows, those that no longer stand open and would not open again. */
  closed: { reason_code: ReasonCode; count: number }[];
  gave: Set<number>;
  any: boolean;
  refusedAgain: Set<string>;
  refused: Map<ReasonCode, number>;
}

async function openRows(relational: Relational, frame: BatchFrame, byRow: boolean): Promise<Rows> {
  const params = [frame.tenantId, frame.rawSha256, frame.sourceId, frame.profileDigest];
  const found = await relational.query<
    Record<'byte_start' | 'byte_end' | 'row', string> & Omit<OpenRow, 'start' | 'end' | 'at'>
  >(
    `select byte_start::text as byte_start, byte_end::text as byte_end, row::text as row, candidate, rule = 'format' as format, reason_code, profile_digest = $4 as own
     from quarantine where tenant_id = $1 and raw_sha256 = $2 and source_id = $3 and state = 'open'`,
    params,
  );
  const closed = await relational.query<{ reason_code: ReasonCode; count: number }>(
    `select reason_code, count(*)::int as count from quarantine
     where tenant_id = $1 and raw_sha256 = $2 and source_id = $3 and profile_digest = $4
       and (state = 'discarded' or (state <> 'open' and revision >= $5::bigint)) group by reason_code`,
    [...params, String(frame.revision)],
  );
  const open = found.map(({ byte_start, byte_end, row, ...rest }) => ({
    ...rest,
    start: Number(byte_start),
    end: Number(byte_end),
    at: Number(byRow ? row : byte_start),
  }));
  return {
    open,
    byRow,
    starts: new Set(open.map((row) => row.at)),
    closed,
    gave: new Set(),
    any: false,
    refusedAgain: new Set(),
    refused: new Map(),
  };
}

/** As `settleOthers` decides. */
function isRecovered(row: OpenRow, rows: Rows, size: number, decoded: number): boolean {
  const all = row.end === 0 || row.end === size || row.end >= decoded;
  const whole = rows.any && row.format && row.start === 0 && all;
  return !row.own && (whole || rows.gave.has(row.at)) && !rows.refusedAgain.has(place(row));
}

function place({ at, candidate }: { at: number; candidate: number }): string {
  return `${at} ${candidate}`;
}

interface PayloadWork {
  task: JudgeTask;
  raw: RawRef;
  frame: BatchFrame;
  load: LoadResources;
  into: CanonicalStore | undefined;
  result: Judgement;
  rows: Rows | undefined;
}

/** Returns how many bytes the payload holds, decoded. */
async function judgePayload(deps: RehearseDeps, work: PayloadWork): Promise<number> {
  const { task, raw, frame, load, into, result, rows } = work;
  const open = (): AsyncIterable<Uint8Array> => deps.blobs.read(raw.bucket, raw.sha256);
  let decoded = 0;
  const { profile } = task.profile;
  const resources = await load(frame, task.reading ?? 'pinned');
  const vault = previewVault(deps.keys, task.tenantId);
  const input = { open, profile, frame, signal: task.signal, mapper: deps.mapper };
  const watch = task.guard === undefined ? undefined : { known: undefined, guard: task.guard };
  for await (const batch of batches({ ...input, resources, vault, watch })) {
    for (const key of Object.keys(result.counts) as (keyof Judgement['counts'])[]) {
      result.counts[key] += batch.counts[key];
    }
    decoded += batch.counts.bytes;
    if (rows !== undefined) note(rows, batch);
    if (batch.records.count > 0) await into?.write({ ...frame, batchId: batch.batchId, records: batch.records });
  }
  await into?.retireOthers(frame);
  return decoded;
}

function note(rows: Rows, batch: Batch): void {
  rows.any ||= batch.counts.records > 0;
  if (rows.starts.size > 0) {
    for (const { byteStart, row } of decodeRecords(batch.records.block)) {
      const at = rows.byRow ? row : byteStart;
      if (rows.starts.has(at)) rows.gave.add(at);
    }
  }
  let last: Rejection | undefined;
  let rules = new Set<string>();
  for (const rejection of batch.rejections) {
    if (last?.start !== rejection.start || last.row !== rejection.row || last.candidate !== rejection.candidate) {
      rules = new Set();
    }
    last = rejection;
    // One quarantine row for each rule and reason of a candidate.
    const rule = `${rejection.reason} ${rejection.rule}`;
    if (rules.has(rule)) continue;
    rules.add(rule);
    rows.refused.set(rejection.reason, (rows.refused.get(rejection.reason) ?? 0) + 1);
    const at = rows.byRow ? rejection.row : rejection.start;
    if (rows.starts.has(at)) rows.refusedAgain.add(place({ at, candidate: rejection.candidate }));
  }
}
