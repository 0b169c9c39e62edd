import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChartlyError } from '#kit';
import type { Profile, RecordRule } from '#contracts';
import { compileProfile } from './compile.ts';
import { createGreatest } from './dedupe-greatest.ts';
import { createMerge } from './dedupe-merge.ts';
import { event, profileOf, run } from './testing.ts';

type Row = Record<string, unknown>;
const lines = (rows: readonly Row[]): string => rows.map((row) => JSON.stringify(row)).join('\n');
const profile = (dedupe: Profile['dedupe'], rule: Partial<RecordRule> = {}): Profile =>
  profileOf('ndjson', [event({ measures: { n: 'n' }, dimensions: { a: 'a', b: 'b' }, ...rule })], { dedupe });

/** Row numbers of what is kept, in payload order. */
async function keptRows(dedupe: Profile['dedupe'], rows: readonly Row[], candidates = 16_384): Promise<number[]> {
  const { records } = await run(profile(dedupe), lines(rows), { limits: { candidates, weight: 1 << 20 } });
  return records.map((record) => record.row);
}

const ids = fc.integer({ min: 0, max: 4 });
const cuts = fc.integer({ min: 1, max: 7 });

describe('keep: greatest', () => {
  it('keeps the greatest number, time or text, and of equal ones the later', async () => {
    const rows = [
      { id: 1, t: 1, v: 5, at: '2024-01-02', s: 'b' },
      { id: 1, t: 1, v: 10, at: '2024-01-01', s: 'a' },
      { id: 1, t: 1, v: 10, at: '2023-12-31', s: 'b' },
      { id: 1, t: 1, v: 9, at: '2023-12-30', s: 'B' },
    ];
    expect(await keptRows({ keep: 'greatest', by: 'v' }, rows)).toEqual([2]);
    expect(await keptRows({ keep: 'greatest', by: { path: 'at', cast: 'datetime' } }, rows)).toEqual([0]);
    expect(await keptRows({ keep: 'greatest', by: { path: 's', cast: 'text' } }, rows)).toEqual([2]);
    expect(await keptRows({ keep: 'greatest', by: { cel: '0 - row.v' } }, rows)).toEqual([0]);
  });

  it('tells numbers apart that a double cannot', async () => {
    const by = { path: 'v', cast: 'int64' } as const;
    const text = ['9007199254740993', '9007199254740992', '9007199254740994', '9007199254740993']
      .map((v) => `{"id":1,"t":1,"v":${v}}`)
      .join('\n');
    const { records } = await run(profile({ keep: 'greatest', by }), text);
    expect(records.map((record) => record.row)).toEqual([2]);
  });

  it('puts a candidate without it below all others, and quarantines one that cannot be read', async () => {
    const rows = [
      { id: 1, t: 1, v: -5 },
      { id: 1, t: 1 },
      { id: 2, t: 1 },
      { id: 2, t: 1 },
      { id: 1, t: 1, v: 'x' },
    ];
    const { records, rejections, counts } = await run(profile({ keep: 'greatest', by: 'v' }), lines(rows));
    expect(records.map((record) => record.row)).toEqual([0, 3]);
    expect(rejections).toMatchObject([{ rule: 'dedupe.by', reason: 'cast_failed', pointer: '/v' }]);
    expect(counts).toMatchObject({ candidates: 5, records: 2, deduplicated: 2, quarantined: 1 });
  });

  it('agrees with sorting, wherever batches are cut', async () => {
    const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(undefined));
    const row = fc.record({ id: ids, v: value, n: fc.constantFrom(1, 'x') });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), cuts, async (list, candidates) => {
        const rows = list.map((one) => ({ ...one, t: 1 }));
        const { records, counts } = await run(profile({ keep: 'greatest', by: 'v' }), lines(rows), {
          limits: { candidates, weight: 1 << 20 },
        });
        const best = new Map<number, number>();
        for (const [i, { id, v, n }] of rows.entries()) {
          const before = best.get(id);
          const rank = v ?? -Infinity;
          if (n === 1 && (before === undefined || rank >= (rows[before]!.v ?? -Infinity))) best.set(id, i);
        }
        expect(records.map((record) => record.row)).toEqual([...best.values()].sort((a, b) => a - b));
        const { records: kept, quarantined, deduplicated, skipped } = counts;
        expect(kept).toBe(best.size);
        expect(kept + quarantined + deduplicated + skipped).toBe(rows.length);
      }),
    );
  });

  it('bounds the texts that it compares by', () => {
    const policy = createGreatest(100);
    const fill = (): void => {
      for (let i = 0; i < 100; i++) {
        const record = { recordId: i.toString(16).padStart(32, '0'), rank: 'some text' } as never;
        policy.keep(policy.choose(record, i) as never, i);
      }
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'profile_limit_exceeded' }) as Error);
  });
});

