import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChartlyError, sha256Hex } from '#kit';
import type { Lookup, LookupTable, Profile, RecordRule } from '#contracts';
import { compileProfile } from './compile.ts';
import { type GivenEntity, localLookups } from './local-lookups.ts';
import { event, profileOf, run } from './testing.ts';

const airports = 'iata,city,runways\nTXL,Berlin,2\nCDG,Paris,4\n,Nowhere,0\nZRH,,3\n';

interface Given {
  table: LookupTable;
  text?: string;
  entities?: GivenEntity[];
}

/** A profile with one table, and the table's content. */
function withTable({ table, text = '', entities = [] }: Given, rule: Partial<RecordRule>, more: Partial<Profile> = {}) {
  const pinned = table.file === undefined ? table : { ...table, sha256: sha256Hex(text) };
  const profile = profileOf('ndjson', [event(rule)], { lookups: { table: pinned }, ...more });
  const files = new Map([[sha256Hex(text), Buffer.from(text)]]);
  return { profile, lookups: () => localLookups(profile, files, new Map([['table', entities]])) };
}

const lookup = (key: Lookup['key'], field: string, more: Partial<Lookup> = {}) => ({
  lookup: { in: 'table', key, field, ...more },
});

async function map(given: Given, rule: Partial<RecordRule>, ...rows: object[]) {
  const { profile, lookups } = withTable(given, rule);
  const text = rows.map((row, id) => JSON.stringify({ id, t: 1, ...row })).join('\n');
  return run(profile, text, { lookups: lookups() });
}

describe('look-ups in a reference file', () => {
  const given = { table: { file: 'airports.csv', key: 'iata' }, text: airports };

  it('takes a value by key, and cleanses and casts it like any other', async () => {
    const rule = {
      dimensions: { city: { ...lookup({ path: 'from', case: 'upper' as const }, 'city'), case: 'lower' as const } },
      measures: { runways: { ...lookup('from', 'runways'), cast: 'int64' as const, min: 3 } },
    };
    const { records, rejections } = await map(given, rule, { from: 'CDG' }, { from: ' txl ' });
    expect(records.map(({ dimensions, measures }) => [dimensions, measures])).toEqual([
      [{ city: 'paris' }, { runways: 4 }],
    ]);
    // The second key is looked up as it stands for runways.
    expect(rejections).toMatchObject([
      { reason: 'lookup_missed', rule: 'records[0].measures.runways', pointer: '/from' },
    ]);
  });

  it('tells no entry from an empty value and a missing key', async () => {
    const rows = [{ from: 'XXX' }, { from: 'ZRH' }, {}];
    const outcome = async (rule: object) => {
      const { records, rejections } = await map(given, { dimensions: { city: rule } }, ...rows);
      return rows.map(
        (_, id) =>
          rejections.find((one) => one.row === id)?.reason ??
          records.find((one) => one.row === id)!.dimensions.city ??
          'none',
      );
    };
    expect(await outcome(lookup('from', 'city'))).toEqual(['lookup_missed', 'none', 'none']);
    expect(await outcome(lookup('from', 'city', { on_no_match: 'missing' }))).toEqual(['none', 'none', 'none']);
    expect(await outcome({ ...lookup('from', 'city'), default: '?' })).toEqual(['?', '?', '?']);
    expect(await outcome({ ...lookup('from', 'city', { on_no_match: 'missing' }), required: true })).toEqual(
      Array(3).fill('missing_field'),
    );
    expect(await outcome({ ...lookup({ path: 'from', cast: 'int64' }, 'city') })).toEqual([
      'cast_failed',
      'cast_failed',
      'none',
    ]);
  });

  it('finds by several columns, in chains, and by what unpivot and explode give', async () => {
    const rates = {
      table: { file: 'rates.ndjson', key: ['c', 'd'] },
      text: '{"c":"a","d":1,"r":"b"}\n{"c":"b","d":1,"r":"x"}\n',
    };
    const chain = lookup([lookup(['@item.c', { const: 1 }], 'r'), { const: '1' }], 'r');
    const rule = { explode: 'list', key: ['id', '@index'], dimensions: { r: chain } };
    const { records, rejections } = await map(rates, rule, { list: [{ c: 'a' }, { c: 'b' }] });
    expect(records.map(({ dimensions }) => dimensions)).toEqual([{ r: 'x' }]);
    expect(rejections).toMatchObject([
      { reason: 'lookup_missed', pointer: '/list/1/c', masked: 'text x…1 (3 characters)' },
    ]);
  });

  it('keeps the digits of numbers in JSON, and reads every format', async () => {
    const text = '{"rows":[{"k":9007199254740993,"v":12345678901234567890.5},{"k":2,"v":true}]}';
    const json = { table: { file: 'x.json', select: '$.rows[*]', key: 'k' }, text };
    const rule = { measures: { v: { ...lookup({ path: 'k', cast: 'int64' }, 'v'), cast: 'decimal' as const } } };
    const profile = withTable(json, rule);
    const { records } = await run(profile.profile, '{"id":1,"t":1,"k":9007199254740993}', {
      lookups: profile.lookups(),
    });
    expect(records[0]!.exact).toEqual({ v: '12345678901234567890.5' });

    const wide = Buffer.from('k;v\r\nä;ö\r\n', 'latin1').toString('latin1');
    const latin = withTable(
      { table: { file: 'x.txt', format: 'csv', delimiter: ';', encoding: 'utf-8', key: 'k' }, text: wide },
      { dimensions: { v: lookup('k', 'v') } },
    );
    const found = await run(latin.profile, '{"id":1,"t":1,"k":"ä"}', { lookups: latin.lookups() });
    expect(found.records[0]!.dimensions).toEqual({ v: 'ö' });
  });

  it('agrees with a plain map', async () => {
    const word = fc.stringMatching(/^[a-z]{1,2}$/);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(word, word), fc.array(word, { minLength: 1 }), async (entries, keys) => {
        const text = ['{"k":"zzz","v":"z"}', ...Object.entries(entries).map(([k, v]) => JSON.stringify({ k, v }))];
        const table = { table: { file: 'x.ndjson', key: 'k' }, text: text.join('\n') };
        const rule = { dimensions: { v: { ...lookup('k', 'v'), default: 'no' } } };
        const { records } = await map(table, rule, ...keys.map((k) => ({ k })));
        expect(records.map(({ dimensions }) => dimensions.v)).toEqual(keys.map((k) => entries[k] ?? 'no'));
      }),
    );
  });
});

