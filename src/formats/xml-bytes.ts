import { Carry } from './row-sink.ts';
import { declaredEncoding, narrowed, sniffedBytes, sniffEncoding, type XmlEncoding } from './xml-encoding.ts';

/**
 * The bytes of an XML document as code units, whatever its encoding: places are counted in units, and markup is found in `units`, where each is
 * one byte. Keeps the bytes as they came of what is under way, over chunks.
 */
export class XmlBytes {
  /** Known when the first line has been read. */
  encoding: XmlEncoding = sniffEncoding(Buffer.alloc(0)).encoding;
  /** Code units before the chunk. */
  base = 0;
  /** Where the text begins, behind a byte order mark. */
  first = 0;
  /** One byte for each code unit of the chunk. */
  units: Buffer = Buffer.alloc(0);
  /** The chunk as it came. */
  private source: Buffer = Buffer.alloc(0);
  private text: string | undefined;
  /** The first bytes, until it is known whether they are UTF-16; after that, half a code unit. */
  private head: Buffer | undefined = Buffer.alloc(0);
  private half: Buffer = Buffer.alloc(0);
  /** The last two code units before the chunk. */
  private before = [0, 0];
  /** From where in the chunk bytes are kept; -1: nowhere. What came before the chunk is in `carry`. */
  private keptFrom = -1;
  private readonly cap: number;
  private readonly carry: Carry;

  /** `cap`: how many bytes are kept at most. */
  constructor(cap: number) {
    this.cap = cap;
    this.carry = new Carry(cap);
  }

  /** Takes a chunk; false when it must be held until more come. `last`: none come. */
  load(chunk: Buffer, text: string | undefined, last = false): boolean {
    if (this.head === undefined) {
      this.cut(chunk, text);
      return true;
    }
    this.head = Buffer.concat([this.head, chunk]);
    if (this.head.length < sniffedBytes && !last) return false;
    const { encoding, mark } = sniffEncoding(this.head);
    this.encoding = encoding;
    this.base = this.first = mark / encoding.unit;
    const rest = this.head.subarray(mark);
    this.head = undefined;
    this.cut(rest, undefined);
    return true;
  }

  private cut(chunk: Buffer, text: string | undefined): void {
    if (this.encoding.unit === 1) {
      this.source = this.units = chunk;
      this.text = text;
      return;
    }
    const joined = this.half.length === 0 ? chunk : Buffer.concat([this.half, chunk]);
    const size = joined.length - (joined.length % 2);
    this.half = Buffer.from(joined.subarray(size));
    this.source = joined.subarray(0, size);
    this.units = narrowed(this.source, this.encoding.bigEndian);
  }

  /** The chunk has been read. */
  finish(): void {
    const { units, source } = this;
    const size = units.length;
    if (this.keptFrom >= 0) {
      this.carry.add(source, this.keptFrom * this.encoding.unit, source.length);
      this.keptFrom = 0;
    }
    if (size > 0) this.before = [size > 1 ? units[size - 2]! : this.before[1]!, units[size - 1]!];
    this.base += size;
  }

  /** The end of the document, in bytes, once all of it has been read; `whole`: it does not end inside a unit. */
  end(): { size: number; whole: boolean } {
    return { size: this.base * this.encoding.unit + this.half.length, whole: this.half.length === 0 };
  }

  /** The unit at an index of the chunk, or up to two before it. */
  at(index: number): number {
    return index >= 0 ? this.units[index]! : this.before[2 + index]!;
  }

  keepFrom(index: number): void {
    this.keptFrom = index;
  }

  release(): void {
    this.keptFrom = -1;
    this.carry.clear();
  }

  /** What has been kept, up to an index of the chunk; undefined when that is too much. */
  kept(end: number): Buffer | undefined {
    const { carry, encoding, source } = this;
    const part = source.subarray(this.keptFrom * encoding.unit, end * encoding.unit);
    if (carry.length + part.length > this.cap) return undefined;
    if (carry.length === 0) return part;
    const before = carry.take();
    carry.add(before, 0, before.length);
    return Buffer.concat([before, part]);
  }

  /** Hands over what has been kept, which is not too much, and keeps it no longer. `text`: as of a splitter's chunk. */
  handOver(end: number, take: (bytes: Buffer, from: number, to: number, text: string | undefined) => void): void {
    const { carry, source } = this;
    const { unit } = this.encoding;
    const from = this.keptFrom * unit;
    this.keptFrom = -1;
    if (carry.length === 0) take(source, from, end * unit, unit === 1 ? this.text : undefined);
    else {
      carry.add(source, from, end * unit);
      const whole = carry.take();
      take(whole, 0, whole.length, undefined);
    }
  }

  /** Takes the document's first line, up to an index of the chunk; false when the encoding that it declares is not read. */
  declare(end: number): boolean {
    const kept = this.kept(end);
    const line = kept === undefined ? undefined : this.encoding.decode(kept, 0, kept.length);
    if (line === undefined || !/^<\?xml\s/.test(line)) return true;
    const encoding = declaredEncoding(line, this.encoding);
    if (encoding !== undefined) this.encoding = encoding;
    return encoding !== undefined;
  }
}
