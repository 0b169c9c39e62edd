/**
 * Growable byte columns for the Native block encoder. They are kept between batches, so that encoding a record
 * allocates nothing once the columns have grown to the size of a batch.
 */
export class ByteColumn {
  bytes: Buffer;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes room for `count` more bytes and returns where they start. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, start);
      this.bytes = grown;
    }
    this.length = end;
    return start;
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  varUint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  /** A non-negative safe integer as 8 bytes, little endian. */
  uint64(value: number): void {
    const at = this.reserve(8);
    this.bytes.writeUInt32LE(value >>> 0, at);
    this.bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
  }

  /** A safe integer, perhaps negative, as 8 bytes of two's complement, little endian. */
  int64(value: number): void {
    const at = this.reserve(8);
    this.bytes.writeInt32LE(value | 0, at);
    this.bytes.writeInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
  }

  float64(value: number): void {
    const at = this.reserve(8);
    this.bytes.writeDoubleLE(value, at);
  }

  /** A length and UTF-8 bytes. */
  string(text: string): void {
    const count = text.length;
    // Most text is short ASCII: one loop is then cheaper than a call out of JavaScript.
    if (count < 64) {
      const start = this.reserve(count + 1);
      const bytes = this.bytes;
      bytes[start] = count;
      let at = start + 1;
      for (let i = 0; i < count; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) {
          this.length = start;
          return this.#longString(text);
        }
        bytes[at++] = unit;
      }
      return;
    }
    this.#longString(text);
  }

  #longString(text: string): void {
    const count = Buffer.byteLength(text);
    this.varUint(count);
    const at = this.reserve(count);
    this.bytes.write(text, at, count, 'utf8');
  }

  /** `count` bytes from twice as many hexadecimal digits; throws when the text is anything else. */
  hex(text: string, count: number): void {
    const start = this.reserve(count);
    const bytes = this.bytes;
    let bad = text.length === count * 2 ? 0 : 0x80;
    for (let i = 0, at = start; i < count * 2; i += 2) {
      const high = hexDigits[text.charCodeAt(i) & 0x7f]!;
      const low = hexDigits[text.charCodeAt(i + 1) & 0x7f]!;
      bad |= (high | low) & 0x80;
      bytes[at++] = (high << 4) | low;
    }
    if (bad !== 0) throw new TypeError(`expected ${count * 2} hexadecimal digits`);
  }

  /** `count` zero bytes, or others. */
  fill(value: number, count: number): void {
    const start = this.reserve(count);
    this.bytes.fill(value, start, start + count);
  }

  /** The bytes so far, as a buffer of their own. */
  copy(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.length));
  }

  append(other: ByteColumn): void {
    const start = this.reserve(other.length);
    other.bytes.copy(this.bytes, start, 0, other.length);
  }
}

const hexDigits = new Uint8Array(128).fill(0x80);
for (let digit = 0; digit < 16; digit++) {
  hexDigits[digit.toString(16).charCodeAt(0)] = digit;
  hexDigits[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** A column of few distinct strings: LowCardinality(String), a dictionary and one index a row. */
export class DictionaryColumn {
  #indexOf = new Map<string, number>();
  #keys = new ByteColumn();
  #indexes = new Uint32Array(1024);
  length = 0;
  #last: string | undefined;
  #lastIndex = 0;

  clear(): void {
    this.#indexOf.clear();
    this.#keys.clear();
    this.length = 0;
    this.#last = undefined;
  }

  push(text: string): void {
    if (text !== this.#last) {
      this.#last = text;
      this.#lastIndex = this.#lookUp(text);
    }
    this.pushIndex(this.#lastIndex);
  }

  /** The index of a string, for callers that remember it and push it themselves. */
  indexOf(text: string): number {
    return this.#lookUp(text);
  }

  pushIndex(index: number): void {
    if (this.length === this.#indexes.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.#indexes);
      this.#indexes = grown;
    }
    this.#indexes[this.length++] = index;
  }

  #lookUp(text: string): number {
    let index = this.#indexOf.get(text);
    if (index === undefined) {
      index = this.#indexOf.size;
      this.#indexOf.set(text, index);
      this.#keys.string(text);
    }
    return index;
  }

  /** Appends the column's body: flags, dictionary, indexes in the narrowest width. Nothing when there are no rows. */
  writeBody(out: ByteColumn): void {
    if (this.length === 0) return;
    const size = this.#indexOf.size;
    const width = size <= 0x100 ? 0 : size <= 0x1_0000 ? 1 : 2;
    out.uint64(additionalKeys | width);
    out.uint64(size);
    out.append(this.#keys);
    out.uint64(this.length);
    const indexes = this.#indexes;
    const count = this.length;
    let at = out.reserve(count << width);
    const bytes = out.bytes;
    for (let i = 0; i < count; i++) {
      const index = indexes[i]!;
      bytes[at++] = index;
      if (width > 0) bytes[at++] = index >>> 8;
      if (width > 1) {
        bytes[at++] = index >>> 16;
        bytes[at++] = index >>> 24;
      }
    }
  }
}

/** "The keys stand in this block" and "forget earlier dictionaries", of ClickHouse's LowCardinality serialization. */
const additionalKeys = 0x600;

/** What stands before a LowCardinality column, or before a type that holds one: the serialization version. */
export const dictionaryVersion = 1;
