import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { Damage } from './damage.ts';
import { unLz4, unLz4Framed } from './lz4.ts';
import { malformed, unsnap } from './snappy.ts';

/** The content of a page, which must be `size` bytes: a page that gives more is not decompressed further. Throws Damage. */
export function decompress(codec: number, input: Buffer, size: number): Buffer {
  if (codec === 0) {
    if (input.length !== size) throw malformed();
    return input;
  }
  if (size === 0) return Buffer.alloc(0);
  switch (codec) {
    case 1:
      return unsnap(input, size);
    case 2:
      return whole(() => gunzipSync(input, { maxOutputLength: size }), size);
    case 4:
      return whole(() => brotliDecompressSync(input, { maxOutputLength: size }), size);
    case 5:
      return unLz4Framed(input, size);
    case 6:
      return whole(() => zstdDecompressSync(input, { maxOutputLength: size }), size);
    case 7:
      return unLz4(input, size);
    default:
      throw new Damage('It is compressed in a way that is not read (LZO).');
  }
}

function whole(open: () => Buffer, size: number): Buffer {
  let output: Buffer;
  try {
    output = open();
  } catch {
    throw malformed();
  }
  if (output.length !== size) throw malformed();
  return output;
}
