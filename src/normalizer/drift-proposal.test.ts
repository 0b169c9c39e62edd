import { describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { proposals } from './drift-proposal.ts';
import { applyPatch } from './json-patch.ts';
import { learnShape } from './known-shape.ts';
import { shapeChanges } from './shape-changes.ts';
import { isTextual } from './shape-cells.ts';
import type { Watch } from './shape-observer.ts';
import { event, profileOf, run } from './testing.ts';

const nothing: Watch = { known: undefined, guard: undefined };

/** What is said of a payload by who knows another. */
async function drift(profile: Profile, before: string, after: string, page = 0) {
  const learned = (await run(profile, before, { watch: nothing })).batches.at(-1)!.shape!;
  const options = { modes: {}, page: 0, textual: isTextual(profile), all: true };
  const known = [1, 2].reduce((sum: ReturnType<typeof learnShape> | undefined) => learnShape(sum, learned, options), undefined)!; // prettier-ignore
  const { batches } = await run(profile, after, { watch: { known: known.shape, guard: undefined } });
  const changes = shapeChanges({ known, seen: batches.at(-1)!.shape!, profile, page });
  const found = proposals(profile, changes, known.shape);
  return changes.map((change) => ({ ...change, ...found.get(change)! }));
}

const lines = (count: number, row: (n: number) => object): string =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify(row(n))}\n`).join('');
const base = (n: number) => ({ id: n, t: 1_700_000_000 + n, place: { name: 'x' }, level: n + 0.5 });
const rule = event({ dimensions: { place: 'place.name' }, measures: { level: 'level' } });
const profile = profileOf('ndjson', [rule]);

/** The profile with the edit of the only change that has one. */
function edited(of: Profile, changes: Awaited<ReturnType<typeof drift>>): Profile {
  const [only, ...others] = changes.filter(({ edit }) => edit.length > 0);
  expect(others).toEqual([]);
  return applyPatch(of, only!.edit);
}

describe('a new field', () => {
  it.each([
    ['a number', { depth: 3 }, { measures: { level: 'level', depth: 'depth' } }],
    ['a text', { 'Depth m': 'deep' }, { dimensions: { place: 'place.name', depth_m: 'Depth m' } }],
    ['a truth', { isDeep: true }, { dimensions: { place: 'place.name', is_deep: 'isDeep' } }],
    [
      'an object',
      { at: { lat: 1.5, sea: 'N' } },
      { dimensions: { place: 'place.name', sea: 'at.sea' }, measures: { level: 'level', lat: 'at.lat' } },
    ],
    [
      'of a name that is taken',
      { place: { name: 'x', level: 2 } },
      { measures: { level: 'level', level_2: 'place.level' } },
    ],
  ])('%s becomes a part of the records', async (_, more, expected) => {
    const changes = await drift(
      profile,
      lines(30, base),
      lines(30, (n) => ({ ...base(n), ...more })),
    );
    expect(changes).toMatchObject([{ change: 'field_added', severity: 'info', novelty: { row: 0 } }]);
    expect(edited(profile, changes).records[0]).toMatchObject(expected);
  });

  it('of exploded items is read of the item', async () => {
    const exploding = profileOf('ndjson', [
      event({ explode: 'list', key: ['id', '@index'], measures: { a: '@item.a' } }),
    ]);
    const row = (more: object) => (n: number) => ({ id: n, t: n, list: [{ a: 1 }, { a: 2, ...more }] });
    const changes = await drift(exploding, lines(9, row({})), lines(9, row({ 'b b': 1.5 })));
    expect(changes).toMatchObject([{ path: '/list/*/b b' }]);
    expect(edited(exploding, changes).records[0]!.measures).toEqual({ a: '@item.a', b_b: '@item.b b' });
  });

  it('that is a list, or a great many fields, has no edit', async () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`f${n}`, n]));
    const changes = await drift(
      profile,
      lines(30, base),
      lines(30, (n) => ({ ...base(n), tags: ['x'] })),
    );
    expect(changes).toMatchObject([{ path: '/tags', edit: [], note: expect.stringContaining('explode') as string }]);
    const flood = await drift(
      profile,
      lines(30, base),
      lines(30, (n) => ({ ...base(n), ...many })),
    );
    expect(flood).toMatchObject([{ path: '/*', message: 'The rows have 60 new fields at once.', edit: [] }]);
  });
});

it('takes numbers, dates and ids for the names of a map, and tells of the map alone', async () => {
  const keyed = (...names: string[]) => lines(30, (n) => ({ ...base(n), days: Object.fromEntries(names.map((name) => [name, { n }])) })); // prettier-ignore
  const before = keyed('2026-01-01', '2026-01-02');
  expect(await drift(profile, before, keyed('2026-01-02', '2026-01-03', '17'))).toEqual([]);
  expect(await drift(profile, before, keyed('9b2c1a34-0000-4000-8000-0123456789ab'))).toEqual([]);
  expect(await drift(profile, before, before.replaceAll('"n"', '"m"'))).toMatchObject([
    { path: '/days/*/m', change: 'field_added', edit: [] },
    { path: '/days/*/n', change: 'field_lost' },
  ]);
  expect(await drift(profile, before, keyed('2026-01-01', 'total'))).toMatchObject([{ path: '/days/total' }]);
  expect(await drift(profile, lines(30, base), before)).toMatchObject([{ path: '/days', edit: [] }]);
});

it('tells of a payload of another kind in a bounded number of events', async () => {
  const wide = (value: (n: number) => unknown) => lines(30, (n) => ({ ...base(n), ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, value(i)])) })); // prettier-ignore
  const changes = await drift(profile, wide((i) => i), wide(() => ['list'])); // prettier-ignore
  expect(changes).toHaveLength(200);
  expect(changes.at(-1)).toMatchObject({ message: expect.stringContaining('101 more fields') as string, edit: [] });
});

describe('a field that is gone', () => {
  it('is taken for the new one beside it that has a like name, or alone its type', async () => {
    const renamed = (n: number) => ({ uid: String(n), t: base(n).t, place: { title: 'x' }, level_m: n + 0.5, id2: n });
    const changes = await drift(profile, lines(30, base), lines(30, renamed));
    const edits = Object.fromEntries(changes.filter((one) => one.change === 'field_lost').map(({ path, severity, edit }) => [path, { severity, edit }])); // prettier-ignore
    expect(edits).toEqual({
      '/id': { severity: 'breaking', edit: [{ op: 'replace', path: '/records/0/key/0', value: 'id2' }] },
      '/level': { severity: 'warning', edit: [{ op: 'replace', path: '/records/0/measures/level', value: 'level_m' }] },
      '/place/name': { severity: 'warning', edit: [{ op: 'replace', path: '/records/0/dimensions/place', value: 'place.title' }] }, // prettier-ignore
    });
    // What it became is not proposed a second time.
    expect(changes.find(({ path }) => path === '/level_m')).toMatchObject({ change: 'field_added', edit: [] });
  });

  it('is taken out where records can do without, and is nobody’s business where it is not read', async () => {
    const changes = await drift(profileOf('ndjson', [event({ measures: { level: 'level' } })]), lines(30, base), lines(30, () => ({ id: 1, t: 1 }))); // prettier-ignore
    expect(changes).toMatchObject([
      { path: '/place', severity: 'info', edit: [] },
      { path: '/level', severity: 'warning', edit: [{ op: 'remove', path: '/records/0/measures/level' }] },
    ]);
  });

  it('breaks nothing where there is a default, where it was often missing, and where one row of many is left', async () => {
    const lacking = lines(30, () => ({ t: 5, place: { name: 'x' }, level: 1 })); // prettier-ignore
    const defaulted = profileOf('ndjson', [event({ key: [{ path: 'id', default: 'none' }] })]);
    expect(await drift(defaulted, lines(30, base), lacking)).toMatchObject([{ path: '/id', severity: 'warning' }]);
    const rare = lines(30, (n) => (n % 5 === 0 ? { ...base(n), id: null } : base(n)));
    expect(await drift(profile, rare, lacking)).toEqual([]);
    expect(await drift(profile, lines(300, base), lacking.split('\n')[0]!, 1)).toEqual([]);
  });
});

describe('another type', () => {
  it.each([
    [
      'a word for nothing',
      (n: number) => ({ level: n === 3 ? 'N/A' : n + 0.5 }),
      { level: { path: 'level', null_values: ['N/A'] } },
    ],
    ['a text', () => ({ level: 'high' }), {}],
  ])('of a measure: %s', async (_, change, measures) => {
    const changes = await drift(
      profile,
      lines(30, base),
      lines(30, (n) => ({ ...base(n), ...change(n) })),
    );
    expect(changes).toMatchObject([{ change: 'type_changed', severity: 'warning', path: '/level' }]);
    const { records } = edited(profile, changes);
    expect(records[0]!.measures).toEqual(measures);
    expect(records[0]!.dimensions!.level).toBe('level' in measures ? undefined : 'level');
  });

  it.each([
    ['from seconds to a date', { path: 't', cast: 'epoch_s' }, '2026-01-01T00:00:00Z', { path: 't', format: 'iso' }],
    ['from a date to milliseconds', 't', 1_700_000_000_000, { path: 't', cast: 'epoch_ms' }],
    ['from a date to seconds', 't', 1_700_000_000, { path: 't', cast: 'epoch_s' }],
  ] as const)('of the time: %s', async (_, ts, value, expected) => {
    const timed = profileOf('ndjson', [event({ ts })]);
    const before = typeof ts === 'string' ? '2026-01-01T00:00:00Z' : 1_700_000_000;
    const changes = await drift(
      timed,
      lines(30, (n) => ({ id: n, t: before })),
      lines(30, (n) => ({ id: n, t: value })),
    );
    expect(changes).toMatchObject([{ severity: 'breaking', path: '/t' }]);
    expect(edited(timed, changes).records[0]!.ts).toEqual(expected);
  });

  it('of an int64 with a fraction is a decimal; of a row that is a text, all is broken', async () => {
    const whole = profileOf('ndjson', [event({ measures: { n: { path: 'n', cast: 'int64' } } })]);
    const row = (n: number, value: number) => ({ id: n, t: n, n: value });
    const changes = await drift(
      whole,
      lines(30, (n) => row(n, n)),
      lines(30, (n) => row(n, n + 0.5)),
    );
    expect(changes).toMatchObject([{ severity: 'warning', before: 4, after: 8 }]);
    expect(edited(whole, changes).records[0]!.measures).toEqual({ n: { path: 'n', cast: 'decimal' } });
    expect(await drift(profile, lines(30, base), '"a"\n'.repeat(30))).toMatchObject([
      { change: 'records_changed', severity: 'breaking', path: '' },
    ]);
  });
});

it('tells when there are far fewer rows on a first page, and not on another', async () => {
  const collapse = [{ change: 'records_changed', severity: 'warning', path: '', edit: [] }];
  expect(await drift(profile, lines(100, base), lines(9, base))).toMatchObject(collapse);
  expect(await drift(profile, lines(100, base), lines(9, base), 3)).toEqual([]);
  expect(await drift(profile, lines(100, base), '')).toMatchObject(collapse);
});

describe('where values come as texts', () => {
  const csv = profileOf('csv', [event({ ts: 't', measures: { level: 'level' }, dimensions: { code: 'code' } })]);
  const table = (level: (n: number) => string, code: (n: number) => string): string =>
    `id,t,level,code\n${Array.from({ length: 40 }, (_, n) => `${n},2026-01-01,${level(n)},${code(n)}\n`).join('')}`;
  const before = table(String, (n) => `A${n}`);

  it('types are read from them, and a column of texts may hold anything', async () => {
    expect(await drift(csv, before, table(String, String))).toEqual([]);
    expect(
      await drift(
        csv,
        before,
        table(
          (n) => (n === 2 ? '' : String(n)),
          () => '2026-01-01',
        ),
      ),
    ).toEqual([]);
    expect(
      await drift(
        csv,
        before,
        table(
          (n) => String(n + 0.5),
          () => 'x',
        ),
      ),
    ).toMatchObject([{ path: '/level', severity: 'info' }]);
    const words = await drift(
      csv,
      before,
      table(
        (n) => (n === 2 ? 'NaN' : String(n)),
        () => 'x',
      ),
    );
    expect(edited(csv, words).records[0]!.measures).toEqual({ level: { path: 'level', null_values: ['NaN'] } });
  });

  it('XML is watched by its elements and attributes', async () => {
    const xml = profileOf('xml', [event({ key: ['@id'], ts: 't', measures: { level: 'level' } })], {
      select: '/r/row',
    });
    const text = (row: (n: number) => string): string =>
      `<r>${Array.from({ length: 30 }, (_, n) => row(n)).join('')}</r>`;
    const plain = text((n) => `<row id="${n}"><t>2026-01-01</t><level>${n}</level></row>`);
    expect(await drift(xml, plain, plain)).toEqual([]);
    const changes = await drift(
      xml,
      plain,
      text((n) => `<row id="${n}"><t>2026-01-01</t><level>high</level><site>s</site></row>`),
    );
    expect(changes).toMatchObject([
      { path: '/site', change: 'field_added' },
      { path: '/level', before: 4, after: 16 },
    ]);
  });
});

it('shows nothing under a policy', async () => {
  const guarded = { ...profile, policy: { fields: { 'dimensions.place': { action: 'mask' as const } } } };
  const changes = await drift(guarded, lines(30, base), lines(30, (n) => ({ ...base(n), level: 'secret', 'ann@example.org': 1, tel: 'ann@example.org' }))); // prettier-ignore
  expect(changes).toHaveLength(3);
  expect(JSON.stringify(changes)).not.toMatch(/secret|ann@/);
  expect(changes.find(({ path }) => path.includes('['))).toMatchObject({ edit: [] });
});
