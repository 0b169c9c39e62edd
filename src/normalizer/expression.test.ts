import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChartlyError } from '#kit';
import type { Profile, RecordRule } from '#contracts';
import { compileProfile } from './compile.ts';
import { event, profileOf, run } from './testing.ts';

const entity = (more: Partial<RecordRule>): RecordRule => ({
  kind: 'entity',
  name: 'x',
  key: [{ const: 'k' }],
  ...more,
});

/** What an expression gives, as text, or the reason why not. */
async function value(cel: string, row: unknown): Promise<string | undefined> {
  const profile = profileOf('ndjson', [entity({ dimensions: { d: { cel } } })]);
  const { records, rejections } = await run(profile, typeof row === 'string' ? row : JSON.stringify(row));
  return rejections[0]?.reason ?? records[0]!.dimensions.d;
}

function problems(profile: Profile): string[] {
  try {
    compileProfile(profile, () => '');
    return [];
  } catch (error) {
    return (error as ChartlyError).details.map((d) => `${d.pointer} ${d.message}`);
  }
}

describe('cel in a field', () => {
  it.each([
    ['row.x + 1', '4'],
    ['row.x / 2', '1.5'],
    ['2 * row.x - 0.5', '5.5'],
    ['row.s + "-" + row.o.p', 'abc-q'],
    ['row.x > 2 ? "many" : "few"', 'many'],
    ['size(row.a)', '3'],
    ['row.a[1]', '2'],
    ['row["odd name"]', 'o'],
    ['has(row.nope) ? row.nope : "none"', 'none'],
    ['row.a.exists(i, i == 2)', 'true'],
    ['size(row.a.filter(i, i > 1 && i <= row.x))', '2'],
    ['["abc", "d"].exists(s, s == row.s)', 'true'],
    ['row.s.contains("b") && row.s.startsWith(row.o.first)', 'true'],
    ['int(row.x) % 2 == 1', 'true'],
    ['row.s.matches("^(a+)+[b-d]{2}$") && !row.s.matches("^b")', 'true'],
    ['(row.s + row.s).matches("^(a+)+$")', 'false'],
    ['["x", "b"].exists(s, s.matches("^b$"))', 'true'],
    ['9007199254740993', '9007199254740993'],
  ])('%s', async (cel, expected) => {
    const row = { x: 3, s: 'abc', a: [1, 2, 3], o: { p: 'q', first: 'a' }, 'odd name': 'o' };
    expect(await value(cel, row)).toBe(expected);
  });

  it('matches in linear time, also in parentheses, conditions and loops', async () => {
    const row = { a: ['x', `${'a'.repeat(5000)}!`] };
    const hard = '"^(a+)+$"';
    expect(await value(`row.a[1] . matches (${hard}) ? "yes" : "no"`, row)).toBe('no');
    expect(await value(`(row.a).exists(x, (x).matches(${hard}))`, row)).toBe('false');
    const profile = profileOf('ndjson', [entity({ when: `row.a[1].matches(${hard})` })]);
    expect((await run(profile, JSON.stringify(row))).counts.skipped).toBe(1);
  });

  it('gives a missing value by null, and takes the options of a path', async () => {
    expect(await value('row.x', { x: null })).toBeUndefined();
    const profile = profileOf('ndjson', [
      entity({
        measures: { m: { cel: 'row.x * 2', max: 10, clamp: true } },
        dimensions: { d: { cel: 'row.s', map: { a: 'b' } } },
      }),
    ]);
    const { records } = await run(profile, JSON.stringify({ x: 7, s: ' a ' }));
    expect(records[0]).toMatchObject({ measures: { m: 10 }, dimensions: { d: 'b' } });
  });

  it('fails as expression_failed, without a word of the payload', async () => {
    const profile = profileOf('ndjson', [entity({ dimensions: { d: { cel: 'string(bool(row.s))' } } })]);
    const { rejections } = await run(profile, JSON.stringify({ s: 'secret' }));
    expect(rejections).toMatchObject([
      {
        reason: 'expression_failed',
        rule: 'records[0].dimensions.d',
        message: 'The expression failed: bool conversion error.',
      },
    ]);
    expect(JSON.stringify(rejections)).not.toContain('secret');
    for (const [cel, row] of [
      ['row.y', {}],
      ['row.x + 1', { x: 'a' }],
      ['row.constructor', {}],
      ['row.__proto__', {}],
    ] as const)
      expect(await value(cel, row)).toBe('expression_failed');
    expect(await value('row.a', { a: { b: 1 } })).toBe('cast_failed');
    const number = profileOf('ndjson', [entity({ measures: { m: { cel: 'row.x / row.y' } } })]);
    expect((await run(number, '{"x":1,"y":0}')).rejections[0]!.reason).toBe('cast_failed');
  });

  it('sees doubles where the row is read for exact digits', async () => {
    const rule = entity({ measures: { id: { path: 'id', cast: 'int64' }, m: { cel: 'row.a[0].x + 1' } } });
    const { records } = await run(profileOf('ndjson', [rule]), '{"id":9007199254740993,"a":[{"x":0.10}]}');
    expect(records[0]).toMatchObject({ exact: { id: '9007199254740993' }, measures: { m: 1.1 } });
  });

  it('sees the columns of CSV as texts', async () => {
    const rule = entity({ key: ['id'], measures: { m: { cel: 'double(row["US Gross"]) / 2' } } });
    const { records, rejections } = await run(profileOf('csv', [rule]), 'id,US Gross\n1,5\n2,7\n3,x');
    expect(records.map((r) => r.measures.m)).toEqual([2.5, 3.5]);
    expect(rejections.map((r) => r.reason)).toEqual(['expression_failed']);
  });

  it('sees the column and cell of unpivot, and the item and index of explode', async () => {
    const unpivot = event({
      key: [{ cel: 'column + row.id' }],
      unpivot: { exclude: ['id', 't'] },
      measures: { m: { cel: 'cell * 2' } },
    });
    const unpivoted = await run(profileOf('ndjson', [unpivot]), '{"id":"i","t":1,"a":1,"b":2}');
    expect(unpivoted.records.map((r) => r.measures.m)).toEqual([2, 4]);
    const explode = event({
      key: ['id', { cel: 'index + 1' }],
      explode: 'a',
      when: 'item.n > row.t',
      measures: { m: { cel: 'item.n' } },
    });
    const exploded = await run(profileOf('ndjson', [explode]), '{"id":"i","t":1,"a":[{"n":1},{"n":2},{}]}');
    expect(exploded.records.map((r) => r.measures.m)).toEqual([2]);
    expect(exploded.counts).toMatchObject({ candidates: 3, records: 1, skipped: 1, quarantined: 1 });
    expect(exploded.rejections).toMatchObject([
      { rule: 'records[0].when', pointer: '/a/2', reason: 'expression_failed' },
    ]);
  });
});

