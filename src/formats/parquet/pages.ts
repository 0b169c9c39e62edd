import { crc32 } from 'node:zlib';
import { Damage } from './damage.ts';
import { decompress } from './decompress.ts';
import type { Chunk, Source } from './footer.ts';
import { ThriftReader } from './thrift.ts';

/** A page of a column: levels and values still as they are written. */
export interface Page {
  kind: 'dictionary' | 'data';
  /** Values with their nulls, or entries of the dictionary. */
  count: number;
  encoding: number;
  /** Decompressed. */
  bytes: Buffer;
  /** Where the values start, and the levels: undefined where each level list says its own length. */
  levels: { repetition: number; definition: number } | undefined;
}

interface Header {
  type: number;
  size: number;
  stored: number;
  crc: number | undefined;
  count: number;
  encoding: number;
  levelEncodings: number[];
  levels: Page['levels'];
  compressed: boolean;
}

/** Is told what a page will hold before it is read, and throws when that is too much. */
export type Claim = (page: { kind: Page['kind']; bytes: number; count: number }) => void;

const headWindow = 4096;
const maxHeader = 1 << 20;
/** Values of one page: lists of lengths are made of them. */
const maxCount = 1 << 24;

const dataPage = 0;
const dictionaryPage = 2;
const dataPage2 = 3;

/** Reads the pages of a chunk one after another. */
export class Pages {
  private at: number;
  private readonly source: Source;
  private readonly chunk: Chunk;
  private readonly claim: Claim;

  constructor(source: Source, chunk: Chunk, claim: Claim) {
    this.source = source;
    this.chunk = chunk;
    this.claim = claim;
    this.at = chunk.start;
  }

  /** The next page with values; undefined at the end of the chunk. Throws Damage. */
  next(): Page | undefined {
    for (;;) {
      if (this.at >= this.chunk.end) return undefined;
      const header = this.header();
      const from = this.at;
      if (header.stored > this.chunk.end - from) throw new Damage('A page would reach beyond its column.');
      this.at += header.stored;
      if (header.type !== dataPage && header.type !== dictionaryPage && header.type !== dataPage2) continue;
      return this.page(header, from);
    }
  }

  private page(header: Header, from: number): Page {
    const { type, size, stored, crc, count, encoding, levels } = header;
    if (count > maxCount) throw new Damage('A page has more values than are read at once.', 'row_too_large');
    const kind = type === dictionaryPage ? 'dictionary' : 'data';
    // Both are held while the one becomes the other.
    this.claim({ kind, bytes: Math.max(size, stored), count });
    const bytes = this.source.read(from, from + stored);
    if (crc !== undefined && crc32(bytes) !== crc >>> 0) throw new Damage('The checksum of a page does not hold.');
    if (header.levelEncodings.some((one) => one === 4))
      throw new Damage('A page is written in an encoding that is not read.');
    return { kind, count, encoding, levels, bytes: this.content(header, bytes) };
  }

  private content({ levels, compressed, size }: Header, bytes: Buffer): Buffer {
    const { codec } = this.chunk;
    if (levels === undefined) return decompress(codec, bytes, size);
    // Of the newer pages only the values are compressed.
    const head = levels.repetition + levels.definition;
    if (head > bytes.length || head > size) throw new Damage('The levels of a page would be larger than the page.');
    if (!compressed || codec === 0) return bytes;
    return Buffer.concat([bytes.subarray(0, head), decompress(codec, bytes.subarray(head), size - head)]);
  }

  /** A header says how long it is only by its end. */
  private header(): Header {
    const most = Math.min(maxHeader, this.chunk.end - this.at);
    for (let window = Math.min(headWindow, most); ; window = Math.min(window * 16, most)) {
      const thrift = new ThriftReader(this.source.read(this.at, this.at + window));
      try {
        const header = readHeader(thrift);
        this.at += thrift.at;
        return header;
      } catch (error) {
        if (!(error instanceof Damage) || window === most) throw error;
      }
    }
  }
}

function readHeader(t: ThriftReader): Header {
  const header: Header = {
    type: -1,
    size: 0,
    stored: 0,
    crc: undefined,
    count: 0,
    encoding: -1,
    levelEncodings: [],
    levels: undefined,
    compressed: true,
  };
  const encoding = (): number => (header.encoding = t.integer());
  const count = (): number => (header.count = t.integer());
  const level = (): void => void header.levelEncodings.push(t.integer());
  const levels = { repetition: 0, definition: 0 };
  t.struct({
    1: () => (header.type = t.integer()),
    2: () => (header.size = t.integer()),
    3: () => (header.stored = t.integer()),
    4: () => (header.crc = t.integer()),
    5: () => t.struct({ 1: count, 2: encoding, 3: level, 4: level }),
    7: () => t.struct({ 1: count, 2: encoding }),
    8: () => {
      header.levels = levels;
      t.struct({
        1: count,
        4: encoding,
        5: () => (levels.definition = t.integer()),
        6: () => (levels.repetition = t.integer()),
        7: (type) => (header.compressed = type === 1),
      });
    },
  });
  const numbers = [header.size, header.stored, header.count, levels.repetition, levels.definition];
  if (numbers.some((n) => !(n >= 0 && n < 2 ** 31))) throw new Damage('The description of a page is malformed.');
  return header;
}
