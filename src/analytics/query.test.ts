import fc from 'fast-check';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Query, validator } from '#contracts';
import { ChartlyError } from '#kit';
import type { CanonicalRecord } from '#storage';
import { compileQuery } from './compile-query.ts';
import { runQuery } from './run-query.ts';
import { record, startTestEngine, type TestEngine } from './test-kit.ts';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startTestEngine();
});
afterAll(() => engine?.close());

const clock = { now: () => Date.UTC(2026, 0, 2) };

async function ask(query: Query, tenant = 'default') {
  const result = await runQuery({ canonical: engine.canonical, clock }, tenant, query);
  const valid = validator('reports/query-result');
  expect(valid(result) ? [] : valid.violations()).toEqual([]);
  return result;
}

async function rowsOf(query: Query) {
  return (await ask(query)).rows;
}

const iso = (ms: number) => new Date(ms).toISOString();

describe('buckets', () => {
  const zones = ['America/New_York', 'Asia/Kathmandu', 'America/Sao_Paulo', 'Europe/Berlin'];
  const units = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
  const changes = [
    Date.UTC(2024, 2, 10, 7), // New York forward
    Date.UTC(2024, 10, 3, 6), // New York back
    Date.UTC(2018, 10, 4, 3), // Sao Paulo forward, at midnight: the day starts at 01:00
    Date.UTC(2018, 1, 18, 2), // Sao Paulo back, at midnight
    Date.UTC(2025, 2, 30, 1), // Berlin forward
    Date.UTC(1969, 11, 31, 23), // around the epoch
    Date.UTC(1926, 5, 1), // before it
    Date.UTC(2150, 0, 1), // after the last day of the engine's 16-bit dates
  ];
  const time = fc.oneof(
    fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: -8 * 86_400_000, max: 8 * 86_400_000 }))
      .map(([a, b]) => a + b),
    fc.integer({ min: Date.UTC(1950, 0, 1), max: Date.UTC(2200, 0, 1) }),
  );
  let times: number[];

  beforeAll(async () => {
    times = [...new Set(fc.sample(time, { numRuns: 600, seed: 7 }))];
    await engine.write(
      'times',
      times.map((tsMs) => record({ name: 'tick', tsMs, value: 1 })),
    );
  });

  test.each(zones.flatMap((zone) => units.map((unit) => [zone, unit] as const)))('%s %s', async (zone, unit) => {
    const expected = new Map<string, number>();
    for (const ms of times) {
      const start = DateTime.fromMillis(ms, { zone }).startOf(unit).toMillis();
      // luxon's hour in a repeated hour may be the other one; ours is by the offset in force.
      const offset = DateTime.fromMillis(ms, { zone }).offset * 60_000;
      const size = { minute: 60_000, hour: 3_600_000 }[unit as 'minute' | 'hour'];
      const bucket = size === undefined ? start : Math.floor((ms + offset) / size) * size - offset;
      expected.set(iso(bucket), (expected.get(iso(bucket)) ?? 0) + 1);
    }
    const rows = await rowsOf({
      kind: 'metric',
      name: 'tick',
      timezone: zone,
      bucket: unit,
      aggregates: [{ fn: 'count', as: 'n' }],
    });
    expect(rows).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)));
  });

  test('a range of dates is that of the zone', async () => {
    const zone = 'America/Sao_Paulo';
    const [from, to] = ['2018-11-04', '2018-11-06'].map((d) => DateTime.fromISO(d, { zone }).startOf('day').toMillis());
    const rows = await rowsOf({
      kind: 'metric',
      name: 'tick',
      timezone: zone,
      from: '2018-11-04',
      to: '2018-11-06',
      select: ['ts'],
    });
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.map(([ts]) => ts)).toEqual(
      times
        .filter((t) => t >= from! && t < to!)
        .sort((a, b) => a - b)
        .map(iso),
    );
  });
});

