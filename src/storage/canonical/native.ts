import type { CanonicalRecord, EncodedRecords, RecordBatch } from './port.ts';
import { ByteColumn, DictionaryColumn, dictionaryVersion } from './column-writers.ts';
import { decodeBlock } from './native-decode.ts';

/** Where the row of a record stands that this batch retires: its old place. */
export interface OldPlace {
  kind: string;
  name: string;
  tsMs: number;
}

/** What one block holds: some of a batch's records, and tombstones at the old places of those that moved. */
export interface BlockPlan {
  records: readonly CanonicalRecord[];
  /** Indexes into records; undefined for all. */
  rows: readonly number[] | undefined;
  tombstones: readonly { index: number; place: OldPlace }[];
}

/** What all rows of a block share. */
export type BlockConstants = Omit<RecordBatch, 'records'>;

/** Encodes a batch record by record, as they are made; keeps its columns from batch to batch. */
export interface RecordEncoder {
  /** Records added since the last `finish`. */
  readonly count: number;
  /** Takes the record's values; the object is not kept. Throws TypeError for what may not be stored: a number that is not finite, an identifier that is not hexadecimal. */
  add(record: CanonicalRecord): void;
  /** What was added, in order, without the records at the indexes given; the encoder is empty then. The bytes are the caller's own. */
  finish(constants: BlockConstants, without?: ReadonlySet<number>): EncodedRecords;
}

/** An encoder of records into the form that the canonical store takes; may live in any thread. */
export function createRecordEncoder(): RecordEncoder {
  const columns = new BlockColumns();
  return {
    get count() {
      return columns.count;
    },
    add: (record) => columns.add(record),
    finish(constants, without) {
      const all = columns.finish(constants);
      if (without === undefined || without.size === 0) return all;
      // Rare enough to be done again.
      for (const [index, record] of decodeBlock(all.block).entries()) if (!without.has(index)) columns.add(record);
      return columns.finish(constants);
    },
  };
}

/** One block for a plan. Throws TypeError as `RecordEncoder.add` does. */
export function encodePlan(constants: BlockConstants, plan: BlockPlan): Uint8Array {
  const columns = new BlockColumns();
  if (plan.rows === undefined) for (const record of plan.records) columns.add(record);
  else for (const index of plan.rows) columns.add(plan.records[index]!);
  for (const { index, place } of plan.tombstones) columns.bury(plan.records[index]!, place);
  return columns.finish(constants, plan.tombstones.length).block;
}

class MapColumns {
  readonly offsets = new ByteColumn();
  readonly keys = new DictionaryColumn();
  readonly values = new ByteColumn();
  #lastKeys: string[] = [];
  #lastIndexes: number[] = [];
  #total = 0;

  clear(): void {
    this.offsets.clear();
    this.keys.clear();
    this.values.clear();
    this.#lastKeys.length = 0;
    this.#lastIndexes.length = 0;
    this.#total = 0;
  }

