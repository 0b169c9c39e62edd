import type { RowPlace } from '#formats';
import { recordHash, type HashedRecord } from '#audit';
import type { Counts, ReasonCode } from '#contracts';
import { shortId } from '#kit';
import { type CanonicalRecord, createRecordEncoder, type EncodedRecords } from '#storage';
import type { Failure } from './attempt.ts';
import { type BatchFrame, contractCheck } from './contract-check.ts';
import type { Dedupe } from './dedupe.ts';
import { concealed, mask, storable } from './mask.ts';
import { type Candidate, skipped } from './record-rule.ts';
import type { CandidateSink } from './row-reader.ts';
import type { ObservedShape } from './shape.ts';

/** A failing candidate and rule, before it becomes a quarantine row. */
export interface Rejection extends Failure, RowPlace {
  candidate: number;
}

/** One chunk of a payload's candidates: the unit of writing, dedupe and audit. Cut by content alone, so a repeat gives the same batches. */
export interface Batch {
  batchId: string;
  chunk: number;
  records: EncodedRecords;
  rejections: Rejection[];
  /** How many of `records` take the place of one of an earlier batch of the payload, which then counts as deduplicated. */
  replaced: number;
  /** counts.records = records.count - replaced, so that the batches of a payload add up to what is live. */
  counts: Counts;
  /** What the payload's rows looked like up to here, when they are watched. */
  shape?: ObservedShape | undefined;
}

export interface BatchLimits {
  /** At most `indexRange`. */
  candidates: number;
  /** Characters of text that a batch may hold before it is cut. */
  weight: number;
}

export const defaultLimits: BatchLimits = { candidates: 16_384, weight: 16 << 20 };

/** Index of a record in its batch and the batch's chunk, as one number. */
const indexRange = 2 ** 14;

export interface BatchBuilder extends CandidateSink {
  /** Batches that are full; the caller takes them out. */
  ready: Batch[];
  /** The last batch, even when it is the only one and empty; undefined when nothing is left. `bytes`: the payload's size. */
  finish(bytes: number): Batch | undefined;
}

export function emptyCounts(): Counts {
  return { rows: 0, candidates: 0, records: 0, quarantined: 0, deduplicated: 0, skipped: 0, bytes: 0 };
}

