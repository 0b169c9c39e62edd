/** Decides what a batch does to the rows that are there. Pure, so that it can be tested against a model. */
import type { CanonicalRecord, RecordBatch, WriteResult } from './port.ts';
import type { OldPlace } from './native.ts';
import { precedenceOf, type ExistingRow } from './existing.ts';

export interface Decision {
  result: WriteResult;
  /** Indexes of the records to insert; undefined for all of them. */
  rows: number[] | undefined;
  tombstones: { index: number; place: OldPlace }[];
}

/** What of a batch decides between two rows of one record. */
export type BatchOrder = Pick<RecordBatch, 'revision' | 'rawSha256'>;

/** The live row of each record id among all its rows, and the ids where rows of one revision compete. */
export interface Current {
  live: Map<string, ExistingRow>;
  contested: string[];
}

/**
 * Picks the live rows. A tombstone has the revision of the row that made it, so that a record's newest revision has
 * exactly one live row, unless several batches of that very revision hold the record: then `precedence` decides, and
 * when the rows come without it, the id is contested and must be asked for again.
 */
export function pickCurrent(rows: readonly ExistingRow[], batch: BatchOrder): Current {
  const live = new Map<string, ExistingRow>();
  const contested = new Set<string>();
  for (const row of rows) {
    if (row.isDeleted) continue;
    const best = live.get(row.recordId);
    if (best === undefined || row.revision > best.revision) {
      live.set(row.recordId, row);
      contested.delete(row.recordId);
    } else if (row.revision === best.revision && row.sameBatch && best.sameBatch && samePlace(row, best)) {
      continue;
    } else if (row.revision === best.revision) {
      if (row.precedence === '') contested.add(row.recordId);
      else if (row.precedence > best.precedence) live.set(row.recordId, row);
    }
  }
  for (const row of live.values()) {
    if (row.revision === batch.revision && !row.sameBatch && row.precedence === '') contested.add(row.recordId);
  }
  return { live, contested: [...contested] };
}

/** Compares each record of a batch with its live row. */
export function decide(
  batch: BatchOrder,
  records: readonly CanonicalRecord[],
  live: ReadonlyMap<string, ExistingRow>,
): Decision {
  const result: WriteResult = { inserted: 0, replaced: 0, moved: 0, stale: 0 };
  const rows: number[] = [];
  const tombstones: Decision['tombstones'] = [];
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    const current = live.get(record.recordId);
    if (current === undefined) {
      result.inserted++;
      rows.push(index);
      continue;
    }
    const order = compare(batch, record, current);
    if (order < 0) {
      result.stale++;
    } else if (order === 0) {
      // An earlier try of this batch, or the same record cut into another batch, has written it.
      result.replaced++;
    } else {
      rows.push(index);
      if (samePlace(current, { kind: record.kind, name: record.name, tsMs: record.tsMs ?? 0 })) {
        result.replaced++;
      } else {
        result.moved++;
        tombstones.push({ index, place: current });
      }
    }
  }
  return { result, rows: rows.length === records.length ? undefined : rows, tombstones };
}

/** Above 0 when the batch's record is newer than the row, 0 when it is that row. */
function compare(batch: BatchOrder, record: CanonicalRecord, current: ExistingRow): number {
  if (batch.revision !== current.revision) return batch.revision > current.revision ? 1 : -1;
  if (current.sameBatch) return 0;
  const own = precedenceOf(batch, record);
  return own === current.precedence ? 0 : own > current.precedence ? 1 : -1;
}

function samePlace(a: OldPlace, b: OldPlace): boolean {
  return a.tsMs === b.tsMs && a.name === b.name && a.kind === b.kind;
}
