import { crc32, createInflateRaw } from 'node:zlib';
import type { Budget } from './budget.ts';
import { ByteSource, PartSource } from './byte-source.ts';
import { decodedChunk, decompress } from './engine.ts';
import { type DecodedPiece, isDamage, nextFile, type PayloadDamage, type PayloadLayer } from './layer.ts';
import {
  chooseEntries,
  deflated,
  fileNames,
  readDirectory,
  stored,
  tailBytes,
  type ZipEntry,
  zstandard,
} from './zip-directory.ts';
import { newZstd } from './zstd.ts';

type Open = () => AsyncIterable<Uint8Array>;

const damaged: PayloadDamage = { reason: 'parse_error', message: 'A file of the archive is damaged.' };
const disagreeing: PayloadDamage = {
  reason: 'parse_error',
  message: 'The directory of the archive does not agree with the file that it names.',
};

/**
 * The files of an archive that the layer names, one after the other. Reads the whole of `first` to find the directory, then opens the archive
 * again to read the files, so that the directory alone decides what the archive holds. A damaged file costs itself alone.
 */
export async function* unzip(
  first: ByteSource,
  open: Open,
  layer: PayloadLayer,
  budget: Budget,
): AsyncGenerator<DecodedPiece, void, undefined> {
  const directory = await directoryOf(first);
  const chosen = Array.isArray(directory) ? chooseEntries(directory, layer.member) : directory;
  if (!Array.isArray(chosen)) {
    yield chosen;
    return;
  }
  const source = new ByteSource(open());
  try {
    let compressed = 0;
    for (const [i, entry] of chosen.entries()) {
      if (i > 0) yield nextFile;
      const size = yield* readFile(source, entry, budget, compressed);
      if (size === undefined) return;
      compressed += size;
    }
  } finally {
    await source.close();
  }
}

/** Names and sizes of an archive's data files. Undefined when it has no directory that can be read. */
export async function zipFiles(source: ByteSource): Promise<{ name: string; size: number }[] | undefined> {
  const directory = await directoryOf(source);
  return Array.isArray(directory) ? fileNames(directory) : undefined;
}

async function directoryOf(source: ByteSource): Promise<ZipEntry[] | PayloadDamage> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const chunk of source.rest()) {
    parts.push(chunk);
    held += chunk.length;
    // Joined now and then, so that both time and memory stay small.
    if (held < 2 * tailBytes) continue;
    parts = [Buffer.concat(parts).subarray(-tailBytes)];
    held = tailBytes;
  }
  return readDirectory(Buffer.concat(parts).subarray(-tailBytes), source.position);
}

/** Gives one file, or why not; returns how many bytes it takes in the archive, undefined when no more is to be read. */
export async function* readFile(
  source: ByteSource,
  entry: ZipEntry,
  budget: Budget,
  before: number,
): AsyncGenerator<DecodedPiece, number | undefined, undefined> {
  // Files that share bytes are how small archives hold very much.
  if (entry.offset < source.position) {
    yield { reason: 'archive_unreadable', message: 'Files of the archive overlap.' };
    return undefined;
  }
  if (!(await source.skip(entry.offset - source.position)) || !(await passHeader(source, entry))) {
    yield disagreeing;
    return 0;
  }
  const part = new PartSource(source, entry.compressed);
  let size = 0;
  let crc = 0;
  for await (const piece of contentOf(part, entry)) {
    if (isDamage(piece)) {
      yield piece;
      await source.skip(part.left);
      return entry.compressed;
    }
    const admitted = budget.admit(piece, before + entry.compressed - part.left);
    size += admitted.length;
    crc = crc32(admitted, crc);
    yield admitted;
    if (budget.spent !== undefined) {
      yield budget.spent;
      return undefined;
    }
  }
  if (part.left > 0 || size !== entry.size) yield disagreeing;
  else if (crc !== entry.crc)
    yield {
      reason: 'parse_error',
      message: 'A file of the archive does not match its checksum, so its rows may be wrong.',
    };
  await source.skip(part.left);
  return entry.compressed;
}

/** Passes over a local header; false when it is not that of the entry. */
async function passHeader(source: ByteSource, { rawName, method }: ZipEntry): Promise<boolean> {
  const fixed = await source.take(30);
  if (fixed.length < 30 || fixed.readUInt32LE(0) !== 0x04034b50 || fixed.readUInt16LE(8) !== method) return false;
  const name = await source.take(fixed.readUInt16LE(26));
  return name.equals(rawName) && (await source.skip(fixed.readUInt16LE(28)));
}

async function* contentOf(part: PartSource, entry: ZipEntry): AsyncGenerator<Buffer | PayloadDamage, void, undefined> {
  if (entry.method === stored) {
    for (let piece = await part.take(decodedChunk); piece.length > 0; piece = await part.take(decodedChunk))
      yield piece;
    return;
  }
  const engine =
    entry.method === zstandard
      ? newZstd()
      : entry.method === deflated
        ? createInflateRaw({ chunkSize: decodedChunk })
        : undefined;
  if (engine === undefined) return;
  const failure = yield* decompress(part, engine);
  if (failure !== undefined) yield damaged;
}