describe('aggregates', () => {
  let records: CanonicalRecord[];
  const groups = ['red', 'green', 'blue', 'others', 'it\'s \\ "q"\n\t{p0:String}', '', 'Ünïcödé 🙂'];

  beforeAll(async () => {
    const sample = fc.sample(
      fc.record({
        group: fc.option(fc.constantFrom(...groups), { nil: undefined, freq: 8 }),
        value: fc.option(fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: -9, max: 9 })), {
          nil: undefined,
          freq: 8,
        }),
        size: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
        at: fc.integer({ min: 0, max: 40 * 86_400_000 }),
      }),
      { numRuns: 800, seed: 11 },
    );
    records = sample.map(({ group, value, size, at }) =>
      record({
        name: 'thing',
        tsMs: Date.UTC(2024, 0, 1) + at,
        value: value === 0 ? 0 : value,
        dimensions: group === undefined ? {} : { colour: group },
        measures: size === undefined ? {} : { size },
      }),
    );
    await engine.write('things', records.slice(0, 300));
    await engine.write('things', records.slice(300));
    await engine.write('secret', [record({ name: 'thing', value: 1e9, dimensions: { colour: 'red' } })], 'another');
  });

  const colourOf = (r: CanonicalRecord) => r.dimensions.colour ?? null;
  const by = (rows: CanonicalRecord[], key: (r: CanonicalRecord) => string | null) => Map.groupBy(rows, key);
  const text = (a: string | null, b: string | null) =>
    a === b ? 0 : a === null ? 1 : b === null ? -1 : Buffer.compare(Buffer.from(a), Buffer.from(b));

  test('count, sum, avg, min, max, percentiles and distinct counts equal plain arithmetic', async () => {
    const result = await ask({
      kind: 'metric',
      name: 'thing',
      group_by: ['dimensions.colour'],
      aggregates: [
        { fn: 'count', as: 'n' },
        { fn: 'count', field: 'value', as: 'values' },
        { fn: 'sum', field: 'value', as: 'sum' },
        { fn: 'avg', field: 'value', as: 'avg' },
        { fn: 'min', field: 'value', as: 'min' },
        { fn: 'max', field: 'value', as: 'max' },
        { fn: 'p50', field: 'value', as: 'p50' },
        { fn: 'p90', field: 'value', as: 'p90' },
        { fn: 'p95', field: 'value', as: 'p95' },
        { fn: 'p99', field: 'value', as: 'p99' },
        { fn: 'count_distinct', field: 'measures.size', as: 'sizes' },
        { fn: 'max', field: 'ts', as: 'last' },
        { fn: 'min', field: 'record_id', as: 'first_id' },
      ],
    });
    expect(result.columns.map((c) => c.type).join()).toBe(
      'text,integer,integer,number,number,number,number,number,number,number,number,integer,time,text',
    );
    const expected = [...by(records, colourOf)].sort(([a], [b]) => text(a, b));
    expect(result.rows.map((r) => r[0])).toEqual(expected.map(([colour]) => colour));
    for (const [i, [, members]] of expected.entries()) {
      const values = members.flatMap((r) => (r.value === undefined ? [] : [r.value])).sort((a, b) => a - b);
      const sum = exactSum(values);
      const row = result.rows[i]!;
      const close = (index: number, want: number) =>
        expect(Math.abs((row[index] as number) - want)).toBeLessThanOrEqual(Math.abs(want) * 1e-15);
      expect(row.slice(1, 3)).toEqual([members.length, values.length]);
      close(3, sum);
      close(4, sum / values.length);
      expect(row.slice(5, 7)).toEqual([values[0], values.at(-1)]);
      for (const [j, level] of [0.5, 0.9, 0.95, 0.99].entries()) {
        expect(row[7 + j]).toBeCloseTo(percentile(values, level), 6);
      }
      expect(row.slice(11)).toEqual([
        new Set(members.flatMap((r) => r.measures.size ?? [])).size,
        iso(Math.max(...members.map((r) => r.tsMs!))),
        members.map((r) => r.recordId).sort()[0],
      ]);
    }
  });

  test('no records: a count of zero, no other number', async () => {
    const aggregates = (['count', 'sum', 'avg', 'min', 'max', 'p50', 'count_distinct'] as const).map((fn) => ({
      fn,
      field: 'value',
      as: fn,
    }));
    expect(await rowsOf({ kind: 'metric', name: 'nothing', aggregates })).toEqual([
      [0, null, null, null, null, null, 0],
    ]);
    expect(await rowsOf({ kind: 'metric', name: 'nothing', bucket: 'day', aggregates })).toEqual([]);
  });

  test('top n with ties, records without the field as a group, others folded from their records', async () => {
    const ranked = [...by(records, colourOf)]
      .map(([colour, members]) => ({
        colour,
        members,
        sizes: new Set(members.flatMap((r) => r.measures.size ?? [])).size,
      }))
      // Every group has seen all sizes: the rank is settled by ties alone, and the group without a colour counts as empty text after it.
      .sort(
        (a, b) =>
          b.sizes - a.sizes || Number(a.colour === null) - Number(b.colour === null) || text(a.colour, b.colour),
      );
    const query = (n: number, others: boolean): Query => ({
      kind: 'metric',
      name: 'thing',
      group_by: [{ field: 'dimensions.colour', as: 'c' }],
      aggregates: [
        { fn: 'count_distinct', field: 'measures.size', as: 'sizes' },
        { fn: 'count', as: 'n' },
      ],
      top: { n, group: 'c', by: 'sizes', others },
    });
    for (let n = 1; n <= 9; n++) {
      const best = ranked.slice(0, n).map((r) => [r.colour, r.sizes, r.members.length]);
      expect(await rowsOf(query(n, false))).toEqual(best);
      const rest = ranked.slice(n).flatMap((r) => r.members);
      const folded =
        rest.length > 0 ? [['others', new Set(rest.flatMap((r) => r.measures.size ?? [])).size, rest.length]] : [];
      expect(await rowsOf(query(n, true))).toEqual([...best, ...folded]);
    }
  });

  test('top n ranks over the whole range, not in each bucket', async () => {
    const rows = await rowsOf({
      kind: 'metric',
      name: 'thing',
      bucket: 'week',
      group_by: [{ field: 'dimensions.colour', as: 'c' }],
      aggregates: [{ fn: 'count', as: 'n' }],
      top: { n: 2, group: 'c', by: 'n', others: true },
    });
    const best = [...by(records, colourOf)]
      .sort(([, a], [, b]) => b.length - a.length)
      .slice(0, 2)
      .map(([c]) => c);
    expect(new Set(rows.map((r) => r[1]))).toEqual(new Set([...best, 'others']));
    expect(rows.reduce((sum, r) => sum + (r[2] as number), 0)).toBe(records.length);
    expect(rows.filter((r) => r[0] === rows[0]![0]).at(-1)![1]).toBe('others');
  });

  test.each<[string, Query['filter'], (r: CanonicalRecord) => boolean]>([
    ['eq', [{ field: 'dimensions.colour', op: 'eq', value: groups[4]! }], (r) => r.dimensions.colour === groups[4]],
    [
      'ne is the opposite of eq',
      [{ field: 'dimensions.colour', op: 'ne', value: 'red' }],
      (r) => r.dimensions.colour !== 'red',
    ],
    ['exists, though empty', [{ field: 'dimensions.colour', op: 'exists' }], (r) => r.dimensions.colour !== undefined],
    ['not_exists', [{ field: 'value', op: 'not_exists' }], (r) => r.value === undefined],
    [
      'in',
      [{ field: 'dimensions.colour', op: 'in', value: [groups[4]!, groups[6]!, ''] }],
      (r) => [groups[4], groups[6], ''].includes(r.dimensions.colour),
    ],
    [
      'not_in',
      [{ field: 'measures.size', op: 'not_in', value: [1, 2] }],
      (r) => r.measures.size !== 1 && r.measures.size !== 2,
    ],
    ['in nothing', [{ field: 'measures.size', op: 'in', value: [] }], () => false],
    [
      'numbers compare as numbers',
      [
        { field: 'value', op: 'ge', value: -7 },
        { field: 'value', op: 'lt', value: 10.5 },
      ],
      (r) => r.value !== undefined && r.value >= -7 && r.value < 10.5,
    ],
    [
      'text compares as text',
      [{ field: 'dimensions.colour', op: 'gt', value: 'green' }],
      (r) => (r.dimensions.colour ?? '') > 'green',
    ],
    [
      'contains',
      [{ field: 'dimensions.colour', op: 'contains', value: '\\ "' }],
      (r) => r.dimensions.colour?.includes('\\ "') === true,
    ],
    [
      'times',
      [{ field: 'ts', op: 'ge', value: '2024-01-10T00:00:00+02:00' }],
      (r) => r.tsMs! >= Date.UTC(2024, 0, 9, 22),
    ],
  ])('filter: %s', async (_, filter, keep) => {
    const rows = await rowsOf({
      kind: 'metric',
      name: 'thing',
      filter,
      select: ['record_id'],
      order_by: [{ column: 'record_id' }],
    });
    expect(rows.map((r) => r[0])).toEqual(
      records
        .filter(keep)
        .map((r) => r.recordId)
        .sort(),
    );
  });

  test('a limit cuts, and says so', async () => {
    const all = await ask({
      kind: 'metric',
      name: 'thing',
      select: ['ts', 'value', 'dimensions.colour', 'source_id', 'name', 'unit'],
      limit: records.length,
    });
    const some = await ask({
      kind: 'metric',
      name: 'thing',
      select: ['ts', 'value', 'dimensions.colour', 'source_id', 'name', 'unit'],
      limit: 10,
    });
    expect([all.truncated, all.rows.length, some.truncated]).toEqual([false, records.length, true]);
    expect(some.rows).toEqual(all.rows.slice(0, 10));
    const sorted = records.toSorted((a, b) => a.tsMs! - b.tsMs! || (a.recordId < b.recordId ? -1 : 1));
    expect(all.rows).toEqual(sorted.map((r) => [iso(r.tsMs!), r.value ?? null, colourOf(r), 'things', 'thing', null]));
  });

  test('another tenant sees only its own', async () => {
    expect(
      (await ask({ kind: 'metric', name: 'thing', aggregates: [{ fn: 'count', as: 'n' }] }, 'another')).rows,
    ).toEqual([[1]]);
  });
});