/** Turns candidates into batches: dedupes, hashes, validates against the contracts, cuts. `conceals`: under a policy no offending value is shown. */
export function createBatchBuilder(
  frame: BatchFrame,
  dedupe: Dedupe,
  limits: BatchLimits,
  conceals: boolean,
): BatchBuilder {
  const check = contractCheck(frame);
  const ready: Batch[] = [];
  const encoder = createRecordEncoder();
  let batch = newBatch(0);
  let weight = 0;
  let bytesBefore = 0;
  /** Indices of this batch's records that a later one of the batch replaced. */
  let dropped = new Set<number>();
  const { tenantId, sourceId, rawSha256, profileId, profileVersion, profileDigest } = frame;
  const hashed = { tenantId, sourceId, rawSha256, profileId, profileVersion, profileDigest } as HashedRecord;

  function newBatch(chunk: number): Omit<Batch, 'records'> {
    const parts = ['batch', frame.tenantId, frame.sourceId, frame.rawSha256, frame.profileDigest];
    const batchId = shortId([...parts, String(frame.revision), String(chunk)]);
    return { batchId, chunk, rejections: [], replaced: 0, counts: emptyCounts() };
  }

  function cut(end: number): void {
    // Row groups of a file may stand in another order than their rows.
    const reached = Math.max(end, bytesBefore);
    batch.counts.bytes = reached - bytesBefore;
    bytesBefore = reached;
    const records = encoder.finish({ ...frame, batchId: batch.batchId }, dropped);
    dropped = new Set();
    batch.counts.records = records.count - batch.replaced;
    ready.push({ ...batch, records });
    batch = newBatch(batch.chunk + 1);
    weight = 0;
  }

  function reject(failures: readonly Failure[], place: RowPlace, candidate: number): void {
    batch.counts.quarantined++;
    for (const failure of failures) batch.rejections.push({ ...failure, ...place, candidate });
    weight += 512 * failures.length;
  }

  function hashOf(record: CanonicalRecord): string {
    hashed.kind = record.kind;
    hashed.name = record.name;
    hashed.tsMs = record.tsMs;
    hashed.recordId = record.recordId;
    hashed.value = record.value;
    hashed.unit = record.unit;
    hashed.dimensions = record.dimensions;
    hashed.measures = record.measures;
    hashed.exact = record.exact;
    hashed.byteStart = record.byteStart;
    hashed.byteEnd = record.byteEnd;
    hashed.row = record.row;
    return recordHash(hashed);
  }

  /** Hashes and validates; false when the record is quarantined. */
  function isValid(record: CanonicalRecord, at: RowPlace, candidate: number): boolean {
    record.recordHash = hashOf(record);
    const violation = check(record, record.recordHash, batch.batchId);
    if (violation !== undefined)
      reject([contractFailure(record, violation, conceals ? concealed : mask)], at, candidate);
    return violation === undefined;
  }

  /** An invalid candidate is quarantined whether or not another has its key; among valid ones one is kept. */
  function admit(record: CanonicalRecord, at: RowPlace, candidate: number): void {
    if (!isValid(record, at, candidate)) return;
    const place = batch.chunk * indexRange + encoder.count;
    const chosen = dedupe.choose(record, place);
    if (chosen === undefined) {
      batch.counts.deduplicated++;
      return;
    }
    if (Array.isArray(chosen)) return reject(conceals ? chosen.map(withoutValue) : chosen, at, candidate);
    if (chosen !== record && !isValid(chosen, at, candidate)) return;
    const before = dedupe.keep(chosen, place);
    if (before !== undefined) {
      batch.counts.deduplicated++;
      if (before >= batch.chunk * indexRange) dropped.add(before % indexRange);
      else batch.replaced++;
    }
    encoder.add(chosen);
  }

  function count(place: RowPlace): void {
    batch.counts.candidates++;
    if (batch.counts.candidates >= limits.candidates || weight >= limits.weight) cut(place.end);
  }

  return {
    ready,
    candidates(out, place, rowWeight) {
      batch.counts.rows++;
      // A row of many candidates may fill several batches.
      const share = out.length === 0 ? 0 : rowWeight / out.length;
      for (let i = 0; i < out.length; i++) {
        const candidate: Candidate = out[i]!;
        if (candidate === skipped) batch.counts.skipped++;
        else if (Array.isArray(candidate)) reject(candidate, place, i);
        else admit(candidate, place, i);
        weight += share;
        count(place);
      }
    },
    fault(reason, place, message) {
      if (reason !== 'no_rows' && reason !== 'empty_payload') batch.counts.rows++;
      reject([{ reason, rule: 'format', pointer: '', message, masked: `${place.end - place.start} bytes` }], place, 0);
      count(place);
    },
    finish(bytes) {
      const { counts, chunk } = batch;
      if (counts.candidates === 0 && counts.rows === 0 && chunk > 0) return undefined;
      cut(bytes);
      return ready.pop();
    },
  };
}

function withoutValue(failure: Failure): Failure {
  return { ...failure, masked: concealed(failure.masked) };
}

function contractFailure(
  record: CanonicalRecord,
  violation: { pointer: string; message: string },
  show: typeof mask,
): Failure {
  const [member, name] = violation.pointer.split('/').slice(1);
  const values = { name: record.name, dimensions: record.dimensions, measures: record.measures } as Record<
    string,
    unknown
  >;
  const found = member === undefined ? undefined : values[member];
  const value = name === undefined || typeof found !== 'object' ? found : (found as Record<string, unknown>)[name];
  return {
    reason: 'contract_violation' satisfies ReasonCode,
    rule: `contract canonical/${record.kind}`,
    pointer: violation.pointer,
    message: storable(`The record does not satisfy its contract: ${violation.pointer} ${violation.message}.`, 2000),
    masked: show(value),
  };
}
