import { Damage } from './damage.ts';

const maxDepth = 32;

/** What reads the fields of a struct, by field id; others are passed over. */
export type Fields = Record<number, (type: number) => void>;

const types = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, set: 10, map: 11 };
const structType = 12;
const uuidType = 13;

/** Reads Thrift's compact protocol. Sizes are held against the bytes that are there, nesting against a bound. Throws Damage. */
export class ThriftReader {
  at: number;
  private readonly bytes: Buffer;
  private depth = 0;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Damage('Its description ends in the middle.', 'truncated');
    return byte;
  }

  /** An integer of any width; one beyond 2^53 is not exact. */
  integer(): number {
    const n = this.varint();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  }

  /** The bytes of a binary or text, not copied. */
  binary(): Buffer {
    const size = this.size();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  text(): string {
    return this.binary().toString('utf8');
  }

  struct(fields: Fields): void {
    if (++this.depth > maxDepth) throw new Damage('Its description is nested too deep.', 'too_deep');
    let id = 0;
    for (;;) {
      const header = this.byte();
      if (header === 0) break;
      const type = header & 15;
      id = header >> 4 === 0 ? this.integer() : id + (header >> 4);
      const read = fields[id];
      if (read === undefined) this.skip(type);
      else read(type);
    }
    this.depth--;
  }

  /** Calls `item` for each item of a list of structs, numbers or texts. */
  list(item: () => void): void {
    const { size } = this.listHeader();
    for (let i = 0; i < size; i++) item();
  }

  skip(type: number): void {
    if (type === types.true || type === types.false) return;
    if (type === types.byte) this.byte();
    else if (type >= types.i16 && type <= types.i64) this.varint();
    else if (type === types.double) this.at += 8;
    else if (type === types.binary) this.binary();
    else if (type === types.list || type === types.set) this.skipList();
    else if (type === types.map) this.skipMap();
    else if (type === structType) this.struct({});
    else if (type === uuidType) this.at += 16;
    else throw new Damage('Its description holds an unknown kind of value.');
  }

  private skipList(): void {
    const { size, type } = this.listHeader();
    if (++this.depth > maxDepth) throw new Damage('Its description is nested too deep.', 'too_deep');
    for (let i = 0; i < size; i++) this.skipItem(type);
    this.depth--;
  }

  private skipMap(): void {
    const size = this.size();
    if (size === 0) return;
    const kinds = this.byte();
    if (++this.depth > maxDepth) throw new Damage('Its description is nested too deep.', 'too_deep');
    for (let i = 0; i < size; i++) {
      this.skipItem(kinds >> 4);
      this.skipItem(kinds & 15);
    }
    this.depth--;
  }

  /** Outside of structs a truth takes a byte. */
  private skipItem(type: number): void {
    if (type === types.true || type === types.false) this.byte();
    else this.skip(type);
  }

  private listHeader(): { size: number; type: number } {
    const header = this.byte();
    const size = header >> 4 === 15 ? this.size() : header >> 4;
    return { size, type: header & 15 };
  }

  /** A count of bytes, or of items of at least a byte each. */
  private size(): number {
    const size = this.varint();
    if (size > this.bytes.length - this.at) throw new Damage('Its description says more than there is.', 'truncated');
    return size;
  }

  private varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new Damage('Its description holds a number without an end.');
  }
}