test('results do not depend on the order of insertion, nor on magnitude', async () => {
  const values = [
    1e300,
    1,
    -1e300,
    1e-20,
    3e25,
    0.1,
    0.2,
    0.3,
    -3e25,
    ...Array.from({ length: 500 }, (_, i) => Math.sin(i) * 10 ** (i % 40)),
  ];
  const shuffled = values.toSorted((a, b) => Math.sin(a) - Math.sin(b));
  await engine.write(
    'forth',
    values.map((value, i) => record({ name: 'forth', tsMs: i, value })),
  );
  for (let i = 0; i < shuffled.length; i += 200) {
    await engine.write(
      'back',
      shuffled.slice(i, i + 200).map((value, j) => record({ name: 'back', tsMs: -i - j, value })),
    );
  }
  const aggregates = (['sum', 'avg', 'p50', 'p99'] as const).map((fn) => ({ fn, field: 'value', as: fn }));
  const [forth, back] = await Promise.all(
    ['forth', 'back'].map((name) => rowsOf({ kind: 'metric', name, aggregates })),
  );
  expect(forth).toEqual(back);
});

test('entities without a time are in no range and no bucket', async () => {
  await engine.write('cities', [
    record({ kind: 'entity', name: 'city', tsMs: undefined, dimensions: { city: 'Oslo' } }),
    record({ kind: 'entity', name: 'city', tsMs: Date.UTC(1999, 4, 5), dimensions: { city: 'Rome' } }),
  ]);
  const aggregates: Query['aggregates'] = [{ fn: 'count', as: 'n' }];
  expect(await rowsOf({ kind: 'entity', name: 'city', bucket: 'year', aggregates })).toEqual([
    ['1999-01-01T00:00:00.000Z', 1],
    [null, 1],
  ]);
  expect(await rowsOf({ kind: 'entity', name: 'city', from: '1960-01-01', select: ['dimensions.city', 'ts'] })).toEqual(
    [['Rome', '1999-05-05T00:00:00.000Z']],
  );
  expect(await rowsOf({ kind: 'entity', name: 'city', select: ['dimensions.city', 'ts'] })).toEqual([
    ['Oslo', null],
    ['Rome', '1999-05-05T00:00:00.000Z'],
  ]);
});

