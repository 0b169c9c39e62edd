import type { RecordKind } from '#contracts';
import type { CanonicalRecord } from './port.ts';

/**
 * The records of a block that `native.ts` encoded: for the few batches whose rows must be looked at one by one. Knows the columns' order and
 * no other form of the Native format.
 */
export function decodeBlock(block: Uint8Array): CanonicalRecord[] {
  const reader = new BlockReader(block);
  reader.varUint();
  const count = reader.varUint();
  const texts = (): string[] => reader.column(() => reader.dictionary(count));
  texts();
  texts();
  const kinds = texts();
  const names = texts();
  const times = reader.column(() => reader.int64s(count));
  const ids = reader.column(() => reader.hexes(count, 16));
  const values = reader.column(() => {
    const nulls = reader.take(count);
    return Array.from({ length: count }, (_, i) => {
      const value = reader.float64();
      return nulls[i] === 1 ? undefined : value;
    });
  });
  const units = texts();
  const dimensions = reader.column(() => reader.maps(count, () => reader.text()));
  const measures = reader.column(() => reader.maps(count, () => reader.float64()));
  const exacts = reader.column(() => reader.maps(count, () => reader.text()));
  const hashes = reader.column(() => reader.hexes(count, 32));
  reader.column(() => reader.take(32 * count));
  const starts = reader.column(() => reader.int64s(count));
  const ends = reader.column(() => reader.int64s(count));
  const rows = reader.column(() => reader.int64s(count));
  return kinds.map((kind, i) => ({
    kind: kind as RecordKind,
    name: names[i]!,
    // As the store reads it: a sorting key cannot be null, so the epoch stands for "no time".
    tsMs: kind === 'entity' && times[i] === 0 ? undefined : times[i],
    recordId: ids[i]!,
    value: values[i],
    unit: units[i]!,
    dimensions: dimensions[i]!,
    measures: measures[i]!,
    exact: hasAny(exacts[i]!) ? exacts[i] : undefined,
    byteStart: starts[i]!,
    byteEnd: ends[i]!,
    row: rows[i]!,
    recordHash: hashes[i]!,
  }));
}

function hasAny(map: object): boolean {
  for (const _ in map) return true;
  return false;
}

class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  }

  /** A column behind its name and type. */
  column<T>(read: () => T): T {
    this.text();
    this.text();
    return read();
  }

  varUint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Buffer {
    return this.#bytes.subarray(this.#pass(length), this.#at);
  }

  text(): string {
    const length = this.varUint();
    return this.#bytes.toString('utf8', this.#pass(length), this.#at);
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#pass(8));
  }

  /** Safe integers. */
  int64s(count: number): number[] {
    const numbers: number[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.#pass(8);
      numbers.push(this.#bytes.readInt32LE(at + 4) * 0x1_0000_0000 + this.#bytes.readUInt32LE(at));
    }
    return numbers;
  }

  hexes(count: number, width: number): string[] {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(this.#bytes.toString('hex', this.#pass(width), this.#at));
    return texts;
  }

  /** Passes over bytes, and says where they began. */
  #pass(length: number): number {
    const from = this.#at;
    this.#at += length;
    return from;
  }

  /** A LowCardinality column with its version before it. */
  dictionary(count: number): string[] {
    this.take(8);
    return this.#dictionaryBody(count);
  }

  /** Names and values of maps, whose keys are a dictionary. */
  maps<T>(count: number, value: () => T): Record<string, T>[] {
    this.take(8);
    const ends = this.int64s(count);
    const total = ends.at(-1) ?? 0;
    const keys = this.#dictionaryBody(total);
    let at = 0;
    return ends.map((end) => {
      const map: Record<string, T> = {};
      for (; at < end; at++) map[keys[at]!] = value();
      return map;
    });
  }

  #dictionaryBody(count: number): string[] {
    if (count === 0) return [];
    const width = 1 << Number(this.take(8).readBigUInt64LE(0) & 0xffn);
    const size = this.int64s(1)[0]!;
    const words = Array.from({ length: size }, () => this.text());
    this.take(8);
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(words[this.#bytes.readUIntLE(this.#pass(width), width)]!);
    return texts;
  }
}
