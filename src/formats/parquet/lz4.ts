import { copyBack, malformed } from './snappy.ts';

/** Decompresses an LZ4 block that is known to give `size` bytes; never more are written. Throws Damage. */
export function unLz4(input: Buffer, size: number): Buffer {
  const output = Buffer.allocUnsafe(size);
  if (blockInto(input, output, 0) !== size) throw malformed();
  return output;
}

/** The older form: blocks behind their two sizes, or one bare block, as different writers had it. */
export function unLz4Framed(input: Buffer, size: number): Buffer {
  return framed(input, size) ?? unLz4(input, size);
}

function framed(input: Buffer, size: number): Buffer | undefined {
  const output = Buffer.allocUnsafe(size);
  let at = 0;
  let out = 0;
  while (at + 8 <= input.length) {
    const [wide, narrow] = [input.readUInt32BE(at), input.readUInt32BE(at + 4)];
    at += 8;
    if (narrow > input.length - at || wide > size - out) return undefined;
    try {
      if (blockInto(input.subarray(at, at + narrow), output, out) !== out + wide) return undefined;
    } catch {
      return undefined;
    }
    at += narrow;
    out += wide;
  }
  return at === input.length && out === size ? output : undefined;
}

function blockInto(input: Buffer, output: Buffer, from: number): number {
  let at = 0;
  let out = from;
  const length = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let sum = nibble;
    for (;;) {
      const byte = input[at++];
      if (byte === undefined) throw malformed();
      sum += byte;
      if (byte < 255) return sum;
    }
  };
  while (at < input.length) {
    const token = input[at++]!;
    const literals = length(token >> 4);
    if (literals > input.length - at || literals > output.length - out) throw malformed();
    input.copy(output, out, at, at + literals);
    at += literals;
    out += literals;
    if (at === input.length) return out;
    if (at + 2 > input.length) throw malformed();
    const distance = input.readUInt16LE(at);
    at += 2;
    out = copyBack(output, out, distance, length(token & 15) + 4);
  }
  return out;
}