describe('what cannot work is refused where it stands', () => {
  const aggregates: Query['aggregates'] = [{ fn: 'count', as: 'n' }];
  const base = { kind: 'metric', name: 'x' } as const;
  test.each<[string, Query, string]>([
    ['an unknown column to order by', { ...base, aggregates, order_by: [{ column: 'm' }] }, '/order_by/0/column'],
    ['an unknown group to rank', { ...base, aggregates, top: { n: 1, group: 'g', by: 'n' } }, '/top/group'],
    ['an unknown rank', { ...base, group_by: ['name'], aggregates, top: { n: 1, group: 'name', by: 'm' } }, '/top/by'],
    [
      'others of numbers',
      { ...base, group_by: ['value'], aggregates, top: { n: 1, group: 'value', by: 'n', others: true } },
      '/top/others',
    ],
    ['two columns of one name', { ...base, group_by: [{ field: 'name', as: 'n' }], aggregates }, '/aggregates/0/as'],
    ['a bucket for rows', { ...base, select: ['ts'], bucket: 'day' }, '/bucket'],
    ['a mean of text', { ...base, aggregates: [{ fn: 'avg', field: 'name', as: 'a' }] }, '/aggregates/0/field'],
    ['a sum of nothing', { ...base, aggregates: [{ fn: 'sum', as: 'a' }] }, '/aggregates/0/field'],
    ['a zone that is none', { ...base, aggregates, timezone: 'Mars/Olympus' }, '/timezone'],
    ['an offset as a zone', { ...base, aggregates, timezone: '+02:00' }, '/timezone'],
    ['a date that is none', { ...base, aggregates, from: '2024-02-30' }, '/from'],
    [
      'text for a number',
      { ...base, aggregates, filter: [{ field: 'value', op: 'gt', value: '5' }] },
      '/filter/0/value',
    ],
    ['a list for eq', { ...base, aggregates, filter: [{ field: 'name', op: 'eq', value: ['a'] }] }, '/filter/0/value'],
    ['one value for in', { ...base, aggregates, filter: [{ field: 'name', op: 'in', value: 'a' }] }, '/filter/0/value'],
  ])('%s', (_, query, pointer) => {
    expect(validator('reports/query')(query)).toBe(true);
    let thrown: unknown;
    try {
      compileQuery('default', query);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ChartlyError);
    expect((thrown as ChartlyError).code).toBe('validation_failed');
    expect((thrown as ChartlyError).details[0]!.pointer).toBe(pointer);
  });
});

