import { converter, formsOf, NumberText, type SchemaNode } from '#formats';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { ColumnSource } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { parquetOf, readParquet } from './parquet-testing.ts';
import { event, profileOf, run } from './testing.ts';
import { archive } from './testing-zip.ts';

const exact = (source: string) => new NumberText(Number(source), source);
const valuesOf = (bytes: Buffer, name = 'v'): unknown[] =>
  readParquet(bytes).rows.map((row) => (row as Record<string, unknown>)[name]);

type Schema = NonNullable<NonNullable<Parameters<typeof parquetOf>[1]>['schema']>;

/** One column, by an element of the format's own schema. */
function column(element: Partial<Schema[number]>, data: unknown[]): Buffer {
  const schema: Schema = [
    { name: 'root', num_children: 1 },
    { name: 'v', repetition_type: 'OPTIONAL', ...element },
  ];
  return parquetOf([{ name: 'v', data }], { schema });
}

describe('values of Parquet', () => {
  it('keeps 64-bit integers exact', () => {
    const data = [0n, -1n, 9007199254740991n, 9007199254740993n, -(2n ** 63n), 2n ** 63n - 1n];
    expect(valuesOf(parquetOf([{ name: 'v', data, type: 'INT64' }]))).toEqual([
      0,
      -1,
      9007199254740991,
      exact('9007199254740993'),
      exact('-9223372036854775808'),
      exact('9223372036854775807'),
    ]);
  });

  it('reads unsigned numbers as such', () => {
    expect(valuesOf(column({ type: 'INT32', converted_type: 'UINT_32' }, [4294967295, 5]))).toEqual([4294967295, 5]);
    expect(valuesOf(column({ type: 'INT64', converted_type: 'UINT_64' }, [2n ** 64n - 1n, 5n]))).toEqual([
      exact('18446744073709551615'),
      5,
    ]);
  });

  it('keeps decimals exact, and gives up on those that no record holds', () => {
    const node = { type: 'bytes', meaning: { is: 'decimal', scale: 2 } } as SchemaNode;
    const convert = converter(node, formsOf());
    const of = (hex: string): unknown => convert(Buffer.from(hex, 'hex'));
    expect(of('05')).toBe(0.05);
    expect(of('ff9c')).toBe(-1);
    expect(of('ff00')).toBe(-2.56);
    expect(of('')).toBe(0);
    expect(of('0123456789abcdef0123456789abcdef')).toEqual(exact('15123660752041709290495823544065592.15'));
    const huge = Buffer.alloc(1 << 20, 0x7f);
    expect(convert(huge)).toBe(huge.toString('base64'));
  });

  it('gives times as RFC 3339 text with the digits that there are', () => {
    const us = { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } } as const;
    expect(valuesOf(column(us, [1_709_210_096_789_123n, -1n, 0n, 1_000_000n]))).toEqual([
      '2024-02-29T12:34:56.789123Z',
      '1969-12-31T23:59:59.999999Z',
      '1970-01-01T00:00:00Z',
      '1970-01-01T00:00:01Z',
    ]);
    const ns = { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' } } as const;
    expect(valuesOf(column(ns, [1_709_210_096_789_123_456n, 1_709_210_096_000_000_000n]))).toEqual([
      '2024-02-29T12:34:56.789123456',
      '2024-02-29T12:34:56',
    ]);
    const ms = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' } as const;
    expect(valuesOf(column(ms, [1_709_210_096_120n]))).toEqual(['2024-02-29T12:34:56.120Z']);
  });

  it('gives dates, times of day and UUIDs as text', () => {
    expect(valuesOf(column({ type: 'INT32', converted_type: 'DATE' }, [0, 19_782, -1]))).toEqual([
      '1970-01-01',
      '2024-02-29',
      '1969-12-31',
    ]);
    const time = { type: 'INT32', converted_type: 'TIME_MILLIS' } as const;
    expect(valuesOf(column(time, [0, 45_296_789]))).toEqual(['00:00:00', '12:34:56.789']);
    const id = '61f0c404-5cb3-11e7-907b-a6006ad3dba0';
    expect(valuesOf(parquetOf([{ name: 'v', data: [id], type: 'UUID' }]))).toEqual([id]);
  });

  it('gives bytes without a meaning as the profile says', () => {
    const bytes = parquetOf([{ name: 'v', data: [Buffer.from('häm')], type: 'BYTE_ARRAY' }]);
    const read = (binary?: 'base64' | 'hex' | 'text') => readParquet(bytes, { parquet: binary && { binary } }).rows;
    expect(read()).toEqual([{ v: 'aMOkbQ==' }]);
    expect(read('hex')).toEqual([{ v: '68c3a46d' }]);
    expect(read('text')).toEqual([{ v: 'häm' }]);
  });

  it('reads every encoding and nulls', () => {
    const ints = Array.from({ length: 700 }, (_, i) => (i % 5 === 0 ? null : (i * 7919) % 1000));
    const texts = Array.from({ length: 700 }, (_, i) => (i % 7 === 0 ? null : `key-${i * i}`));
    const doubles = ints.map((n) => (n === null ? null : n / 3));
    const columns: [ColumnSource['type'], ColumnSource['encoding'], unknown[]][] = [
      ['INT32', 'PLAIN', ints],
      ['INT32', 'DELTA_BINARY_PACKED', ints],
      ['INT64', 'DELTA_BINARY_PACKED', ints.map((n) => (n === null ? null : BigInt(n)))],
      ['INT32', 'RLE_DICTIONARY', ints],
      ['INT32', 'BYTE_STREAM_SPLIT', ints],
      ['DOUBLE', 'BYTE_STREAM_SPLIT', doubles],
      ['STRING', 'PLAIN', texts],
      ['STRING', 'DELTA_LENGTH_BYTE_ARRAY', texts],
      ['STRING', 'DELTA_BYTE_ARRAY', texts],
      ['STRING', 'RLE_DICTIONARY', texts.map((t) => t?.slice(0, 5) ?? null)],
      ['BOOLEAN', 'RLE', ints.map((n) => (n === null ? null : n % 3 === 0))],
      ['BOOLEAN', 'PLAIN', ints.map((n) => (n === null ? null : n % 3 === 0))],
    ];
    for (const [type, encoding, data] of columns) {
      const source = { name: 'v', data, type, encoding } as ColumnSource;
      const plain = data.map((value) => (typeof value === 'bigint' ? Number(value) : value));
      expect(valuesOf(parquetOf([source], { pageSize: 512, rowGroupSize: 300 })), `${type} ${encoding}`).toEqual(plain);
    }
  });

  it('opens every way of compression', () => {
    const data = Array.from({ length: 500 }, (_, i) => `row ${i % 50}`);
    const plain = { name: 'v', data, type: 'STRING', encoding: 'PLAIN' } as const;
    const compressors = {
      GZIP: (bytes: Uint8Array) => gzipSync(bytes),
      BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes),
      ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes),
    };
    for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD'] as const)
      expect(valuesOf(parquetOf([plain], { codec, compressors })), codec).toEqual(data);
  });

  it('reads lists, structs and maps as paths and explode do', async () => {
    const schema: Schema = [
      { name: 'root', num_children: 3 },
      { name: 'id', type: 'INT32', repetition_type: 'REQUIRED' },
      { name: 'lines', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'sku', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'tags', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'INT32', repetition_type: 'OPTIONAL' },
      { name: 'attrs', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'MAP' },
      { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
      { name: 'key', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      { name: 'value', type: 'INT32', repetition_type: 'OPTIONAL' },
    ];
    const lines = [
      [
        { sku: 'a', tags: [1, null, 2] },
        { sku: null, tags: [] },
      ],
      [],
      null,
      [null, { sku: 'b', tags: null }],
    ];
    const attrs = [{ x: 1, __proto__: 2 }, {}, null, { y: null }];
    attrs[0] = JSON.parse('{"x":1,"__proto__":2}') as (typeof attrs)[0];
    const bytes = parquetOf(
      [
        { name: 'id', data: [1, 2, 3, 4] },
        { name: 'lines', data: lines },
        { name: 'attrs', data: attrs },
      ],
      { schema, rowGroupSize: 3, pageSize: 1 },
    );
    expect(JSON.stringify(readParquet(bytes).rows)).toBe(
      JSON.stringify([1, 2, 3, 4].map((id, i) => ({ id, lines: lines[i], attrs: attrs[i] }))),
    );

    const rule = event({
      explode: 'lines',
      on_missing: 'skip',
      key: ['id', '@index'],
      ts: { path: 'id', cast: 'epoch_s' },
      dimensions: { sku: '@item.sku', x: 'attrs.x', n: { cel: 'string(size(row.lines))' } },
    });
    const { records, counts } = await run(profileOf('parquet', [rule]), bytes);
    expect(records.map(({ dimensions }) => dimensions)).toEqual([
      { sku: 'a', x: '1', n: '2' },
      { x: '1', n: '2' },
      { n: '2' },
      { sku: 'b', n: '2' },
    ]);
    expect(counts).toMatchObject({ rows: 4, candidates: 6, records: 4, skipped: 2 });
  });
});

