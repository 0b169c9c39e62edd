import { Damage } from './damage.ts';
import { allDeltas, Deltas } from './delta.ts';
import { RunLengths } from './run-lengths.ts';
import type { SchemaNode } from './schema.ts';

/** A value as it is stored: numbers of 64 bits are bigints where a double cannot hold them, int96 is its twelve bytes. */
export type Raw = number | bigint | boolean | Buffer;

/** Values one after another. Reading behind the end throws Damage or RangeError. */
export interface Values<T = Raw> {
  next(): T;
}

export const encodings = {
  plain: 0,
  plainDictionary: 2,
  runLengths: 3,
  deltas: 5,
  deltaLengths: 6,
  deltaTexts: 7,
  dictionary: 8,
  split: 9,
} as const;

export function isDictionary(encoding: number): boolean {
  return encoding === encodings.plainDictionary || encoding === encodings.dictionary;
}

/** The values of a page, from byte `from` on. `most`: the values that the page says it has. */
export function pageValues(leaf: SchemaNode, encoding: number, bytes: Buffer, from: number, most: number): Values {
  switch (encoding) {
    case encodings.plain:
      return plainValues(leaf, bytes, from);
    case encodings.runLengths:
      if (leaf.type === 'boolean') return truths(bytes, from);
      break;
    case encodings.deltas:
      if (leaf.type === 'int32' || leaf.type === 'int64')
        return integers(new Deltas(bytes, from, leaf.type === 'int64'));
      break;
    case encodings.deltaLengths:
      if (leaf.type === 'bytes') return lengthFirst(bytes, from, most);
      break;
    case encodings.deltaTexts:
      if (leaf.type === 'bytes' || leaf.type === 'fixed') return prefixed(bytes, from, most);
      break;
    case encodings.split:
      return splitBytes(leaf, bytes, from);
  }
  throw new Damage('A page is written in an encoding that is not read.');
}

function truths(bytes: Buffer, from: number): Values {
  const size = bytes.readUInt32LE(from);
  const runs = new RunLengths(bytes, from + 4, from + 4 + size, 1);
  return { next: () => runs.next() === 1 };
}

function integers(deltas: Deltas): Values {
  return {
    next() {
      const value = deltas.next();
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    },
  };
}

export function plainValues({ type, length }: SchemaNode, bytes: Buffer, from: number): Values {
  let at = from;
  switch (type) {
    case 'boolean': {
      let bit = 0;
      return {
        next() {
          const byte = bytes.readUInt8(at + (bit >> 3));
          return ((byte >> (bit++ & 7)) & 1) === 1;
        },
      };
    }
    case 'int32':
      return { next: () => bytes.readInt32LE((at += 4) - 4) };
    case 'int64':
      return { next: () => int64At(bytes, (at += 8) - 8) };
    case 'float':
      return { next: () => bytes.readFloatLE((at += 4) - 4) };
    case 'double':
      return { next: () => bytes.readDoubleLE((at += 8) - 8) };
    case 'int96':
      return { next: () => part(bytes, (at += 12) - 12, 12) };
    case 'fixed':
      return { next: () => part(bytes, (at += length) - length, length) };
    case 'bytes':
      return {
        next() {
          const size = bytes.readUInt32LE(at);
          at += 4 + size;
          return part(bytes, at - size, size);
        },
      };
  }
}

function part(bytes: Buffer, from: number, size: number): Buffer {
  if (from + size > bytes.length) throw new Damage('A page ends before its values do.');
  return bytes.subarray(from, from + size);
}

export function int64At(bytes: Buffer, at: number): number | bigint {
  const high = bytes.readInt32LE(at + 4);
  if (high >= -0x200000 && high < 0x200000) return high * 0x100000000 + bytes.readUInt32LE(at);
  return bytes.readBigInt64LE(at);
}

function lengthFirst(bytes: Buffer, from: number, most: number): Values {
  const { lengths, end } = allDeltas(bytes, from, most);
  let at = end;
  let i = 0;
  return {
    next() {
      const size = lengths[i++];
      if (size === undefined) throw new Damage('A page ends before its values do.');
      at += size;
      return part(bytes, at - size, size);
    },
  };
}

/** What texts that share their beginnings may come to in a page, written out. */
const maxWrittenOut = 256 << 20;

function prefixed(bytes: Buffer, from: number, most: number): Values {
  const prefixes = allDeltas(bytes, from, most);
  const suffixes = lengthFirst(bytes, prefixes.end, most);
  let before: Buffer = Buffer.alloc(0);
  let written = 0;
  let i = 0;
  return {
    next() {
      const shared = prefixes.lengths[i++] ?? 0;
      const suffix = suffixes.next() as Buffer;
      if (shared > before.length) throw new Damage('A text begins with more of the one before than there is.');
      written += shared + suffix.length;
      if (written > maxWrittenOut) throw new Damage('The texts of a page are too large written out.', 'row_too_large');
      before = shared === 0 ? suffix : Buffer.concat([before.subarray(0, shared), suffix]);
      return before;
    },
  };
}

/** The first bytes of all values, then the second bytes, and so on. */
function splitBytes(leaf: SchemaNode, bytes: Buffer, from: number): Values {
  const width = widthOf(leaf);
  const count = Math.floor((bytes.length - from) / width);
  let i = 0;
  return {
    next() {
      if (i >= count) throw new Damage('A page ends before its values do.');
      const value = Buffer.allocUnsafe(width);
      for (let b = 0; b < width; b++) value[b] = bytes[from + b * count + i]!;
      i++;
      return plainValues(leaf, value, 0).next();
    },
  };
}

function widthOf({ type, length }: SchemaNode): number {
  if (type === 'int32' || type === 'float') return 4;
  if (type === 'int64' || type === 'double') return 8;
  if (type === 'fixed') return length;
  throw new Damage('A page is written in an encoding that its column cannot have.');
}
