import { Damage, guarded } from './damage.ts';
import { type Element, type Meaning, type SchemaNode, schemaTree, type TimeUnit } from './schema.ts';
import { ThriftReader } from './thrift.ts';

/** Bytes that can be read at any place. `read` gives all of [start, end); where they are not there it throws a RangeError. */
export interface Source {
  size: number;
  read(start: number, end: number): Buffer;
}

/** The pages of one column in one row group. */
export interface Chunk {
  start: number;
  end: number;
  codec: number;
  values: number;
}

export interface RowGroup {
  /** Number of its first row in the file. */
  firstRow: number;
  rows: number;
  /** Where it stands in the file: [start, end) covers all of its columns. */
  start: number;
  end: number;
  chunks: Chunk[];
  /** Why it cannot be read at all. */
  damage: Damage | undefined;
}

export interface ParquetFile {
  roots: SchemaNode[];
  leaves: SchemaNode[];
  groups: RowGroup[];
}

const magic = 0x31524150;
const encrypted = 0x45524150;
const maxFooter = 64 << 20;
/** Some hundred bytes of memory each, while one byte of the footer may claim one. */
const maxParts = 1 << 20;

/** Reads what stands at the end of the file: columns and row groups. Throws Damage. */
export function readFooter(source: Source, depthCap: number): ParquetFile {
  const { size } = source;
  if (size < 12) throw new Damage('It is too short to be a Parquet file.', 'truncated');
  const start = source.read(0, 4).readUInt32LE();
  const tail = source.read(size - 8, size);
  const end = tail.readUInt32LE(4);
  if (end === encrypted) throw new Damage('It is encrypted, which is not read.');
  if (start !== magic) throw new Damage('It is not a Parquet file.');
  if (end !== magic) throw new Damage('It ends before the footer of a Parquet file does.', 'truncated');
  const length = tail.readUInt32LE(0);
  if (length > size - 12) throw new Damage('Its footer would be larger than the file.', 'truncated');
  if (length > maxFooter) throw new Damage(`Its footer is larger than ${maxFooter >> 20} MiB.`, 'row_too_large');
  const footerStart = size - 8 - length;
  const found = guarded(() => readMetadata(new ThriftReader(source.read(footerStart, size - 8))));
  const { roots, leaves } = schemaTree(found.elements, depthCap);
  return { roots, leaves, groups: checkedGroups(found.groups, leaves.length, footerStart) };
}

interface FoundGroup {
  rows: number;
  chunks: FoundChunk[];
}

interface FoundChunk extends Chunk {
  data: number;
  dictionary: number | undefined;
  size: number;
  elsewhere: boolean;
  encrypted: boolean;
}

function readMetadata(t: ThriftReader): { elements: Element[]; groups: FoundGroup[] } {
  const elements: Element[] = [];
  const groups: FoundGroup[] = [];
  let parts = 0;
  const counted = <T>(part: T): T => {
    if (++parts > maxParts) throw new Damage('Its footer lists too many columns and row groups.', 'row_too_large');
    return part;
  };
  t.struct({
    2: () => t.list(() => elements.push(counted(readElement(t)))),
    4: () => t.list(() => groups.push(counted(readGroup(t, counted)))),
  });
  return { elements, groups };
}

function readGroup(t: ThriftReader, counted: <T>(part: T) => T): FoundGroup {
  const group: FoundGroup = { rows: 0, chunks: [] };
  t.struct({
    1: () => t.list(() => group.chunks.push(counted(readChunk(t)))),
    3: () => (group.rows = t.integer()),
  });
  return group;
}

function readChunk(t: ThriftReader): FoundChunk {
  const chunk: FoundChunk = {
    start: 0,
    end: 0,
    codec: 0,
    values: 0,
    data: 0,
    dictionary: undefined,
    size: 0,
    elsewhere: false,
    encrypted: false,
  };
  t.struct({
    1: () => (chunk.elsewhere = t.binary().length > 0),
    3: () =>
      t.struct({
        4: () => (chunk.codec = t.integer()),
        5: () => (chunk.values = t.integer()),
        7: () => (chunk.size = t.integer()),
        9: () => (chunk.data = t.integer()),
        11: () => (chunk.dictionary = t.integer()),
      }),
    8: (type) => {
      chunk.encrypted = true;
      t.skip(type);
    },
  });
  return chunk;
}

/** Rows that few bytes may stand for, by runs of equal values; beyond that the counts are not believed. */
const freeRows = 4 << 20;
const rowsPerByte = 64;

/** A group whose place or counts cannot be true is damaged alone. */
function checkedGroups(found: readonly FoundGroup[], columns: number, footerStart: number): RowGroup[] {
  const mostRows = freeRows + footerStart * rowsPerByte;
  let firstRow = 0;
  let bytes = 0;
  return found.map((group) => {
    const chunks = group.chunks.map((chunk) => withExtent(chunk));
    const size = chunks.reduce((sum, chunk) => sum + chunk.end - chunk.start, 0);
    const inside = chunks.every((chunk) => isInside(chunk, footerStart));
    const rows = Number.isSafeInteger(group.rows) && group.rows >= 0 ? group.rows : undefined;
    const result: RowGroup = {
      firstRow,
      rows: rows ?? 0,
      ...extentOf(chunks, inside, footerStart),
      chunks,
      damage: undefined,
    };
    // Chunks that overlap would let few bytes be read any number of times.
    if (rows === undefined || !inside || chunks.length !== columns || bytes + size > footerStart)
      result.damage = new Damage('Its place in the file, or its columns, cannot be as the footer says.');
    else result.damage = notRead(group.chunks);
    if (firstRow + result.rows > mostRows) {
      result.damage ??= new Damage('It claims more rows than its bytes can stand for.', 'row_too_large');
      return result;
    }
    if (result.damage === undefined) bytes += size;
    firstRow += result.rows;
    return result;
  });
}