const ids = (n: number): ColumnSource => ({ name: 'id', data: Array.from({ length: n }, (_, i) => i), type: 'INT32' });
const rule = event({ ts: { path: 'id', cast: 'epoch_s' }, measures: { big: { path: 'big', cast: 'int64' } } });
const profile = profileOf('parquet', [rule]);

describe('Parquet payloads', () => {
  it('gives each record its row group and its row', async () => {
    const big: ColumnSource = { name: 'big', data: Array.from({ length: 500 }, (_, i) => 2n ** 60n + BigInt(i)) };
    const bytes = parquetOf([ids(500), big], { rowGroupSize: 200 });
    const { records, counts, rejections } = await run(profile, bytes, { chunks: [7, 1000] });
    expect(rejections).toEqual([]);
    expect(counts).toMatchObject({ rows: 500, records: 500, bytes: bytes.length });
    expect(records.map(({ row }) => row)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(records[499]!.exact).toEqual({ big: '1152921504606847475' });
    const ranges = new Set(records.map(({ byteStart, byteEnd }) => `${byteStart} ${byteEnd}`));
    expect(ranges.size).toBe(3);
    expect(records[0]!.byteStart).toBe(4);
    expect(records[200]!.byteStart).toBe(records[199]!.byteEnd);
  });

  it('reads compressed files, and those of an archive one after the other', async () => {
    const files = [3, 4].map((n) => parquetOf([ids(n), { name: 'big', data: Array.from({ length: n }, () => 1n) }]));
    const packed = await run(profile, gzipSync(files[0]!));
    expect(packed.records.map(({ row, byteStart }) => [row, byteStart])).toEqual([0, 1, 2].map((row) => [row, 4]));

    const bytes = archive({ 'a/1.parquet': files[0]!, 'a/2.parquet': files[1]!, 'a/3.parquet': 'none' });
    const many = { ...profileOf('parquet', [event({ ...rule, key: ['id', 'big'] })]), zip: { member: '*.parquet' } };
    const { records, rejections, counts } = await run(many, bytes, { chunks: [100] });
    // The keys of the first file come again in the second, which is the later; rows are counted on.
    expect(records.map(({ row }) => row)).toEqual([3, 4, 5, 6]);
    expect(records[0]!.byteStart).toBe(files[0]!.length + 4);
    expect(counts).toMatchObject({ rows: 8, candidates: 8, deduplicated: 3, quarantined: 1 });
    const start = files[0]!.length + files[1]!.length;
    expect(rejections).toMatchObject([{ reason: 'truncated', row: 7, start, end: start + 4 }]);

    const harmed = archive({ '1.parquet': files[0]!, '2.parquet': files[1]! }, '1.parquet');
    const rest = await run(many, harmed);
    expect(rest.records).toHaveLength(4);
    expect(rest.rejections).toHaveLength(1);
  });

  it('spends one quarantine row on a damaged row group and goes on', () => {
    const bytes = parquetOf([{ name: 'v', data: Array.from({ length: 300 }, (_, i) => `t${i}`), encoding: 'PLAIN' }], {
      rowGroupSize: 100,
    });
    const good = readParquet(bytes);
    const [, start, end] = good.places[100]!;
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, start, end);
    const { rows, faults } = readParquet(damaged);
    expect(rows).toEqual([...good.rows.slice(0, 100), ...good.rows.slice(200)]);
    expect(faults).toHaveLength(1);
    expect(faults[0]![1]).toBe(100);
    expect(faults[0]![2]).toContain('100 rows of it are lost');
  });

  it('spends one quarantine row on a payload without a sound footer', async () => {
    const bytes = parquetOf([ids(10)]);
    const cut = await run(profile, bytes.subarray(0, -20));
    expect(cut.rejections).toMatchObject([{ reason: 'truncated', rule: 'format', start: 0, end: bytes.length - 20 }]);
    const other = await run(profile, 'id,big\n1,2\n3,4\n5,6\n');
    expect(other.rejections).toMatchObject([
      { reason: 'parse_error', message: expect.stringContaining('not a Parquet file') },
    ]);
    expect((await run(profile, '')).rejections).toMatchObject([{ reason: 'empty_payload' }]);
  });

  it('quarantines the rows that are too large or hold bytes that are no text, and them alone', () => {
    const data = ['a', 'x'.repeat(500), 'c'].map((text) => Buffer.from(text));
    data.push(Buffer.from([0xff, 0xfe]), Buffer.from('e'));
    const bytes = column({ type: 'BYTE_ARRAY', converted_type: 'UTF8' }, data);
    const { rows, faults } = readParquet(bytes, { caps: { rowBytes: 100 } });
    expect(rows).toEqual([{ v: 'a' }, { v: 'c' }, { v: 'e' }]);
    expect(faults.map(([reason, row]) => [reason, row])).toEqual([
      ['row_too_large', 1],
      ['invalid_utf8', 3],
    ]);
  });

  it('gives no row for a file without rows', () => {
    expect(readParquet(parquetOf([{ name: 'v', data: [], type: 'INT32' }]))).toEqual({
      rows: [],
      places: [],
      faults: [],
    });
  });

  it('refuses options of other formats, and its own on others', async () => {
    await expect(run(profileOf('csv', [rule], { parquet: {} }), 'x')).rejects.toMatchObject({
      details: [{ pointer: '/parquet', message: expect.stringContaining('about format parquet') }],
    });
    await expect(run(profileOf('parquet', [rule], { select: '$[*]' }), 'x')).rejects.toMatchObject({
      details: [{ pointer: '/select' }],
    });
  });
});
