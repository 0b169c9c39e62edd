/** Payloads and profiles made to hurt: each ends in a quarantine or an error, in time that the runner's own limit bounds. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Profile, RecordRule } from '#contracts';
import { ChartlyError } from '#kit';
import { compileProfile } from './compile.ts';
import { event, profileOf, type Ran, run } from './testing.ts';

const entity = (rule: Partial<RecordRule> = {}): RecordRule => ({
  kind: 'entity',
  name: 'thing',
  key: ['id'],
  ...rule,
});
const json = profileOf('json', [entity()]);
const rows = profileOf('json', [entity()], { select: '$[*]' });
const lines = profileOf('ndjson', [entity()]);
const table = profileOf('csv', [entity()]);

function accounted({ counts, rejections }: Ran): void {
  const { candidates, records, quarantined, deduplicated, skipped } = counts;
  expect(records + quarantined + deduplicated + skipped).toBe(candidates);
  expect(quarantined === 0).toBe(rejections.length === 0);
}

const reasons = ({ rejections }: Ran): string[] => [...new Set(rejections.map((r) => r.reason))].sort();

describe('hostile payloads', () => {
  const deep = 1_000_000;
  const cases: {
    name: string;
    profile: Profile;
    payload: () => string | Uint8Array;
    refused: string[];
    records: number;
  }[] = [
    {
      name: 'a million open lists',
      profile: json,
      payload: () => '['.repeat(deep),
      refused: ['truncated'],
      records: 0,
    },
    {
      name: 'a row of half a million objects in each other',
      profile: lines,
      payload: () => `{"id":1,"a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}\n{"id":2}`,
      refused: ['too_deep'],
      records: 1,
    },
    {
      name: 'lists in each other below the selection',
      profile: rows,
      payload: () => `[{"id":1},${'['.repeat(200_000)}${']'.repeat(200_000)},{"id":2}]`,
      refused: ['too_deep'],
      records: 2,
    },
    {
      name: 'numbers of a million digits and exponents without end',
      profile: profileOf('ndjson', [entity({ measures: { n: 'n' } })]),
      payload: () =>
        `{"id":1,"n":${'9'.repeat(500_000)}}\n{"id":2,"n":1e${'9'.repeat(1000)}}\n{"id":3,"n":1${'0'.repeat(2_000_000)}}\n{"id":4,"n":4}`,
      refused: ['cast_failed', 'row_too_large'],
      records: 1,
    },
    {
      name: 'exact numbers whose plain form would not fit in memory',
      profile: profileOf('ndjson', [
        entity({ measures: { n: { path: 'n', cast: 'decimal' }, i: { path: 'i', cast: 'int64' } } }),
      ]),
      payload: () =>
        `{"id":1,"n":1e999999999}\n{"id":2,"n":1e-999999999}\n{"id":3,"i":1e300000}\n{"id":4,"n":"1e+99999999999999999999"}`,
      refused: ['cast_failed'],
      records: 0,
    },
    {
      name: 'members that are called as what objects inherit',
      profile: profileOf('ndjson', [
        entity({ dimensions: { p: '$["__proto__"]["polluted"]', c: 'constructor', t: 'toString' } }),
      ]),
      payload: () =>
        '{"id":1,"__proto__":{"polluted":"yes"}}\n{"id":2,"constructor":{"prototype":{"polluted":"yes"}}}\n{"id":3}\n{"__proto__":{"id":4}}',
      refused: ['cast_failed', 'missing_field'],
      records: 2,
    },
    {
      name: 'a million columns of one name',
      profile: profileOf('csv', [entity({ key: ['a'] })]),
      payload: () => `${'a,'.repeat(500_000)}\n1${','.repeat(500_000)}\n`,
      refused: [],
      records: 1,
    },
    {
      name: 'a million columns without a name',
      profile: table,
      payload: () => `id${','.repeat(1_000_000)}\n1${','.repeat(1_000_000)}\n2,3\n`,
      refused: ['ragged_row'],
      records: 1,
    },
    {
      name: 'a header larger than a row may be',
      profile: table,
      payload: () => `${Array.from({ length: 1_000_000 }, (_, n) => `c${n}`).join(',')}\n1\n`,
      refused: ['row_too_large'],
      records: 0,
    },
    {
      name: 'a row of many columns that are turned into records',
      profile: profileOf('csv', [
        entity({ key: ['id', '@column'], unpivot: { exclude: ['id'] }, dimensions: { cell: '@cell' } }),
      ]),
      payload: () => {
        const names = Array.from({ length: 60_000 }, (_, n) => `c${n}`);
        return `id,${names.join(',')}\n1,${names.join(',')}\n`;
      },
      refused: [],
      records: 60_000,
    },
    {
      name: 'quotes without end',
      profile: table,
      payload: () => `id\n${'"'.repeat(3_000_001)}`,
      refused: ['truncated'],
      records: 0,
    },
    {
      name: 'a million empty lines',
      profile: lines,
      payload: () => '\n'.repeat(1_000_000),
      refused: ['no_rows'],
      records: 0,
    },
    {
      name: 'a list of more items than are exploded',
      profile: profileOf('ndjson', [entity({ explode: 'l', key: ['id', '@index'] })]),
      payload: () => `{"id":1,"l":[${'1,'.repeat(400_000)}1]}\n{"id":2,"l":[1]}`,
      refused: ['row_too_large'],
      records: 1,
    },
    {
      name: 'a gzip bomb',
      profile: table,
      payload: () => gzipSync(Buffer.alloc(256 << 20, 97)),
      refused: [],
      records: -1,
    },
    {
      name: 'entities that stand for entities',
      profile: profileOf('xml', [entity()], { select: '/all/row' }),
      payload: () =>
        `<?xml version="1.0"?><!DOCTYPE all [<!ENTITY a "lol">${Array.from({ length: 20 }, (_, n) => `<!ENTITY a${n} "${`&a${n === 0 ? '' : n - 1};`.repeat(10)}">`).join('')}]><all><row><id>&a19;</id></row><row><id>1</id></row></all>`,
      refused: ['parse_error'],
      records: 1,
    },
    {
      name: 'keys that are all the same',
      profile: lines,
      payload: () => '{"id":"x"}\n'.repeat(100_000),
      refused: [],
      records: 1,
    },
    {
      name: 'patterns in the payload that would take for ever',
      profile: profileOf('json', [entity()], { select: '$[?match(@.id, @.p)]' }),
      payload: () =>
        JSON.stringify([
          { id: `${'a'.repeat(50_000)}!`, p: '(a+)+$' },
          { id: `${'a'.repeat(50_000)}!`, p: '(a|a)*b' },
          { id: 'ok', p: 'o.' },
        ]),
      refused: [],
      records: 1,
    },
    {
      name: 'a document that is deep and wide, searched from every place',
      profile: profileOf('json', [entity()], { select: '$..[?@.id]' }),
      payload: () => `${'['.repeat(120)}${'1,'.repeat(100_000)}{"id":1}${']'.repeat(120)}`,
      refused: [],
      records: 1,
    },
  ];

  it.each(cases)('$name', async ({ profile, payload, refused, records }) => {
    const ran = await run(profile, payload());
    accounted(ran);
    if (records >= 0) {
      expect(reasons(ran)).toEqual(refused);
      expect(ran.counts.records).toBe(records);
    } else expect(ran.counts.quarantined).toBeGreaterThan(0);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    for (const { message, masked } of ran.rejections) expect(message.length + masked.length).toBeLessThan(3000);
  });
});

describe('hostile profiles', () => {
  const profileErrors = (profile: Profile): string[] => {
    try {
      compileProfile(profile, () => '');
    } catch (error) {
      if (error instanceof ChartlyError) return error.details.map(({ pointer }) => pointer ?? '');
      throw error;
    }
    return [];
  };
  const field = (rule: object): Profile => profileOf('ndjson', [entity({ dimensions: { d: rule as never } })]);

  it.each([
    { name: 'a pattern of a billion states', profile: field({ path: 'a', extract: '((a{1000}){1000}){1000}' }) },
    { name: 'a pattern that looks ahead', profile: field({ path: 'a', extract: '(?=(a+))a*b' }) },
    {
      name: 'an expression of many loops in each other',
      profile: field({ cel: 'row.a.all(x, row.a.all(y, row.a.all(z, true)))' }),
    },
    { name: 'an expression longer than any', profile: field({ cel: `1${'+1'.repeat(600)}` }) },
    { name: 'brackets in each other', profile: field({ cel: `${'('.repeat(500)}1${')'.repeat(500)}` }) },
    { name: 'a path that is none', profile: field({ path: `${'[0]'.repeat(300)}[` }) },
    {
      name: 'a selection that goes down and down',
      profile: profileOf('json', [event()], { select: '$..*..*' }),
    },
  ])('are refused for $name', ({ profile }) => {
    expect(profileErrors(profile)).not.toEqual([]);
  });

  it('may search for what takes others exponential time', async () => {
    const profile = profileOf('ndjson', [
      entity({
        dimensions: {
          a: { path: 'a', extract: '(a+)+$' },
          b: { path: 'b', replace: [{ pattern: '(x*)*y', with: 'z' }] },
        },
      }),
    ]);
    const row = JSON.stringify({ id: 1, a: `${'a'.repeat(5_000)}!`, b: 'x'.repeat(5_000) });
    const ran = await run(profile, `${row}\n{"id":2,"a":"aa"}`);
    accounted(ran);
    expect(ran.records.at(-1)?.dimensions).toEqual({ a: 'aa' });
  });
});
