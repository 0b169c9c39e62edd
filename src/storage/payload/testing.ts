/** Writes archives and decodes payloads; for tests. */
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib';
import { decodePayload } from './decode.ts';
import { type DecodedPiece, isDamage, layerOf, nextFile, type PayloadLayer } from './layer.ts';

export interface ZipFile {
  name: string | Buffer;
  content: Buffer | string;
  method?: 0 | 8 | 93;
  /** General purpose bits; 8: sizes stand behind the content. */
  flags?: number;
  /** In place of what is true. */
  crc?: number;
  size?: number;
  zip64?: boolean;
}

/** A zip archive of these files. */
export function zipOf(files: readonly ZipFile[], { comment = '', before = '' } = {}): Buffer {
  const parts: Buffer[] = [Buffer.from(before)];
  const directory: Buffer[] = [];
  let offset = 0;
  const add = (bytes: Buffer): void => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const file of files) {
    const start = offset;
    const { name, head, body, compressed, size } = packed(file);
    const descriptor = ((file.flags ?? 0) & 8) !== 0;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    head.copy(local, 4, 0, 22);
    if (descriptor) local.fill(0, 14, 26);
    local.writeUInt16LE(name.length, 26);
    add(Buffer.concat([local, name, body]));
    if (descriptor) add(Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), head.subarray(10, 22)]));
    const extra = file.zip64 === true ? zip64Extra(size, compressed, start) : Buffer.alloc(0);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    head.copy(entry, 6, 0, 22);
    if (file.zip64 === true) entry.fill(0xff, 20, 28);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(file.zip64 === true ? 0xffffffff : start, 42);
    directory.push(Buffer.concat([entry, name, extra]));
  }
  const central = Buffer.concat(directory);
  const directoryStart = offset;
  add(central);
  if (files.some((file) => file.zip64 === true)) add(zip64End(files.length, central.length, directoryStart, offset));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(directoryStart, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, end, Buffer.from(comment)]);
}

/** The fields that both headers have, from the version needed on, and the content as it is stored. */
function packed(file: ZipFile): { name: Buffer; head: Buffer; body: Buffer; compressed: number; size: number } {
  const content = Buffer.from(file.content as string);
  const method = file.method ?? 8;
  const body = method === 0 ? content : method === 93 ? zstdCompressSync(content) : deflateRawSync(content);
  const size = file.size ?? content.length;
  const head = Buffer.alloc(22);
  head.writeUInt16LE(20, 0);
  head.writeUInt16LE(file.flags ?? 0, 2);
  head.writeUInt16LE(method, 4);
  head.writeUInt32LE(file.crc ?? crc32(content), 10);
  head.writeUInt32LE(body.length, 14);
  head.writeUInt32LE(size, 18);
  return { name: Buffer.from(file.name as string), head, body, compressed: body.length, size };
}

function zip64Extra(size: number, compressed: number, start: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  [size, compressed, start].forEach((n, i) => extra.writeBigUInt64LE(BigInt(n), 4 + 8 * i));
  return extra;
}

function zip64End(entries: number, length: number, start: number, at: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  [entries, entries, length, start].forEach((n, i) => end.writeBigUInt64LE(BigInt(n), 24 + 8 * i));
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(at), 64);
  return end;
}

export async function* inChunks(bytes: Uint8Array, sizes: readonly number[] = [1 << 20]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]!);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** What a payload decodes to: the content of each file, and what was lost of it. */
export async function decoded(
  bytes: Uint8Array,
  layer: Partial<PayloadLayer> = {},
  sizes?: readonly number[],
): Promise<{ files: string[]; damage: string[] }> {
  const files: Buffer[][] = [[]];
  const damage: string[] = [];
  const take = (piece: DecodedPiece): void => {
    if (piece === nextFile) files.push([]);
    else if (isDamage(piece)) damage.push(`${files.length - 1} ${piece.reason}`);
    else files.at(-1)!.push(piece);
  };
  for await (const piece of decodePayload(() => inChunks(bytes, sizes), { ...layerOf({}), ...layer })) take(piece);
  return { files: files.map((parts) => Buffer.concat(parts).toString('latin1')), damage };
}
