import { Damage } from './damage.ts';

/** Numbers one after another. */
export interface Numbers {
  next(): number;
}

/** Parquet's hybrid of runs and packed bits, read as it is asked for. Throws Damage where the bytes end. */
export class RunLengths implements Numbers {
  private readonly bytes: Buffer;
  private at: number;
  private readonly end: number;
  private readonly width: number;
  private left = 0;
  private packed = false;
  private value = 0;
  private bit = 0;

  constructor(bytes: Buffer, from: number, end: number, width: number) {
    if (end > bytes.length || end < from) throw new Damage('A page ends before its levels or indices do.');
    if (width > 32) throw new Damage('A page packs its numbers wider than 32 bits.');
    this.bytes = bytes;
    this.at = from;
    this.end = end;
    this.width = width;
  }

  next(): number {
    if (this.width === 0) return 0;
    if (this.left === 0) this.begin();
    this.left--;
    if (!this.packed) return this.value;
    const bits = packedBits(this.bytes, this.at, this.bit, this.width);
    this.bit += this.width;
    if (this.left === 0) this.at += Math.ceil(this.bit / 8);
    return bits;
  }

  private begin(): void {
    let header = 0;
    do {
      header = this.varint();
      this.packed = (header & 1) === 1;
      this.left = this.packed ? (header >>> 1) * 8 : header >>> 1;
      if (!this.packed) this.readValue();
    } while (this.left === 0);
    if (!this.packed) return;
    this.bit = 0;
    // The last group may be cut where its values end.
    this.left = Math.min(this.left, Math.floor(((this.end - this.at) * 8) / this.width));
    if (this.left <= 0) throw ended();
  }

  private readValue(): void {
    const size = (this.width + 7) >> 3;
    if (this.at + size > this.end) throw ended();
    this.value = this.bytes.readUIntLE(this.at, size);
    this.at += size;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) throw ended();
      const byte = this.bytes[this.at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new Damage('A page holds a run without an end.');
  }
}

function ended(): Damage {
  return new Damage('A page ends before its levels or indices do.');
}

/** `width` bits (at most 32), the lowest first, from the given bit on. */
export function packedBits(bytes: Buffer, from: number, bit: number, width: number): number {
  const at = from + (bit >>> 3);
  const shift = bit & 7;
  const low = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> shift;
  if (shift + width <= 32) return width === 32 ? low >>> 0 : low & ((1 << width) - 1);
  const whole = low + bytes[at + 4]! * 2 ** (32 - shift);
  return width === 32 ? whole % 2 ** 32 : whole % 2 ** width;
}
