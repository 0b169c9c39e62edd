import { Damage } from './damage.ts';

/** Decompresses a Snappy block that is known to give `size` bytes; never more are written. Throws Damage. */
export function unsnap(input: Buffer, size: number): Buffer {
  const output = Buffer.allocUnsafe(size);
  let at = 0;
  while (input[at++]! >= 128);
  let out = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > input.length) throw malformed();
        length = input.readUIntLE(at, bytes);
        at += bytes;
      }
      length++;
      if (at + length > input.length || out + length > size) throw malformed();
      input.copy(output, out, at, at + length);
      at += length;
      out += length;
      continue;
    }
    const bytes = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    if (at + bytes > input.length) throw malformed();
    const low = input.readUIntLE(at, bytes);
    at += bytes;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    out = copyBack(output, out, kind === 1 ? ((tag >> 5) << 8) | low : low, length);
  }
  if (out !== size) throw malformed();
  return output;
}

/** Repeats `length` bytes that stand `distance` back; they may overlap what is written. Returns the new end. */
export function copyBack(output: Buffer, out: number, distance: number, length: number): number {
  if (distance === 0 || distance > out || out + length > output.length) throw malformed();
  const from = out - distance;
  if (distance >= length) output.copy(output, out, from, from + length);
  else for (let i = 0; i < length; i++) output[out + i] = output[from + i]!;
  return out + length;
}

export function malformed(): Damage {
  return new Damage('A page does not decompress.');
}
