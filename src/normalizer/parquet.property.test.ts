import { NumberText } from '#formats';
import type { ColumnSource } from 'hyparquet-writer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parquetOf, readParquet } from './parquet-testing.ts';
import { event, profileOf, run } from './testing.ts';

/** By its digits: a number that is kept as one must print them all. */
const digits = (value: unknown): unknown =>
  value instanceof NumberText
    ? value.source
    : typeof value === 'bigint' || typeof value === 'number'
      ? String(value)
      : value;
const encodings = ['PLAIN', 'RLE_DICTIONARY', undefined] as const;
const rowsOf = fc.array(
  fc.record({
    i: fc.option(fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constant(7n))),
    x: fc.option(fc.double({ noNaN: true })),
    s: fc.option(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('same'))),
    b: fc.option(fc.boolean()),
  }),
  { minLength: 1, maxLength: 80 },
);
const layout = fc.record({
  rowGroupSize: fc.integer({ min: 1, max: 40 }),
  pageSize: fc.integer({ min: 1, max: 200 }),
  codec: fc.constantFrom('SNAPPY' as const, 'UNCOMPRESSED' as const),
  ints: fc.constantFrom(...encodings, 'DELTA_BINARY_PACKED' as const),
  texts: fc.constantFrom(...encodings, 'DELTA_LENGTH_BYTE_ARRAY' as const, 'DELTA_BYTE_ARRAY' as const),
  doubles: fc.constantFrom(...encodings, 'BYTE_STREAM_SPLIT' as const),
});

function written(
  rows: Record<string, unknown>[],
  { ints, texts, doubles, ...options }: Record<string, unknown>,
): Buffer {
  const column = (name: string, type: string, encoding?: unknown): ColumnSource =>
    ({ name, type, encoding, data: rows.map((row) => row[name]), nullable: true }) as ColumnSource;
  return parquetOf(
    [column('i', 'INT64', ints), column('x', 'DOUBLE', doubles), column('s', 'STRING', texts), column('b', 'BOOLEAN')],
    options,
  );
}

type Schema = NonNullable<NonNullable<Parameters<typeof parquetOf>[1]>['schema']>;
const list = (name: string): Schema => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
];
const int = (name: string): Schema[number] => ({ name, type: 'INT32', repetition_type: 'OPTIONAL' });
const nestedSchema: Schema = [
  { name: 'root', num_children: 3 },
  ...list('lists'),
  ...list('element'),
  int('element'),
  { name: 's', repetition_type: 'OPTIONAL', num_children: 2 },
  int('a'),
  ...list('items'),
  { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
  int('c'),
  { name: 'tags', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'INT32', repetition_type: 'REQUIRED' },
  { name: 'm', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'MAP' },
  { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
  { name: 'key', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  ...list('value'),
  int('element'),
];

describe('Parquet', () => {
  it('gives back what was written, exactly', () => {
    fc.assert(
      fc.property(rowsOf, layout, (rows, how) => {
        const { rows: found, faults } = readParquet(written(rows, how));
        expect(faults).toEqual([]);
        const plain = (row: unknown) => ({ ...(row as object), i: digits((row as { i: unknown }).i) });
        expect(found.map(plain)).toEqual(rows.map(plain));
      }),
      { numRuns: 300 },
    );
  });

  it('puts lists, structs and maps together as they were, wherever pages end', () => {
    const number = fc.option(fc.integer({ min: -9, max: 9 }));
    const nested = fc.record({
      lists: fc.option(fc.array(fc.option(fc.array(number, { maxLength: 4 })), { maxLength: 4 })),
      s: fc.option(
        fc.record({
          a: number,
          items: fc.option(
            fc.array(
              fc.option(fc.record({ c: number, tags: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }) })),
              { maxLength: 3 },
            ),
          ),
        }),
      ),
      m: fc.option(
        fc.dictionary(fc.constantFrom('k', 'l', '__proto__', ''), fc.option(fc.array(number, { maxLength: 3 })), {
          noNullPrototype: true,
        }),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(nested, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 60 }),
        (rows, rowGroupSize, pageSize) => {
          const columns = (['lists', 's', 'm'] as const).map((name) => ({ name, data: rows.map((row) => row[name]) }));
          const { rows: found, faults } = readParquet(
            parquetOf(columns, { schema: nestedSchema, rowGroupSize, pageSize }),
          );
          expect(faults).toEqual([]);
          expect(JSON.stringify(found)).toBe(JSON.stringify(rows));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never crashes on damage, and accounts for every row group', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rowsOf, layout, damage, fc.option(fc.nat()), (rows, how, flips, cut) => {
        const bytes = written(rows, how);
        for (const [at, byte] of flips) bytes[at % bytes.length] = byte;
        const {
          rows: found,
          places,
          faults,
        } = readParquet(cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        const whole = faults.some(([, , message]) => message.includes('as Parquet'));
        if (whole) expect([found.length, faults.length]).toEqual([0, 1]);
        // A row group that gives less than all of its rows says so.
        if (faults.length === 0 && cut === null) expect(new Set(places.map(([row]) => row)).size).toBe(found.length);
        for (const [, start, end] of places) expect(start >= 4 && end <= bytes.length && start < end).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  it('accounts for every row of every row group whose pages are damaged', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rowsOf, layout, flips, (rows, how, changes) => {
        const bytes = written(rows, how);
        const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
        for (const [at, byte] of changes) bytes[4 + (at % (footer - 4))] = byte;
        const { rows: found, faults } = readParquet(bytes);
        const lost = faults.map(([reason, , message]) => {
          if (message.includes('more values than rows')) return 0;
          return reason === 'invalid_utf8' ? 1 : Number(/(\d+) rows of it are lost/.exec(message)?.[1] ?? 1);
        });
        expect(found.length + lost.reduce((sum, n) => sum + n, 0)).toBe(rows.length);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same for any division of the payload into chunks', async () => {
    const profile = profileOf('parquet', [
      event({ key: [{ path: 'i', default: 'none' }], ts: { path: 'x', cast: 'epoch_s' }, dimensions: { s: 's' } }),
    ]);
    await fc.assert(
      fc.asyncProperty(rowsOf, layout, fc.array(fc.nat({ max: 900 }), { minLength: 1 }), async (rows, how, chunks) => {
        const bytes = written(rows, how);
        const whole = await run(profile, bytes);
        const cut = await run(profile, bytes, { chunks });
        expect(cut).toEqual(whole);
        const { candidates, records, quarantined, deduplicated, skipped } = whole.counts;
        expect(candidates).toBe(rows.length);
        expect(records + quarantined + deduplicated + skipped).toBe(candidates);
      }),
      { numRuns: 60 },
    );
  });
});
