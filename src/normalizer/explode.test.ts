import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Profile, RecordRule } from '#contracts';
import type { ChartlyError } from '#kit';
import { compileProfile } from './compile.ts';
import { maxItems } from './explode.ts';
import { event, profileOf, run } from './testing.ts';

const line = (more: Partial<RecordRule> = {}): RecordRule =>
  event({
    name: 'line',
    explode: 'lines',
    key: ['id', '@index'],
    dimensions: { sku: '@item.sku', who: 'who' },
    measures: { n: '@item.n' },
    ...more,
  });

const json = (rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('explode', () => {
  it('gives a candidate for each item, which sees the item, its index and the row', async () => {
    const row = {
      id: 'a',
      t: 1,
      who: 'x',
      lines: [
        { sku: 'p', n: 1 },
        { sku: 'q', n: 2 },
      ],
    };
    const { records, counts } = await run(profileOf('ndjson', [line()]), json([row]));
    expect(records.map((r) => [r.dimensions.sku, r.dimensions.who, r.measures.n, r.row])).toEqual([
      ['p', 'x', 1, 0],
      ['q', 'x', 2, 0],
    ]);
    expect(counts).toMatchObject({ rows: 1, candidates: 2, records: 2 });
  });

  it('works beside other rules and over items that are plain values or lists', async () => {
    const pairs = event({ explode: '$.pairs', name: { path: '@item[0]' }, key: ['id', '@item[0]'] });
    const tags = event({ explode: { path: 'tags' }, name: { path: '@item' }, key: ['id', '@item'] });
    const profile = profileOf('ndjson', [event(), pairs, tags]);
    const { records } = await run(profile, json([{ id: 'a', t: 1, pairs: [['k', 1]], tags: ['red', 'blue'] }]));
    expect(records.map((r) => r.name)).toEqual(['thing', 'k', 'red', 'blue']);
  });

  it('skips or quarantines a list that is missing or empty, as on_missing says', async () => {
    const payload = json([
      { id: 'a', t: 1 },
      { id: 'b', t: 1, lines: [] },
      { id: 'c', t: 1, lines: null },
    ]);
    const strict = await run(profileOf('ndjson', [line()]), payload);
    expect(strict.counts).toMatchObject({ candidates: 3, quarantined: 3, skipped: 0 });
    expect(strict.rejections[0]).toMatchObject({
      reason: 'missing_field',
      rule: 'records[0].explode',
      pointer: '/lines',
    });
    for (const rule of [line({ explode: { path: 'lines', on_missing: 'skip' } }), line({ on_missing: 'skip' })])
      expect((await run(profileOf('ndjson', [rule]), payload)).counts).toMatchObject({ quarantined: 0, skipped: 3 });
    const own = line({ on_missing: 'skip', explode: { path: 'lines', on_missing: 'quarantine' } });
    expect((await run(profileOf('ndjson', [own]), payload)).counts).toMatchObject({ quarantined: 3, skipped: 0 });
  });

  it('quarantines what is no list, and lists that are too long', async () => {
    const rows = [{ lines: { sku: 'p' } }, { lines: 'text' }, { lines: Array.from({ length: maxItems + 1 }, () => 0) }];
    const profile = profileOf('ndjson', [line({ on_missing: 'skip' })]);
    const { rejections } = await run(profile, json(rows));
    expect(rejections.map((r) => r.reason)).toEqual(['cast_failed', 'cast_failed', 'row_too_large']);
  });

  it('points at the item that failed, and leaves the others', async () => {
    const row = { id: 'a', t: 1, 'l/s': [{ n: 1 }, { n: 'x' }, {}] };
    const rule = line({
      explode: "['l/s']",
      dimensions: { sku: { path: '@item.sku' } },
      measures: { n: { path: '@item.n', required: true } },
    });
    const { rejections, counts } = await run(profileOf('ndjson', [rule]), json([row]));
    expect(counts).toMatchObject({ candidates: 3, records: 1, quarantined: 2 });
    expect(rejections.map((r) => `${r.candidate} ${r.reason} ${r.pointer}`)).toEqual([
      '1 cast_failed /l~1s/1/n',
      '2 missing_field /l~1s/2/n',
    ]);
  });

  it('keeps every digit of numbers in items', async () => {
    const rule = line({ key: ['id', '@item.n'], measures: { n: { path: '@item.n', cast: 'int64' } } });
    const payload = '{"id":"a","t":1,"lines":[{"n":9007199254740993},{"n":9007199254740992}]}';
    const { records } = await run(profileOf('ndjson', [rule]), payload);
    expect(records.map((r) => r.exact?.n)).toEqual(['9007199254740993', '9007199254740992']);
  });

  it('leaves members that are called @index and @item to rules that do not explode', async () => {
    const rule = event({ dimensions: { a: '@index', b: '@item.x' } });
    const { records } = await run(
      profileOf('ndjson', [rule]),
      json([{ id: 'a', t: 1, '@index': 'i', '@item': { x: 'y' } }]),
    );
    expect(records[0]!.dimensions).toEqual({ a: 'i', b: 'y' });
  });

  it('is refused where it cannot work', () => {
    const pointers = (profile: Profile): (string | undefined)[] => {
      try {
        compileProfile(profile, () => '');
        return [];
      } catch (error) {
        return (error as ChartlyError).details.map((d) => d.pointer);
      }
    };
    expect(pointers(profileOf('csv', [line({ key: ['id'], dimensions: {}, measures: {} })]))).toEqual([
      '/records/0/explode',
    ]);
    expect(pointers(profileOf('ndjson', [line({ unpivot: { columns: ['a'] } })]))).toContain('/records/0/explode');
    expect(pointers(profileOf('ndjson', [line({ explode: '$.a[*]' })]))).toEqual(['/records/0/explode']);
    expect(pointers(profileOf('ndjson', [line({ dimensions: { d: '@item..x' } })]))).toEqual([
      '/records/0/dimensions/d/path',
    ]);
    expect(pointers(profileOf('ndjson', [line({ dimensions: { d: '@cell' } })]))).toEqual([
      '/records/0/dimensions/d/path',
    ]);
  });

  it('cuts batches inside a row, and still gives every item once', async () => {
    const lists = fc.array(
      fc.array(fc.record({ sku: fc.string({ maxLength: 8 }), n: fc.integer() }), { maxLength: 9 }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    const limits = fc.record({ candidates: fc.integer({ min: 1, max: 7 }), weight: fc.integer({ min: 1, max: 60 }) });
    await fc.assert(
      fc.asyncProperty(lists, limits, async (all, limit) => {
        const payload = json(all.map((lines, i) => ({ id: String(i), t: 1, who: 'wwww', lines })));
        const { records, counts } = await run(profileOf('ndjson', [line({ on_missing: 'skip' })]), payload, {
          limits: limit,
        });
        expect(records.map((r) => r.measures.n)).toEqual(all.flat().map((item) => item.n));
        const empty = all.filter((lines) => lines.length === 0).length;
        expect(counts).toMatchObject({ rows: all.length, skipped: empty, candidates: all.flat().length + empty });
      }),
      { numRuns: 50 },
    );
  });
});
