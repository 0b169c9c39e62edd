// Files that claim more than they hold. What is asserted is that reading ends, and with what: a claim that was believed would take memory or time without end.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readParquet, type ReadParquet } from './parquet-testing.ts';

type Field = [id: number, value: Thrift];
/** A number is an i64, or of 32 bits in the same form; a list is of structs or numbers. */
type Thrift = number | string | boolean | Buffer | Field[] | { list: (number | string | Field[])[]; claims?: number };

function varint(n: number): Buffer {
  const bytes: number[] = [];
  let rest = n;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

const zigzag = (n: number): Buffer => varint(n < 0 ? -2 * n - 1 : 2 * n);

function item(value: number | string | Field[]): Buffer {
  if (typeof value === 'number') return zigzag(value);
  if (typeof value === 'string') return Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)]);
  return struct(value);
}

/** Thrift's compact protocol. */
function struct(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const [id, value] of fields) {
    const [type, bytes] = encoded(value);
    parts.push(Buffer.from([type]), zigzag(id), bytes);
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function encoded(value: Thrift): [number, Buffer] {
  if (typeof value === 'boolean') return [value ? 1 : 2, Buffer.alloc(0)];
  if (typeof value === 'number') return [6, zigzag(value)];
  if (typeof value === 'string') return [8, item(value)];
  if (Buffer.isBuffer(value)) return [12, value];
  if (Array.isArray(value)) return [12, struct(value)];
  const { list, claims = list.length } = value;
  const type = typeof list[0] === 'number' ? 6 : typeof list[0] === 'string' ? 8 : 12;
  return [9, Buffer.concat([Buffer.from([0xf0 | type]), varint(claims), ...list.map(item)])];
}

interface Spec {
  pages?: Buffer[];
  /** Of the column: thrift of its element, e.g. its type. */
  type?: number;
  repetition?: number;
  codec?: number;
  values?: number;
  rows?: number;
  groups?: number;
  schema?: Field[][];
  more?: Field[];
}

const page = (header: Field[], body: Buffer): Buffer => Buffer.concat([struct(header), body]);
const dataPage = (count: number, encoding: number, body: Buffer, size = body.length): Buffer =>
  page(
    [
      [1, 0],
      [2, size],
      [3, body.length],
      [5, [[1, count], [2, encoding], [3, 3], [4, 3]]],
    ],
    body,
  ); // prettier-ignore
const dictionaryPage = (count: number, body: Buffer): Buffer =>
  page([[1, 2], [2, body.length], [3, body.length], [7, [[1, count], [2, 0]]]], body); // prettier-ignore

/** A run of equal numbers, with its length before it. */
const run = (count: number, value: number): Buffer => {
  const bytes = Buffer.concat([varint(count * 2), Buffer.from([value])]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
};

function file(spec: Spec): Buffer {
  const { pages = [], type = 1, repetition = 1, codec = 0, values = 1, rows = 1, groups = 1, more = [] } = spec;
  const body = Buffer.concat(pages);
  const root: Field[] = [[4, 'root'], [5, 1]]; // prettier-ignore
  const leaf: Field[] = [[1, type], [3, repetition], [4, 'v']]; // prettier-ignore
  const meta: Field[] = [
    [1, type],
    [3, { list: ['v'] }],
    [4, codec],
    [5, values],
    [6, body.length],
    [7, body.length],
    [9, 4],
  ];
  const group: Field[] = [[1, { list: [[[2, 4], [3, meta]]] }], [2, body.length], [3, rows]]; // prettier-ignore
  const footer = struct([
    [1, 1],
    [2, { list: spec.schema ?? [root, leaf] }],
    [3, rows],
    [4, { list: Array.from({ length: groups }, () => group) }],
    ...more,
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), body, footer, size, Buffer.from('PAR1')]);
}

const read = (spec: Spec): ReadParquet => readParquet(file(spec));
const message = (spec: Spec): string =>
  read(spec)
    .faults.map(([reason, , text]) => `${reason}: ${text}`)
    .join('\n');
const fortyTwo = Buffer.from([42, 0, 0, 0]);

describe('a Parquet file that lies', () => {
  it('is read where it does not', () => {
    expect(read({ pages: [dataPage(1, 0, Buffer.concat([run(1, 1), fortyTwo]))] })).toMatchObject({
      rows: [{ v: 42 }],
      faults: [],
    });
    expect(read({ pages: [dataPage(3, 0, run(3, 0))], values: 3, rows: 3 }).rows).toEqual([
      { v: null },
      { v: null },
      { v: null },
    ]);
  });

  it('is read where its lists are as older writers had them', () => {
    const group: Field[] = [[3, 1], [4, 'v'], [5, 1], [6, 3]]; // prettier-ignore
    const item: Field[] = [[1, 1], [3, 2], [4, 'array']]; // prettier-ignore
    const schema: Field[][] = [[[4, 'root'], [5, 1]], group, item]; // prettier-ignore
    const levels = (runs: [number, number][]): Buffer => {
      const bytes = Buffer.concat(
        runs.map(([count, value]) => Buffer.concat([varint(count * 2), Buffer.from([value])])),
      );
      const size = Buffer.alloc(4);
      size.writeUInt32LE(bytes.length);
      return Buffer.concat([size, bytes]);
    };
    // [42, 42], [], null
    const body = [levels([[1, 0], [1, 1], [2, 0]]), levels([[2, 2], [1, 1], [1, 0]]), fortyTwo, fortyTwo]; // prettier-ignore
    const found = read({ schema, pages: [dataPage(4, 0, Buffer.concat(body))], values: 4, rows: 3 });
    expect(found).toMatchObject({ rows: [{ v: [42, 42] }, { v: [] }, { v: null }], faults: [] });
  });

  it('about how many rows or values there are', () => {
    const one = dataPage(1, 0, Buffer.concat([run(1, 1), fortyTwo]));
    expect(message({ pages: [one], rows: 2 ** 40, values: 2 ** 40 })).toContain(
      'more rows than its bytes can stand for',
    );
    expect(message({ pages: [one], rows: -1 })).toContain('cannot be as the footer says');
    expect(message({ pages: [one, one], values: 2, rows: 1 })).toContain('more values than rows');
    expect(message({ pages: [one], rows: 1000 })).toContain('ends before its row group');
    expect(message({ pages: [one], values: 2 ** 31 - 1, rows: 1 })).toContain('ends before its row group');
    expect(message({ pages: [dataPage(2 ** 31 - 1, 0, run(2 ** 30, 0))], rows: 5, values: 2 ** 31 - 1 })).toContain(
      'more values than are read at once',
    );
    expect(message({ pages: [dataPage(50, 0, run(50, 0))], rows: 5, values: 3 })).toContain(
      'more values than its column',
    );
  });

  it('about how large a page is', () => {
    const small = Buffer.concat([run(1, 1), fortyTwo]);
    expect(message({ pages: [dataPage(1, 0, small, 2 ** 31 - 1)], codec: 1 })).toContain('256 MiB');
    expect(message({ pages: [dataPage(1, 0, small, 1 << 20)], codec: 1 })).toContain('does not decompress');
    expect(message({ pages: [dataPage(1, 0, small, 1 << 20)], codec: 5 })).toContain('does not decompress');
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    expect(message({ pages: [dataPage(1, 0, bomb, 100)], codec: 2 })).toContain('does not decompress');
    expect(message({ pages: [page([[1, 0], [2, 10], [3, 2 ** 30]], small)] })).toContain('beyond its column'); // prettier-ignore
    expect(message({ pages: [page([[1, 0], [2, -5], [3, 4]], small)] })).toContain('malformed'); // prettier-ignore
  });

  it('about runs, dictionaries and lengths', () => {
    const index = (count: number, value: number) =>
      Buffer.concat([Buffer.from([8]), varint(count * 2), Buffer.from([value])]);
    const dictionary = dictionaryPage(1, fortyTwo);
    const good = dataPage(2, 8, Buffer.concat([run(2, 1), index(2 ** 30, 0)]));
    expect(read({ pages: [dictionary, good], values: 2, rows: 2 }).rows).toEqual([{ v: 42 }, { v: 42 }]);
    const bad = dataPage(2, 8, Buffer.concat([run(2, 1), index(2, 7)]));
    expect(message({ pages: [dictionary, bad], values: 2, rows: 2 })).toContain('its dictionary lacks');
    expect(message({ pages: [dictionaryPage(2 ** 24, fortyTwo)] })).toMatch(/row_too_large|more entries than bytes/);
    expect(message({ pages: [dictionaryPage(5, fortyTwo), good], values: 2, rows: 2 })).toMatch(
      /more entries than bytes|not there/,
    );
    // Lengths of texts in no bytes at all: their least difference is 0, in blocks of 0 bits.
    const lengths = Buffer.concat([
      varint(128),
      varint(1),
      varint(2 ** 31 - 1),
      varint(0),
      varint(0),
      Buffer.from([0]),
    ]);
    expect(message({ pages: [dataPage(2, 6, lengths)], type: 6, repetition: 0, rows: 2, values: 2 })).toContain(
      'more values than it says',
    );
    const endless = Buffer.concat([varint(0), varint(0), varint(5), varint(0)]);
    expect(message({ pages: [dataPage(5, 5, endless)], repetition: 0, rows: 5, values: 5 })).toContain('malformed');
    expect(message({ pages: [dataPage(5, 4, fortyTwo)], repetition: 0, rows: 5, values: 5 })).toContain(
      'encoding that is not read',
    );
  });

  it('about its columns', () => {
    const group = (children: number): Field[] => [[3, 0], [4, 'g'], [5, children]]; // prettier-ignore
    const leaf: Field[] = [[1, 1], [3, 0], [4, 'v']]; // prettier-ignore
    const deep = [group(1), ...Array.from({ length: 5000 }, () => group(1)), leaf];
    expect(message({ schema: deep })).toContain('too_deep');
    expect(message({ schema: [group(2 ** 30), leaf] })).toContain('more than 10000 columns');
    expect(message({ schema: [group(3), leaf] })).toContain('not whole');
    expect(message({ schema: [group(1), [[1, 99], [3, 0], [4, 'v']]] })).toContain('unknown type'); // prettier-ignore
    expect(message({ schema: [group(1), [[1, 7], [2, 0], [3, 0], [4, 'v']]] })).toContain('without a length'); // prettier-ignore
    expect(message({ schema: [group(1), [[1, 1], [3, 0], [4, 'v'], [6, 5], [7, 2 ** 30]]] })).toContain('impossible scale'); // prettier-ignore
  });

  it('about its footer', () => {
    let nested = struct([]);
    for (let i = 0; i < 5000; i++) nested = struct([[1, nested]]);
    expect(message({ more: [[77, nested]] })).toContain('nested too deep');
    expect(message({ more: [[77, { list: [1], claims: 2 ** 40 }]] })).toContain('more than there is');
    expect(message({ schema: Array.from({ length: 2 }, () => []), more: [[4, { list: [[]], claims: 10 }]] })).toMatch(
      /truncated|lists no columns/,
    );
    const bytes = file({});
    bytes.writeUInt32LE(2 ** 31, bytes.length - 8);
    expect(readParquet(bytes).faults[0]?.[2]).toContain('larger than the file');
  });

  it('about row groups that share their bytes, so that few are read many times', () => {
    const one = dataPage(1, 0, Buffer.concat([run(1, 1), fortyTwo]));
    const { rows, faults } = read({ pages: [one], groups: 2000 });
    // The first is read; the others would need bytes that the file has not.
    expect(rows.length).toBeLessThan(2000);
    expect(rows.length + faults.length).toBe(2000);
  });
});