  /** Records of one source mostly have the same keys in the same order: a key at its last position costs no look-up. */
  key(name: string, position: number): void {
    if (this.#lastKeys[position] !== name) {
      this.#lastKeys[position] = name;
      this.#lastIndexes[position] = this.keys.indexOf(name);
    }
    this.keys.pushIndex(this.#lastIndexes[position]!);
  }

  endRow(count: number): void {
    this.#total += count;
    this.offsets.uint64(this.#total);
  }

  strings(map: Record<string, string> | undefined): void {
    let count = 0;
    for (const name in map) {
      this.key(name, count++);
      this.values.string(map[name]!);
    }
    this.endRow(count);
  }

  numbers(map: Record<string, number>): void {
    let count = 0;
    for (const name in map) {
      const value = map[name]!;
      if (!Number.isFinite(value)) throw new TypeError('a measure is not a finite number');
      this.key(name, count++);
      this.values.float64(value);
    }
    this.endRow(count);
  }

  write(out: ByteColumn): void {
    out.uint64(dictionaryVersion);
    out.append(this.offsets);
    this.keys.writeBody(out);
    out.append(this.values);
  }
}

class BlockColumns {
  #kind = new DictionaryColumn();
  #name = new DictionaryColumn();
  #unit = new DictionaryColumn();
  #ts = new ByteColumn();
  #recordId = new ByteColumn();
  #valueNull = new ByteColumn();
  #value = new ByteColumn();
  #dimensions = new MapColumns();
  #measures = new MapColumns();
  #exact = new MapColumns();
  #recordHash = new ByteColumn();
  #byteStart = new ByteColumn();
  #byteEnd = new ByteColumn();
  #row = new ByteColumn();
  #constant = new DictionaryColumn();
  #first: EncodedRecords['first'];
  count = 0;

  /** The last `dead` rows are tombstones. */
  finish(constants: BlockConstants, dead = 0): EncodedRecords {
    const encoded = {
      count: this.count,
      ids: this.#recordId.copy(),
      hashes: this.#recordHash.copy(),
      first: this.#first,
      block: this.#assemble(constants, this.count - dead),
    };
    this.#clear();
    return encoded;
  }

  #clear(): void {
    for (const column of [this.#kind, this.#name, this.#unit, this.#ts, this.#recordId, this.#valueNull])
      column.clear();
    for (const column of [this.#value, this.#dimensions, this.#measures, this.#exact, this.#recordHash]) column.clear();
    for (const column of [this.#byteStart, this.#byteEnd, this.#row]) column.clear();
    this.#first = undefined;
    this.count = 0;
  }

  add(record: CanonicalRecord): void {
    const value = record.value;
    if (value !== undefined && !Number.isFinite(value)) throw new TypeError('a value is not a finite number');
    this.#identify(record, record.kind, record.name, record.tsMs ?? 0);
    this.#unit.push(record.unit);
    this.#valueNull.byte(value === undefined ? 1 : 0);
    this.#value.float64(value ?? 0);
    this.#dimensions.strings(record.dimensions);
    this.#measures.numbers(record.measures);
    this.#exact.strings(record.exact);
  }

  /**
   * A tombstone carries the new row's hash and position, so that among rows of one revision it compares as the
   * record that caused it; see `precedence` in clickhouse.ts.
   */
  bury(record: CanonicalRecord, place: OldPlace): void {
    this.#identify(record, place.kind, place.name, place.tsMs);
    this.#unit.push('');
    this.#valueNull.byte(1);
    this.#value.float64(0);
    this.#dimensions.endRow(0);
    this.#measures.endRow(0);
    this.#exact.endRow(0);
  }

  #identify(record: CanonicalRecord, kind: string, name: string, tsMs: number): void {
    if (!Number.isSafeInteger(tsMs)) throw new TypeError('a time is not a whole number of milliseconds');
    if (this.count++ === 0) this.#first = { kind: record.kind, name, tsMs, recordId: record.recordId };
    this.#kind.push(kind);
    this.#name.push(name);
    this.#ts.int64(tsMs);
    this.#recordId.hex(record.recordId, 16);
    this.#recordHash.hex(record.recordHash, 32);
    this.#byteStart.uint64(record.byteStart);
    this.#byteEnd.uint64(record.byteEnd);
    this.#row.uint64(record.row);
  }

  #assemble(batch: BlockConstants, live: number): Uint8Array {
    const out = new ByteColumn(4096 + this.#sizeEstimate());
    out.varUint(nativeColumns.length);
    out.varUint(this.count);
    const head = (index: number) => {
      const [name, type] = nativeColumns[index]!;
      out.string(name);
      out.string(type);
    };
    let at = 0;
    const plain = (column: ByteColumn) => (head(at++), out.append(column));
    const dictionary = (column: DictionaryColumn) => (head(at++), out.uint64(dictionaryVersion), column.writeBody(out));
    const map = (column: MapColumns) => (head(at++), column.write(out));
    const constant = (text: string) => (head(at++), out.uint64(dictionaryVersion), this.#writeConstant(out, text));

    constant(batch.tenantId);
    constant(batch.sourceId);
    dictionary(this.#kind);
    dictionary(this.#name);
    plain(this.#ts);
    plain(this.#recordId);
    head(at++);
    out.append(this.#valueNull);
    out.append(this.#value);
    dictionary(this.#unit);
    map(this.#dimensions);
    map(this.#measures);
    map(this.#exact);
    plain(this.#recordHash);
    head(at++);
    repeat(out, Buffer.from(batch.rawSha256, 'hex'), this.count);
    plain(this.#byteStart);
    plain(this.#byteEnd);
    plain(this.#row);
    constant(batch.profileId);
    constant(batch.profileVersion);
    constant(batch.profileDigest);
    head(at++);
    repeat(out, Buffer.from(batch.batchId, 'hex'), this.count);
    head(at++);
    repeat(out, int64Bytes(BigInt(batch.capturedAtMs)), this.count);
    head(at++);
    repeat(out, int64Bytes(batch.revision), this.count);
    head(at++);
    out.fill(0, live);
    out.fill(1, this.count - live);
    return out.bytes.subarray(0, out.length);
  }

  #writeConstant(out: ByteColumn, text: string): void {
    const column = this.#constant;
    column.clear();
    const index = column.indexOf(text);
    for (let i = 0; i < this.count; i++) column.pushIndex(index);
    column.writeBody(out);
  }

  #sizeEstimate(): number {
    const maps = [this.#dimensions, this.#measures, this.#exact];
    return this.count * 190 + maps.reduce((sum, map) => sum + map.values.length + map.keys.length * 2, 0);
  }
}

/** The columns of a block, in its order, with the types they have on the wire; the table converts on insert. */
export const nativeColumns: readonly (readonly [name: string, type: string])[] = [
  ['tenant_id', 'LowCardinality(String)'],
  ['source_id', 'LowCardinality(String)'],
  ['kind', 'LowCardinality(String)'],
  ['name', 'LowCardinality(String)'],
  ['ts', "DateTime64(3, 'UTC')"],
  ['record_id', 'FixedString(16)'],
  ['value', 'Nullable(Float64)'],
  ['unit', 'LowCardinality(String)'],
  ['dimensions', 'Map(LowCardinality(String), String)'],
  ['measures', 'Map(LowCardinality(String), Float64)'],
  ['exact', 'Map(LowCardinality(String), String)'],
  ['record_hash', 'FixedString(32)'],
  ['raw_sha256', 'FixedString(32)'],
  ['byte_start', 'UInt64'],
  ['byte_end', 'UInt64'],
  ['row', 'UInt64'],
  ['profile_id', 'LowCardinality(String)'],
  ['profile_version', 'LowCardinality(String)'],
  ['profile_digest', 'LowCardinality(String)'],
  ['batch_id', 'FixedString(16)'],
  ['captured_at', "DateTime64(3, 'UTC')"],
  ['revision', 'UInt64'],
  ['is_deleted', 'UInt8'],
];

function int64Bytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/** The same bytes `count` times, by doubling. */
function repeat(out: ByteColumn, pattern: Buffer, count: number): void {
  if (count === 0) return;
  const start = out.reserve(pattern.length * count);
  const end = start + pattern.length * count;
  pattern.copy(out.bytes, start);
  for (let filled = start + pattern.length; filled < end;) {
    const step = Math.min(filled - start, end - filled);
    out.bytes.copyWithin(filled, start, start + step);
    filled += step;
  }
}