describe('a file that cannot serve', () => {
  const problem = (table: Partial<LookupTable>, text: string): string => {
    const { profile, lookups } = withTable(
      { table: { file: 'x.csv', key: 'k', ...table }, text },
      { dimensions: { v: lookup('k', 'v') } },
    );
    try {
      compileProfile(profile, () => '', { lookups: lookups() });
      return 'none';
    } catch (error) {
      const [detail] = (error as ChartlyError).details;
      return `${detail!.pointer} ${detail!.message}`;
    }
  };

  it.each<[string, Partial<LookupTable>, string, RegExp]>([
    ['the key twice', {}, 'k,v\na,1\nb,2\na,3\n', /^\/lookups\/table\/key rows 1 and 3 .* same key and differ/],
    ['no column of the key', {}, 'x,v\na,1\n', /^\/lookups\/table\/key it has no column k; there are x, v/],
    ['no column that is wanted', {}, 'k,w\na,1\n', /^\/lookups\/table\/file it has no column v, .* there are k, w/],
    [
      'a row that cannot be read',
      {},
      'k,v\na,1,2\n',
      /^\/lookups\/table\/file row 1 of it cannot be read: The row has 3/,
    ],
    ['nothing', {}, '', /^\/lookups\/table\/file row 1 of it cannot be read: The payload has no bytes/],
    ['no key at all', { file: 'x.json' }, '[{"v":1}]', /^\/lookups\/table\/key no row of it has k/],
    ['a key that is a list', { file: 'x.json' }, '[{"k":[1]}]', /^\/lookups\/table\/key the key of row 1/],
    ['a name that tells nothing', { file: 'x.dat' }, 'k,v\n', /^\/lookups\/table\/file .*add format/],
    ['a selection of a table', { select: '$.x' }, 'k,v\n', /^\/lookups\/table\/select only format json/],
  ])('%s', (_name, table, text, expected) => {
    expect(problem(table, text)).toMatch(expected);
  });

  it('takes the same row twice, and too many rows never', () => {
    expect(problem({}, 'k,v\na,1\na,1\n')).toBe('none');
    const many = `k,v\n${Array.from({ length: 250_001 }, (_, n) => `${n},1\n`).join('')}`;
    expect(problem({}, many)).toMatch(/more than 250000 rows/);
  });
});