describe('when', () => {
  it('skips what it refuses, and quarantines what it cannot decide', async () => {
    const profile = profileOf('ndjson', [event({ when: 'row.n >= 2' })]);
    const rows = [1, 2, 3, 'x', null].map((n, i) => JSON.stringify({ id: String(i), t: 1, n }));
    const { counts, rejections } = await run(profile, rows.join('\n'));
    expect(counts).toMatchObject({ candidates: 5, records: 2, skipped: 1, quarantined: 2 });
    expect(rejections[0]).toMatchObject({ rule: 'records[0].when', reason: 'expression_failed', pointer: '' });
    const dynamic = await run(profileOf('ndjson', [event({ when: 'row.id' })]), rows.join('\n'));
    expect(dynamic.counts.quarantined).toBe(5);
  });

  it('agrees with the same condition in code', async () => {
    const profile = profileOf('ndjson', [event({ when: 'has(row.a) && (row.a < row.b || row.s.startsWith("x"))' })]);
    const row = fc.record(
      { a: fc.integer(), b: fc.double({ noNaN: true, noDefaultInfinity: true }), s: fc.string() },
      { requiredKeys: ['b', 's'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        const payload = rows.map((r, i) => JSON.stringify({ id: String(i), t: 1, ...r })).join('\n');
        const { counts } = await run(profile, payload);
        const kept = rows.filter((r) => r.a !== undefined && (r.a < r.b || r.s.startsWith('x'))).length;
        expect(counts).toMatchObject({ records: kept, skipped: rows.length - kept, quarantined: 0 });
      }),
      { numRuns: 50 },
    );
  });
});

describe('an expression that is refused', () => {
  it.each([
    ['row.a +', 'the expression is not valid CEL: Unexpected token: EOF (character 8)'],
    ['nope > 1', 'the expression is not valid CEL: Unknown variable: nope'],
    ['1 + 1', 'the condition gives int, and bool is needed'],
    ['row.s.matches(row.t)', /^matches takes a pattern written in the expression/],
    ['row.s.matches("a(?=b)")', /^matches: a pattern looks neither ahead/],
    ['row.s.matchesInLinearTime("a")', /^matchesInLinearTime is not available here/],
    ['matches(row.s, "a")', /^matches is not available here/],
    ['timestamp(row.s) == timestamp(row.s)', /^timestamp is not available here/],
    ['cel.bind(x, row.s + row.s, x == "")', /^bind is not available here/],
    ['row.a.map(x, [x, x]).size() > 1', /^map is not available here/],
    ['row.a.exists(x, row.b.exists(y, x == y))', 'exists is not allowed inside exists'],
    ['row.a.all(x, x + row.s != "")', '+ is not allowed inside all'],
    ['(row.a + row.a).all(x, x > 1)', 'all loops over a path or a list only'],
    ['row.s.contains(row.t)', 'contains takes a text written in the expression'],
    [`${'!'.repeat(300)}true`, /^the expression is not valid CEL/],
    [Array.from({ length: 201 }, () => '1').join('<'), /^the expression is not valid CEL/],
  ])('%s', (when, message) => {
    const [problem] = problems(profileOf('ndjson', [event({ when })]));
    expect(problem).toMatch(typeof message === 'string' ? `/records/0/when ${message}` : /^\/records\/0\/when /);
    if (typeof message !== 'string') expect(problem!.replace('/records/0/when ', '')).toMatch(message);
  });

  it('is named by its pointer, and no other is', () => {
    const profile = profileOf('csv', [
      event({ measures: { m: { cel: 'row.x > 3' } }, dimensions: { d: { cel: 'item.x' } } }),
    ]);
    expect(problems(profile).map((p) => p.split(' ')[0])).toEqual([
      '/records/0/dimensions/d/cel',
      '/records/0/measures/m/cel',
    ]);
  });

  it('is one that loops over too much of a row', async () => {
    const list = JSON.stringify({ id: 'a', t: 1, a: Array.from({ length: 3000 }, (_, i) => i) });
    const rule = event({ explode: 'a', key: ['id', '@index'], when: 'row.a.exists(x, x == item)' });
    const { counts, rejections } = await run(profileOf('ndjson', [rule]), list);
    expect(counts.records).toBe(Math.floor((4 << 20) / list.length));
    expect(rejections[0]).toMatchObject({ reason: 'expression_failed', pointer: `/a/${counts.records}` });
  });
});
