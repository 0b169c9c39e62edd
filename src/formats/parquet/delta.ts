import { Damage } from './damage.ts';
import { packedBits } from './run-lengths.ts';

const int64 = (n: bigint): bigint => BigInt.asIntN(64, n);

/** Integers by their differences: blocks of packed bits above the least difference. Reads as it is asked for. */
export class Deltas {
  /** How many there are. */
  readonly count: number;
  private readonly bytes: Buffer;
  private readonly wide: boolean;
  private at: number;
  private readonly perMini: number;
  private readonly minis: number;
  private value: bigint;
  private least = 0n;
  private widths: number[] = [];
  private mini = 0;
  private inMini = 0;
  private read = 0;

  /** `wide`: of 64 bits, else of 32. */
  constructor(bytes: Buffer, from: number, wide: boolean) {
    this.bytes = bytes;
    this.at = from;
    this.wide = wide;
    const block = Number(this.varint());
    this.minis = Number(this.varint());
    this.count = Number(this.varint());
    this.value = this.zigzag();
    this.perMini = block / this.minis;
    if (!(this.minis > 0 && this.minis <= 512 && Number.isInteger(this.perMini / 8) && this.perMini <= 1 << 16))
      throw new Damage('A page of differences is malformed.');
    this.mini = this.minis;
  }

  next(): bigint {
    if (this.read >= this.count) throw new Damage('A page ends before its values do.');
    if (this.read++ === 0) return this.value;
    if (this.inMini === 0) this.beginMini();
    const width = this.widths[this.mini]!;
    const bit = (this.perMini - this.inMini) * width;
    this.value = this.wrapped(this.value + this.least + this.bits(bit, width));
    if (--this.inMini === 0) {
      this.at += (this.perMini * width) / 8;
      this.mini++;
    }
    return this.value;
  }

  /** Where the bytes behind the differences start; to be asked when all have been read. */
  end(): number {
    return this.inMini === 0 ? this.at : this.at + (this.perMini * this.widths[this.mini]!) / 8;
  }

  private beginMini(): void {
    if (this.mini >= this.minis) {
      this.least = this.zigzag();
      this.widths = [...this.bytes.subarray(this.at, this.at + this.minis)];
      this.at += this.minis;
      this.mini = 0;
    }
    this.inMini = this.perMini;
    // Those of miniblocks that hold no values may be anything.
    if (!(this.widths[this.mini]! <= 64)) throw new Damage('A page of differences is malformed.');
    // The last block may leave out what pads it: as far as values go there must be bytes.
    const rest = Math.min(this.perMini, this.count - this.read + 1);
    if (this.at + Math.ceil((rest * this.widths[this.mini]!) / 8) > this.bytes.length)
      throw new Damage('A page ends before its values do.');
  }

  private bits(bit: number, width: number): bigint {
    if (width <= 32) return BigInt(packedBits(this.bytes, this.at, bit, width));
    const low = BigInt(packedBits(this.bytes, this.at, bit, 32));
    return low | (BigInt(packedBits(this.bytes, this.at, bit + 32, width - 32)) << 32n);
  }

  private wrapped(value: bigint): bigint {
    return this.wide ? int64(value) : BigInt.asIntN(32, value);
  }

  private varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new Damage('A page ends before its values do.');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Damage('A page holds a number without an end.');
  }

  private zigzag(): bigint {
    const n = this.varint();
    return int64((n >> 1n) ^ -(n & 1n));
  }
}

/** All the lengths of a page's texts; they come before the texts. */
export function allDeltas(bytes: Buffer, from: number, most: number): { lengths: Int32Array; end: number } {
  const deltas = new Deltas(bytes, from, false);
  if (deltas.count > most) throw new Damage('A page has more values than it says.');
  const lengths = new Int32Array(deltas.count);
  for (let i = 0; i < lengths.length; i++) {
    lengths[i] = Number(deltas.next());
    if (lengths[i]! < 0) throw new Damage('A page has a text of negative length.');
  }
  return { lengths, end: deltas.end() };
}
