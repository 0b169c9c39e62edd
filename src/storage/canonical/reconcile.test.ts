import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shortId, sha256Hex } from '#kit';
import { precedenceOf, type ExistingRow } from './existing.ts';
import type { CanonicalRecord, RecordBatch } from './port.ts';
import { decide, pickCurrent } from './reconcile.ts';

/** A row as the table holds it; the table's own order is that of insertion. */
interface TableRow extends ExistingRow {
  batchId: string;
}

const placeOf = (row: { kind: string; name: string; tsMs: number; recordId: string }) =>
  `${row.kind} ${row.name} ${row.tsMs} ${row.recordId}`;

/** What reading with FINAL gives: of each place the newest row, the last inserted among equals, unless it is a tombstone. */
function final(table: TableRow[]): TableRow[] {
  const newest = new Map<string, TableRow>();
  for (const row of table) {
    const other = newest.get(placeOf(row));
    if (!other || row.revision >= other.revision) newest.set(placeOf(row), row);
  }
  return [...newest.values()].filter((row) => !row.isDeleted);
}

/** A merge: rows that FINAL would not look at are gone, tombstones stay. */
function merged(table: TableRow[]): TableRow[] {
  const newest = new Map<string, TableRow>();
  for (const row of table) {
    const other = newest.get(placeOf(row));
    if (!other || row.revision >= other.revision) newest.set(placeOf(row), row);
  }
  return table.filter((row) => newest.get(placeOf(row)) === row);
}

/** The writer's steps, on an array. */
function write(table: TableRow[], batch: RecordBatch): void {
  const ids = new Set(batch.records.map((record) => record.recordId));
  const look = (wanted: Set<string>, withPrecedence: boolean) =>
    table
      .filter((row) => wanted.has(row.recordId))
      .map((row) => ({
        ...row,
        sameBatch: row.batchId === batch.batchId,
        precedence: withPrecedence ? row.precedence : '',
      }));
  const { live, contested } = pickCurrent(look(ids, false), batch);
  if (contested.length > 0) {
    for (const [id, row] of pickCurrent(look(new Set(contested), true), batch).live) live.set(id, row);
  }
  const { rows, tombstones } = decide(batch, batch.records, live);
  const rowOf = (index: number, place: { kind: string; name: string; tsMs: number }, isDeleted: boolean): TableRow => ({
    recordId: batch.records[index]!.recordId,
    kind: place.kind,
    name: place.name,
    tsMs: place.tsMs,
    revision: batch.revision,
    isDeleted,
    sameBatch: false,
    batchId: batch.batchId,
    precedence: precedenceOf(batch, batch.records[index]!),
  });
  for (const index of rows ?? batch.records.keys()) {
    const { kind, name, tsMs } = batch.records[index]!;
    table.push(rowOf(index, { kind, name, tsMs: tsMs ?? 0 }, false));
  }
  for (const { index, place } of tombstones) table.push(rowOf(index, place, true));
}

it('leaves each record once, at its newest place, whatever is written, repeated and merged in whatever order', () => {
  const recordArb = fc.record({ key: fc.nat(2), place: fc.nat(2), row: fc.nat(2) });
  const batchArb = fc.record({
    revision: fc.bigInt({ min: 1n, max: 4n }),
    raw: fc.nat(1),
    records: fc.uniqueArray(recordArb, { selector: (r) => r.key, minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(batchArb, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 20 }),
      (specs, replays) => {
        const batches = specs.map((spec, chunk): RecordBatch => {
          const records = spec.records.map(({ key, place, row }): CanonicalRecord => ({
            kind: 'event',
            name: 'quake',
            tsMs: place,
            recordId: shortId([String(key)]),
            value: undefined,
            unit: '',
            dimensions: {},
            measures: {},
            exact: undefined,
            byteStart: row * 300,
            byteEnd: row * 300 + 1,
            row,
            recordHash: sha256Hex(`${key} ${place} ${row}`),
          }));
          return {
            tenantId: 't',
            sourceId: 's',
            batchId: shortId(['batch', String(chunk)]),
            rawSha256: sha256Hex(`raw ${spec.raw}`),
            profileId: 'p',
            profileVersion: '1',
            profileDigest: 'd',
            revision: spec.revision,
            capturedAtMs: 0,
            records,
          };
        });
        let table: TableRow[] = [];
        for (const batch of batches) write(table, batch);
        for (const [which, merge] of replays) {
          write(table, batches[which % batches.length]!);
          if (merge) table = merged(table);
        }
        const expected = new Map<string, { order: string; place: number }>();
        for (const batch of batches) {
          for (const record of batch.records) {
            const order = `${batch.revision} ${precedenceOf(batch, record)}`;
            const best = expected.get(record.recordId);
            if (!best || order > best.order) expected.set(record.recordId, { order, place: record.tsMs! });
          }
        }
        const live = final(table).map((row) => [row.recordId, row.tsMs] as const);
        expect(live).toHaveLength(expected.size);
        expect(new Map(live)).toEqual(new Map([...expected].map(([id, { place }]) => [id, place])));
        // Once everything is written, repeating it adds no row.
        const rows = table.length;
        for (const batch of batches) write(table, batch);
        expect(table).toHaveLength(rows);
      },
    ),
    { numRuns: 2_000 },
  );
});