test('a query that breaks its contract never becomes a statement', async () => {
  const limit: unknown = '1; DROP TABLE records';
  const evil: Query = { kind: 'metric', name: 'thing', select: ['ts'], limit: limit as number };
  await expect(ask(evil)).rejects.toMatchObject({ code: 'validation_failed', details: [{ pointer: '/limit' }] });
});

test('nothing that a user wrote stands in the statement', () => {
  const evil = "x' OR 1=1; DROP TABLE records --";
  const query: Query = {
    kind: 'metric',
    name: [evil],
    source: evil,
    timezone: 'Europe/Berlin',
    from: '2024-01-01',
    bucket: 'day',
    group_by: [{ field: 'dimensions.evil_key', as: 'evil_alias' }],
    filter: [{ field: 'dimensions.evil_other', op: 'in', value: [evil] }],
    aggregates: [{ fn: 'max', field: 'measures.evil_measure', as: 'evil_max' }],
    top: { n: 3, group: 'evil_alias', by: 'evil_max', others: true },
    order_by: [{ column: 'evil_max', direction: 'desc' }],
  };
  const { read } = compileQuery(evil, query);
  expect(read.text).not.toMatch(/evil|DROP|Berlin|2024/);
  expect(read.text.indexOf('WHERE tenant_id = {p0:String}')).toBeGreaterThan(0);
  expect(read.params.p0).toBe(evil);
});

/** Whole parts as integers, fractions in units of 2^-60: no rounding that matters here. */
function exactSum(values: number[]): number {
  const unit = 2 ** 60;
  let high = 0n;
  let low = 0;
  for (const value of values) {
    const whole = Math.trunc(value);
    high += BigInt(whole);
    low += Math.round((value - whole) * unit) / unit;
  }
  return Number(high) + low;
}

function percentile(sorted: number[], level: number): number {
  const at = (sorted.length - 1) * level;
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? below) - below);
}