describe('look-ups in entities', () => {
  const entities: GivenEntity[] = [
    { ts: '2024-01-01T00:00:00Z', dimensions: { id: 'a', tier: 'new' } },
    { ts: '2024-03-01T00:00:00Z', dimensions: { id: 'a', tier: 'gold' }, measures: { spent: 10.5 } },
    { dimensions: { id: 'a', tier: 'before' } },
    { ts: '2024-02-01T00:00:00Z', dimensions: { id: 'b', tier: 'only' } },
    { ts: '2024-02-01T00:00:00Z', dimensions: { tier: 'without a key' } },
  ];
  const table: LookupTable = { entities: { name: 'customer' }, key: 'id' };
  const at = (day: string, who = 'a') => ({ t: Date.parse(`${day}T00:00:00Z`) / 1000, who });
  const tiers = async (setting: LookupTable, rule: object, ...rows: object[]) => {
    const { records } = await map({ table: setting, entities }, { dimensions: { tier: rule } }, ...rows);
    return records.map(({ dimensions }) => dimensions.tier);
  };

  it('takes the version that stood at the time of the record', async () => {
    const rule = { ...lookup('who', 'tier'), default: '-' };
    const rows = [
      at('2023-12-31'),
      at('2024-01-01'),
      at('2024-02-29'),
      at('2024-03-01'),
      at('2024-01-31', 'b'),
      at('2025-01-01', 'b'),
    ];
    expect(await tiers(table, rule, ...rows)).toEqual(['before', 'new', 'new', 'gold', '-', 'only']);
    expect(await tiers({ ...table, at: 'latest' }, rule, ...rows)).toEqual([
      'gold',
      'gold',
      'gold',
      'gold',
      'only',
      'only',
    ]);
    const spent = await map(
      { table, entities },
      { measures: { s: lookup('who', 'spent') } },
      at('2024-04-01'),
      at('2024-01-02'),
    );
    expect(spent.records.map(({ measures }) => measures)).toEqual([{ s: 10.5 }, {}]);
  });

  it('agrees with looking through all of them', async () => {
    const day = fc.integer({ min: 1, max: 28 });
    const version = fc.record({ id: fc.constantFrom('a', 'b'), day: fc.option(day, { nil: undefined }) });
    const date = (n: number): string => `2024-01-${String(n).padStart(2, '0')}`;
    await fc.assert(
      fc.asyncProperty(fc.array(version), fc.array(day, { minLength: 1 }), async (versions, days) => {
        const given = versions.map(({ id, day: d }, n): GivenEntity => ({
          ...(d === undefined ? {} : { ts: `${date(d)}T00:00:00Z` }),
          dimensions: { id, tier: String(n) },
        }));
        const rule = { dimensions: { tier: { ...lookup('who', 'tier'), default: '-' } } };
        const { records } = await map({ table, entities: given }, rule, ...days.map((d) => at(date(d))));
        const expected = days.map((d) => {
          let best = -1;
          for (const [n, { id, day: from = 0 }] of versions.entries()) {
            if (id === 'a' && from <= d && (best < 0 || from >= (versions[best]!.day ?? 0))) best = n;
          }
          return best < 0 ? '-' : String(best);
        });
        expect(records.map(({ dimensions }) => dimensions.tier)).toEqual(expected);
      }),
    );
  });
});

it('refuses look-ups that cannot work, and says what to write', () => {
  const problems = (rule: Partial<RecordRule>, table: LookupTable = { entities: { name: 'x' }, key: ['a', 'b'] }) => {
    try {
      compileProfile(profileOf('ndjson', [event(rule)], { lookups: { table } }), () => '');
      return [];
    } catch (error) {
      return (error as ChartlyError).details.map((d) => `${d.pointer} ${d.message}`);
    }
  };
  expect(problems({ dimensions: { v: lookup('k', 'v') } })).toEqual([
    '/records/0/dimensions/v/lookup/key the key of table has 2 parts, and this has 1; write one field for each of a, b',
  ]);
  expect(problems({ dimensions: { v: { lookup: { in: 'tabel', key: 'k', field: 'v' } } } })).toEqual([
    '/records/0/dimensions/v/lookup/in there is no table tabel under lookups; there are table',
  ]);
  expect(problems({ ts: lookup(['k', 'l'], 'v') })).toEqual([
    "/records/0/ts/lookup/in a record's own time cannot be looked up by that time; give table `at: latest`",
  ]);
  expect(problems({ dimensions: { v: lookup(['k', { path: 'l[' }], 'v') } })).toEqual([
    expect.stringMatching(/^\/records\/0\/dimensions\/v\/lookup\/key\/1\/path the path is not understood/),
  ]);
});