function notRead(chunks: readonly FoundChunk[]): Damage | undefined {
  if (chunks.some(({ elsewhere }) => elsewhere))
    return new Damage('It keeps columns in another file, which is not read.');
  return chunks.some((chunk) => chunk.encrypted) ? new Damage('It is encrypted, which is not read.') : undefined;
}

/** From the first byte of its columns to the last; where that cannot be, all that lies before the footer. */
function extentOf(chunks: readonly Chunk[], inside: boolean, footerStart: number): { start: number; end: number } {
  if (!inside || chunks.length === 0) return { start: 4, end: footerStart };
  const start = chunks.reduce((least, chunk) => Math.min(least, chunk.start), footerStart);
  return { start, end: chunks.reduce((most, chunk) => Math.max(most, chunk.end), 0) };
}

function withExtent({ data, dictionary, size, codec, values }: FoundChunk): Chunk {
  // Some writers say 0 where there is no dictionary.
  const start = dictionary !== undefined && dictionary > 0 && dictionary < data ? dictionary : data;
  return { start, end: start + size, codec, values };
}

function isInside({ start, end, values }: Chunk, footerStart: number): boolean {
  const numbers = [start, end, values].every((n) => Number.isSafeInteger(n) && n >= 0);
  return numbers && start >= 4 && end >= start && end <= footerStart;
}

function readElement(t: ThriftReader): Element {
  const element: Element = {
    name: '',
    repetition: 0,
    children: 0,
    type: undefined,
    length: 0,
    meaning: { is: 'plain' },
    shape: undefined,
  };
  let converted: number | undefined;
  let scale = 0;
  let logical: { shape?: 'list' | 'map'; meaning?: Meaning } | undefined;
  t.struct({
    1: () => (element.type = t.integer()),
    2: () => (element.length = t.integer()),
    3: () => (element.repetition = t.integer()),
    4: () => (element.name = t.text()),
    5: () => (element.children = t.integer()),
    6: () => (converted = t.integer()),
    7: () => (scale = t.integer()),
    10: () => (logical = readLogical(t)),
  });
  element.shape = logical?.shape ?? (converted === 3 ? 'list' : converted === 1 || converted === 2 ? 'map' : undefined);
  element.meaning = logical?.meaning ?? convertedMeaning(converted, scale) ?? { is: 'plain' };
  const digits = element.meaning.is === 'decimal' ? element.meaning.scale : 0;
  if (!(digits >= 0 && digits <= 1000)) throw new Damage('It has a column of decimals with an impossible scale.');
  return element;
}

/** The older way to say what values mean. */
function convertedMeaning(converted: number | undefined, scale: number): Meaning | undefined {
  switch (converted) {
    case 0:
    case 4:
    case 19:
      return { is: 'text' };
    case 5:
      return { is: 'decimal', scale };
    case 6:
      return { is: 'date' };
    case 7:
    case 8:
      return { is: 'time', unit: converted === 7 ? 'ms' : 'us' };
    case 9:
    case 10:
      return { is: 'timestamp', unit: converted === 9 ? 'ms' : 'us', utc: true };
    case 13:
    case 14:
      return { is: 'unsigned' };
    case 21:
      return { is: 'interval' };
    default:
      return undefined;
  }
}

function readLogical(t: ThriftReader): { shape?: 'list' | 'map'; meaning?: Meaning } {
  const found: { shape?: 'list' | 'map'; meaning?: Meaning } = {};
  const simple =
    (meaning: Meaning) =>
    (type: number): void => {
      found.meaning = meaning;
      t.skip(type);
    };
  const shape =
    (name: 'list' | 'map') =>
    (type: number): void => {
      found.shape = name;
      t.skip(type);
    };
  t.struct({
    1: simple({ is: 'text' }),
    2: shape('map'),
    3: shape('list'),
    4: simple({ is: 'text' }),
    5: () => {
      let scale = 0;
      t.struct({ 1: () => (scale = t.integer()) });
      found.meaning = { is: 'decimal', scale };
    },
    6: simple({ is: 'date' }),
    7: () => (found.meaning = { is: 'time', unit: readTime(t).unit }),
    8: () => (found.meaning = { is: 'timestamp', ...readTime(t) }),
    10: () => (found.meaning = { is: readSigned(t) ? 'plain' : 'unsigned' }),
    12: simple({ is: 'text' }),
    14: simple({ is: 'uuid' }),
    15: simple({ is: 'float16' }),
  });
  return found;
}

function readTime(t: ThriftReader): { unit: TimeUnit; utc: boolean } {
  const time: { unit: TimeUnit; utc: boolean } = { unit: 'ms', utc: false };
  const unit =
    (name: TimeUnit) =>
    (type: number): void => {
      time.unit = name;
      t.skip(type);
    };
  t.struct({
    1: (type) => (time.utc = type === 1),
    2: () => t.struct({ 1: unit('ms'), 2: unit('us'), 3: unit('ns') }),
  });
  return time;
}

function readSigned(t: ThriftReader): boolean {
  let signed = true;
  t.struct({ 1: () => t.byte(), 2: (type) => (signed = type === 1) });
  return signed;
}
