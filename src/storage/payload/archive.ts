import { Budget } from './budget.ts';
import { ByteSource } from './byte-source.ts';
import type { DecodedPiece, PayloadDamage, PayloadLayer } from './layer.ts';
import { readDirectory, tailBytes, type ZipEntry } from './zip-directory.ts';
import { readFile } from './zip.ts';

/** Bytes that can be read at any place. */
interface RandomAccess {
  size: number;
  read(start: number, end: number): Buffer;
}

/** A zip archive that can be read at any place: documents that are archives inside. */
export interface Archive {
  /** A file by its full name. */
  find(name: string): ZipEntry | undefined;
  /** What a file holds, streamed, or why not; all files together are held to the layer's bounds. Memory does not grow with the file. */
  read(entry: ZipEntry): AsyncGenerator<DecodedPiece, void, undefined>;
  /** Where a file stands in the archive, with its header: [start, end); the whole archive when it cannot stand where the directory says. */
  range(entry: ZipEntry): { start: number; end: number };
}

const pieceBytes = 65_536;
const headerSize = 30;

/** Opens an archive, or says why it cannot be. */
export function openArchive(source: RandomAccess, layer: PayloadLayer): Archive | PayloadDamage {
  const directory = readDirectory(source.read(Math.max(0, source.size - tailBytes), source.size), source.size);
  if (!Array.isArray(directory)) return directory;
  const entries = new Map(directory.map((entry) => [entry.name.replaceAll('\\', '/').toLowerCase(), entry]));
  const budget = new Budget(layer);
  let compressed = 0;
  return {
    find: (name) => entries.get(name.toLowerCase()),
    async *read(entry) {
      if (entry.encrypted || entry.offset >= source.size) {
        yield { reason: 'archive_unreadable', message: 'A file of it is encrypted, or lies outside of it.' };
        return;
      }
      const bytes = new ByteSource(piecesOf(source, entry.offset));
      try {
        yield* readFile(bytes, { ...entry, offset: 0 }, budget, compressed);
        compressed += entry.compressed;
      } finally {
        await bytes.close();
      }
    },
    range({ offset, compressed: length }) {
      if (offset >= source.size) return { start: 0, end: source.size };
      const head = source.read(offset, Math.min(offset + headerSize, source.size));
      const names = head.length < headerSize ? 0 : head.readUInt16LE(26) + head.readUInt16LE(28);
      return { start: offset, end: Math.min(source.size, offset + headerSize + names + length) };
    },
  };
}

async function* piecesOf(source: RandomAccess, from: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = from; at < source.size; at += pieceBytes) yield source.read(at, Math.min(source.size, at + pieceBytes));
}