describe('keep: merge', () => {
  it('fills and overwrites field by field, and points to the last row', async () => {
    const rows = [
      { id: 1, t: 1, n: 1, a: 'x', b: 'y' },
      { id: 1, t: 2, a: 'z', n: null },
    ];
    const { records, counts } = await run(profile({ keep: 'merge' }), lines(rows));
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ row: 1, tsMs: 2000, measures: { n: 1 }, dimensions: { a: 'z', b: 'y' } });
    expect(counts).toMatchObject({ candidates: 2, records: 1, deduplicated: 1 });
  });

  it('combines numbers, exactly where the rule says so', async () => {
    const combine = { n: 'sum', lo: 'min', hi: 'max', one: 'first', two: 'last' } as const;
    const measures = { n: 'n', lo: 'n', hi: 'n', one: 'n', two: 'n' };
    const rows = [0.1, 0.2, 0.3].map((n) => ({ id: 1, t: 1, n }));
    const { records } = await run(profile({ keep: 'merge', combine }, { measures }), lines(rows));
    expect(records[0]!.measures).toEqual({ n: 0.6, lo: 0.1, hi: 0.3, one: 0.1, two: 0.3 });

    const text = '{"id":1,"t":1,"n":9007199254740991}\n{"id":1,"t":1,"n":9007199254740992}\n{"id":1,"t":1,"n":3}';
    const exact = profile({ keep: 'merge', combine: { n: 'sum' } }, { measures: { n: { path: 'n', cast: 'int64' } } });
    expect((await run(exact, text)).records[0]!.exact).toEqual({ n: '18014398509481986' });
  });

  it('sums the value of a metric, and quarantines what no number can hold', async () => {
    const metric: RecordRule = {
      kind: 'metric',
      name: 'm',
      key: ['id'],
      ts: { path: 't', cast: 'epoch_s' },
      value: 'n',
    };
    const sums = profileOf('ndjson', [metric], { dedupe: { keep: 'merge', combine: { value: 'sum' } } });
    const rows = [1.5, 2, 1.7e308, 1.7e308].map((n) => ({ id: 1, t: 1, n }));
    const { records, rejections } = await run(sums, lines(rows));
    expect(records.map((record) => record.value)).toEqual([1.7e308]);
    expect(rejections).toMatchObject([{ rule: 'dedupe.combine.value', reason: 'value_out_of_range', row: 3 }]);
  });

  it('agrees with merging all at once, wherever batches are cut', async () => {
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    const row = fc.record({
      id: ids,
      n: maybe(fc.constantFrom<number | string>(0.1, 0.7, 3, 'x')),
      a: maybe(fc.constantFrom('p', 'q')),
      b: maybe(fc.constantFrom('r', 's')),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), cuts, async (list, candidates) => {
        const rows = list.map((one) => ({ ...one, t: 1 }));
        const { records, counts } = await run(profile({ keep: 'merge', combine: { n: 'sum' } }), lines(rows), {
          limits: { candidates, weight: 1 << 20 },
        });
        const model = new Map<number, Row>();
        for (const { id, n, a, b } of rows) {
          if (n === 'x') continue;
          const before = model.get(id);
          const tenths = ((before?.tenths as number | undefined) ?? 0) + Math.round(Number(n ?? 0) * 10);
          const known = { n: n === undefined ? before?.n : true, a: a ?? before?.a, b: b ?? before?.b, tenths };
          model.set(id, known);
        }
        const found = records.map(({ measures, dimensions }) => [measures.n, dimensions.a, dimensions.b].join());
        const expected = [...model.values()].map(({ n, a, b, tenths }) =>
          [n === undefined ? undefined : (tenths as number) / 10, a, b].join(),
        );
        expect(found.sort()).toEqual(expected.sort());
        expect(counts.records + counts.quarantined + counts.deduplicated + counts.skipped).toBe(rows.length);
      }),
    );
  });

  it('holds no more records than it says', () => {
    const policy = createMerge(profile({ keep: 'merge' }), { records: 10, weight: 1 << 20 });
    const record = (i: number) =>
      ({ recordId: i.toString(16).padStart(32, '0'), name: 'x', dimensions: {}, measures: {} }) as never;
    for (let i = 0; i < 10; i++) policy.keep(record(i), i);
    expect(() => policy.keep(record(3), 10)).not.toThrow();
    expect(() => policy.keep(record(10), 11)).toThrow(
      expect.objectContaining({ code: 'profile_limit_exceeded' }) as Error,
    );
  });
});

it('refuses what cannot be compared or combined, once', () => {
  const problems = (dedupe: Profile['dedupe']): string[] => {
    try {
      compileProfile(profileOf('ndjson', [event(), event({ key: ['k'] })], { dedupe }), () => '');
      return [];
    } catch (error) {
      return (error as ChartlyError).details.map((d) => `${d.pointer} ${d.message}`);
    }
  };
  expect(problems({ keep: 'greatest', by: 'a[' })).toEqual([expect.stringMatching(/^\/dedupe\/by\/path the path/)]);
  expect(problems({ keep: 'greatest' })).toEqual([expect.stringMatching(/^\/dedupe /)]);
  expect(problems({ keep: 'last', by: 'a' })).toEqual([expect.stringMatching(/^\/dedupe/)]);
  expect(problems({ keep: 'merge', combine: { nope: 'sum' } })).toEqual([
    '/dedupe/combine/nope no record rule has such a number; there are none',
  ]);
});
