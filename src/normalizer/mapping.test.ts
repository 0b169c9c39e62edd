import { describe, expect, it } from 'vitest';
import type { FieldRule, Profile, RecordRule } from '#contracts';
import { canonicalJson, ChartlyError, sha256Hex, shortId } from '#kit';
import { compileProfile } from './compile.ts';
import { event, profileOf, run } from './testing.ts';

/** The one record's dimension or measure, or the reason why there is none. */
async function dimension(rule: FieldRule, row: unknown, more: Partial<Profile> = {}): Promise<string | undefined> {
  const profile = profileOf(
    'ndjson',
    [{ kind: 'entity', name: 'x', key: [{ const: 'k' }], dimensions: { d: rule } }],
    more,
  );
  const text = typeof row === 'string' ? row : JSON.stringify(row);
  const { records, rejections } = await run(profile, text);
  return rejections[0]?.reason ?? records[0]!.dimensions.d;
}

async function measure(rule: FieldRule, row: unknown) {
  const profile = profileOf('ndjson', [{ kind: 'entity', name: 'x', key: [{ const: 'k' }], measures: { m: rule } }]);
  const text = typeof row === 'string' ? row : JSON.stringify(row);
  const { records, rejections } = await run(profile, text);
  if (rejections.length > 0) return rejections[0]!.reason;
  return { m: records[0]!.measures.m, exact: records[0]!.exact?.m };
}

async function time(rule: Exclude<FieldRule, string>, value: unknown, more: Partial<Profile> = {}): Promise<string> {
  const profile = profileOf('ndjson', [event({ key: [{ const: 'k' }], ts: { path: 't', ...rule } })], more);
  const { records, rejections } = await run(profile, JSON.stringify({ t: value }));
  return rejections[0]?.reason ?? new Date(records[0]!.tsMs!).toISOString();
}

describe('paths', () => {
  it.each([
    ['a', { a: 'x' }],
    ['a.b[1]', { a: { b: [0, 'x'] } }],
    ['Release Date', { 'Release Date': 'x' }],
    ["$['US Gross']", { 'US Gross': 'x' }],
    ['$["a.b"].c', { 'a.b': { c: 'x' } }],
    ["['a b'].c", { 'a b': { c: 'x' } }],
    ['$.a[-1]', { a: ['y', 'x'] }],
    ["$['it\\'s \"\\u00e4\"']", { 'it\'s "ä"': 'x' }],
    ['a.b.c.d', { a: { b: { c: { d: 'x' } } } }],
    ['length', { length: 'x' }],
  ])('%s', async (path, row) => {
    expect(await dimension(path, row)).toBe('x');
  });

  it('see only what a row holds itself', async () => {
    for (const path of [
      'constructor',
      'a.length',
      "$.a['0']",
      '__proto__',
      'a.constructor.name',
      's.length',
      'a.b[0]',
    ]) {
      expect(await dimension({ path, cast: 'text' }, { a: ['x'], s: 'text' }), path).toBeUndefined();
    }
    expect(await dimension('__proto__', '{"__proto__":"x"}')).toBe('x');
  });

  it('of CSV are the names of columns', async () => {
    const rule = { kind: 'entity' as const, name: 'x', key: ['a.b[0]'], dimensions: { d: "$['US Gross']", e: 'none' } };
    const { records } = await run(profileOf('csv', [rule]), 'a.b[0],US Gross\n1,x');
    expect(records[0]!.dimensions).toEqual({ d: 'x' });
  });
});

describe('casts', () => {
  it('to text', async () => {
    expect(await dimension('a', { a: 1.5 })).toBe('1.5');
    expect(await dimension('a', { a: true })).toBe('true');
    expect(await dimension('a', { a: { b: 1 } })).toBe('cast_failed');
    expect(await dimension('a', { a: '\ud800' })).toBe('cast_failed');
    expect(await dimension('a', '{"a":1e999}')).toBe('1e999');
  });

  it('keep every digit of a large number in text', async () => {
    expect(await dimension('a', '{"a":12345678901234567890}')).toBe('12345678901234567890');
    expect(await dimension('a', '{"a":9007199254740993}')).toBe('9007199254740993');
    expect(await dimension('a', '{"a":1e21}')).toBe('1000000000000000000000');
    const keyed = profileOf('ndjson', [event()]);
    expect((await run(keyed, '{"id":9007199254740992,"t":1}\n{"id":9007199254740993,"t":1}')).counts.records).toBe(2);
  });

  it('to float', async () => {
    expect(await measure('a', { a: 1.5 })).toEqual({ m: 1.5 });
    expect(await measure('a', { a: ' +1.5e2 ' })).toEqual({ m: 150 });
    for (const a of ['0x10', '1,5', 'NaN', 'Infinity', '1e999', true, [1], {}])
      expect(await measure('a', { a })).toBe('cast_failed');
    expect(await measure('a', '{"a":1e999}')).toBe('cast_failed');
  });

  it('to int64, exactly', async () => {
    const rule = { path: 'a', cast: 'int64' as const };
    expect(await measure(rule, { a: 5 })).toEqual({ m: 5 });
    expect(await measure(rule, '{"a":9007199254740993}')).toEqual({ m: 9007199254740992, exact: '9007199254740993' });
    expect(await measure(rule, { a: '-9223372036854775808' })).toEqual({
      m: -(2 ** 63),
      exact: '-9223372036854775808',
    });
    for (const a of ['9223372036854775808', 1.5, '1.5', 'x', true])
      expect(await measure(rule, { a })).toBe('cast_failed');
    expect(await dimension(rule, '{"a":9007199254740993}')).toBe('9007199254740993');
  });

  it('to decimal, exactly', async () => {
    const rule = { path: 'a', cast: 'decimal' as const };
    expect(await measure(rule, '{"a":0.10}')).toEqual({ m: 0.1 });
    expect(await measure(rule, '{"a":0.1000000000000000001}')).toEqual({ m: 0.1, exact: '0.1000000000000000001' });
    expect(await measure(rule, '{"a":12345678901234567.89}')).toEqual({
      m: 12345678901234568,
      exact: '12345678901234567.89',
    });
    expect(await measure(rule, { a: '1e400' })).toBe('cast_failed');
    expect(await dimension(rule, { a: '1.50' })).toBe('1.5');
  });

  it('to boolean', async () => {
    const rule = { path: 'a', cast: 'boolean' as const };
    for (const a of [true, 'Yes', '1', 1, 't']) expect(await dimension(rule, { a })).toBe('true');
    for (const a of [false, 'NO', '0', 0, 'f']) expect(await dimension(rule, { a })).toBe('false');
    expect(await measure(rule, { a: 'y' })).toEqual({ m: 1 });
    expect(await dimension(rule, { a: 'maybe' })).toBe('cast_failed');
  });

  it('to times', async () => {
    expect(await time({ cast: 'epoch_s' }, 1.001)).toBe('1970-01-01T00:00:01.001Z');
    expect(await time({ cast: 'epoch_s' }, '4.35')).toBe('1970-01-01T00:00:04.350Z');
    expect(await time({ cast: 'epoch_ms' }, -1)).toBe('1969-12-31T23:59:59.999Z');
    expect(await time({ cast: 'epoch_us' }, 1999)).toBe('1970-01-01T00:00:00.001Z');
    expect(await time({ cast: 'epoch_ms' }, 'x')).toBe('cast_failed');
    expect(await time({ cast: 'epoch_ns' }, '1700000000000999999')).toBe('2023-11-14T22:13:20.000Z');
    expect(await time({ cast: 'epoch_ns' }, '-1')).toBe('1969-12-31T23:59:59.999Z');
    expect(await time({ cast: 'epoch_ns' }, 5_000_000)).toBe('1970-01-01T00:00:00.005Z');
    for (const ns of ['1.5', 'x', '9'.repeat(30)]) expect(await time({ cast: 'epoch_ns' }, ns)).toBe('cast_failed');
    expect(await time({ cast: 'epoch_s' }, 1e12)).toBe('time_out_of_range');
    expect(await time({ cast: 'epoch_ms' }, '1899-12-31')).toBe('cast_failed');
    expect(await time({}, '1899-12-31')).toBe('time_out_of_range');
    expect(await time({}, '2300-01-01')).toBe('time_out_of_range');
    expect(await time({}, '2299-12-31T23:59:59.999Z')).toBe('2299-12-31T23:59:59.999Z');
    expect(await time({}, '2023-02-30')).toBe('time_invalid');
    expect(await time({}, 1_700_000_000)).toBe('time_invalid');
    expect(await time({ format: ['yyyy', 'MMM d yyyy'] }, 1850)).toBe('time_out_of_range');
    expect(await time({ format: ['yyyy', 'MMM d yyyy'] }, 1950)).toBe('1950-01-01T00:00:00.000Z');
    expect(await time({ format: ['yyyy', 'MMM d yyyy'] }, 'Jun 12 1998')).toBe('1998-06-12T00:00:00.000Z');
  });

  it('to times of nanoseconds, of which a double does not hold the last digits', async () => {
    const profile = profileOf('ndjson', [event({ ts: { path: 't', cast: 'epoch_ns' } })]);
    const { records } = await run(profile, '{"id":1,"t":1700000000000999999}\n{"id":2,"t":1700000000001000000}');
    expect(records.map(({ tsMs }) => tsMs)).toEqual([1_700_000_000_000, 1_700_000_000_001]);
  });

  it('to times of a zone', async () => {
    const berlin = { timezone: 'Europe/Berlin' };
    expect(await time({}, '2023-07-01T12:00', berlin)).toBe('2023-07-01T10:00:00.000Z');
    expect(await time(berlin, '2023-01-01T12:00')).toBe('2023-01-01T11:00:00.000Z');
    expect(await time(berlin, '2023-01-01T12:00Z')).toBe('2023-01-01T12:00:00.000Z');
    expect(await time({ ...berlin, ambiguous: 'reject' }, '2023-10-29T02:30')).toBe('time_ambiguous');
    expect(await time({ ...berlin, ambiguous: 'later' }, '2023-10-29T02:30')).toBe('2023-10-29T01:30:00.000Z');
    expect(await time(berlin, '2023-10-29T02:30')).toBe('2023-10-29T00:30:00.000Z');
  });

  it('to a dimension, as canonical text', async () => {
    expect(await dimension({ path: 'a', cast: 'datetime' }, { a: '2023-07-01' })).toBe('2023-07-01T00:00:00.000Z');
    expect(await dimension({ path: 'a', cast: 'float' }, { a: '1.50' })).toBe('1.5');
  });
});

describe('rules', () => {
  it('trim, and take empty texts and null values for missing', async () => {
    expect(await dimension('a', { a: '  x\t' })).toBe('x');
    expect(await dimension({ path: 'a', trim: false }, { a: ' x' })).toBe(' x');
    for (const a of ['', '  ', null]) expect(await dimension('a', { a })).toBeUndefined();
    expect(await dimension({ path: 'a', null_values: ['N/A'] }, { a: ' N/A ' })).toBeUndefined();
    expect(await dimension('a', { a: -999 }, { null_values: ['-999'] })).toBeUndefined();
    expect(await dimension({ path: 'a', default: 'none' }, {})).toBe('none');
    expect(await dimension({ path: 'a', required: true }, {})).toBe('missing_field');
  });

  it('change case, then map, then cast', async () => {
    expect(await dimension({ path: 'a', case: 'upper' }, { a: 'xä' })).toBe('XÄ');
    const rule = { path: 'a', case: 'lower' as const, map: { one: '1', two: '2' } };
    expect(await measure({ ...rule, cast: 'int64' }, { a: 'TWO' })).toEqual({ m: 2 });
    expect(await dimension(rule, { a: 'three' })).toBe('value_not_mapped');
    expect(await dimension({ ...rule, default: 'other' }, { a: 'three' })).toBe('other');
    expect(await dimension({ path: 'a', map: { '1': 'one' } }, { a: 1 })).toBe('one');
    expect(await dimension({ path: 'a', map: { x: 'y' } }, { a: 'constructor' })).toBe('value_not_mapped');
  });

  it('hold numbers to min and max', async () => {
    const rule = { path: 'a', min: 0, max: 10 };
    expect(await measure(rule, { a: 10 })).toEqual({ m: 10 });
    expect(await measure(rule, { a: 10.1 })).toBe('value_out_of_range');
    expect(await measure(rule, { a: -1 })).toBe('value_out_of_range');
    expect(await measure(rule, {})).toEqual({ m: undefined, exact: undefined });
  });
});

describe('records', () => {
  const row = { id: 'a', t: 5, v: 1 };

  it('carry ids, hashes and places that follow from the row', async () => {
    const metric: RecordRule = {
      kind: 'metric',
      name: 'price',
      key: ['id', 't'],
      ts: { path: 't', cast: 'epoch_s' },
      value: { path: 'v', unit: 'USD' },
    };
    const profile = profileOf('ndjson', [metric]);
    const { records, batches } = await run(profile, `\n${JSON.stringify(row)}\n`);
    const [record] = records;
    const recordId = shortId(['record', 'default', 'test', 'metric', 'a', '5']);
    expect(record).toMatchObject({
      kind: 'metric',
      name: 'price',
      tsMs: 5000,
      recordId,
      value: 1,
      unit: 'USD',
      byteStart: 1,
      byteEnd: 23,
      row: 0,
    });
    const raw = sha256Hex(`\n${JSON.stringify(row)}\n`);
    const digest = sha256Hex(canonicalJson(profile));
    expect(batches[0]!.batchId).toBe(shortId(['batch', 'default', 'test', raw, digest, String(2n ** 44n + 5n), '0']));
    expect(record!.recordHash).toBe(
      sha256Hex(
        canonicalJson({
          tenant_id: 'default',
          source_id: 'test',
          kind: 'metric',
          name: 'price',
          ts: '1970-01-01T00:00:05.000Z',
          record_id: recordId,
          value: 1,
          unit: 'USD',
          dimensions: {},
          measures: {},
          raw_sha256: raw,
          byte_start: 1,
          byte_end: 23,
          row: 0,
          profile_id: 'test',
          profile_version: '1.0.0',
          profile_digest: digest,
        }),
      ),
    );
  });

  it('come several from a row, by several rules', async () => {
    const rules = [event(), event({ name: { path: 'id' }, key: ['id', { const: 'second' }] })];
    const { records, counts } = await run(profileOf('ndjson', rules), JSON.stringify(row));
    expect(records.map((r) => r.name)).toEqual(['thing', 'a']);
    expect(counts).toMatchObject({ rows: 1, candidates: 2, records: 2 });
  });

  it('are skipped or quarantined when a required field is missing, as the rule says', async () => {
    const payload = '{"id":"a"}\n{"t":5}\n{"id":"b","t":5}';
    const quarantined = await run(profileOf('ndjson', [event()]), payload);
    expect(quarantined.counts).toMatchObject({ candidates: 3, records: 1, quarantined: 2, skipped: 0 });
    expect(quarantined.rejections.map((r) => `${r.rule} ${r.pointer} ${r.reason} ${r.masked}`)).toEqual([
      'records[0].ts /t missing_field missing',
      'records[0].key[0] /id missing_field missing',
    ]);
    const skips = await run(profileOf('ndjson', [event({ on_missing: 'skip' })]), payload);
    expect(skips.counts).toMatchObject({ candidates: 3, records: 1, quarantined: 0, skipped: 2 });
  });

  it('give one rejection for each rule that fails, and count once', async () => {
    const rule = event({ measures: { a: 'a', b: 'b' } });
    const { rejections, counts } = await run(profileOf('ndjson', [rule]), '{"id":"x","t":5,"a":"secret-a","b":[1]}');
    expect(counts).toMatchObject({ candidates: 1, quarantined: 1 });
    expect(rejections.map((r) => `${r.rule} ${r.pointer} ${r.masked}`)).toEqual([
      'records[0].measures.a /a text s…a (8 characters)',
      'records[0].measures.b /b list (1 items)',
    ]);
    expect(JSON.stringify(rejections)).not.toContain('secret');
  });

  it('must satisfy their contract', async () => {
    const rule = event({ name: { path: 'n' }, dimensions: { d: 'd' } });
    const rows = [{ n: 'x'.repeat(257) }, { n: 'ok', d: 'y'.repeat(65_537) }, { n: 'ok' }];
    const payload = rows.map((r, i) => JSON.stringify({ id: String(i), t: 1, ...r })).join('\n');
    const { rejections, counts } = await run(profileOf('ndjson', [rule]), payload);
    expect(counts).toMatchObject({ records: 1, quarantined: 2 });
    expect(rejections.map((r) => `${r.reason} ${r.rule} ${r.pointer} ${r.masked}`)).toEqual([
      'contract_violation contract canonical/event /name text x…x (257 characters)',
      'contract_violation contract canonical/event /dimensions/d text y…y (65537 characters)',
    ]);
  });
});

describe('unpivot', () => {
  const rule = (unpivot: RecordRule['unpivot'], more: Partial<RecordRule> = {}): RecordRule => ({
    kind: 'metric',
    name: { path: '@column' },
    key: ['day', '@column'],
    ts: 'day',
    value: '@cell',
    unpivot,
    ...more,
  });

  it('gives a candidate for each column that is not excluded', async () => {
    const { records, counts } = await run(
      profileOf('csv', [rule({ exclude: ['day'] })]),
      'day,a,b\n2020-01-01,1,2\n2020-01-02,,x',
    );
    expect(records.map((r) => [r.name, r.value])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(counts).toMatchObject({ rows: 2, candidates: 4, records: 2, skipped: 1, quarantined: 1 });
  });

  it('takes the columns named, of JSON too, and points at them', async () => {
    const profile = profileOf('ndjson', [rule({ columns: ['a', 'c'], on_missing: 'quarantine' })]);
    const { records, rejections } = await run(profile, '{"day":"2020-01-01","a":1,"b":2}');
    expect(records.map((r) => [r.name, r.value])).toEqual([['a', 1]]);
    expect(rejections).toMatchObject([
      { reason: 'missing_field', rule: 'records[0].unpivot', pointer: '/c', candidate: 1 },
    ]);
    const bad = await run(profile, '{"day":"2020-01-01","a":"x","c":3}');
    expect(bad.rejections).toMatchObject([{ reason: 'cast_failed', rule: 'records[0].value', pointer: '/a' }]);
  });

  it('takes null values of the cell for an empty one', async () => {
    const unpivoted = rule({ exclude: ['day'] }, { value: { path: '@cell', null_values: ['.'] } });
    expect((await run(profileOf('csv', [unpivoted]), 'day,a\n2020-01-01,.')).counts).toMatchObject({
      skipped: 1,
      quarantined: 0,
    });
  });
});

describe('dedupe', () => {
  const rows = (ids: string[]) =>
    ids.map((id, i) => JSON.stringify({ id, t: id === 'bad' ? 'x' : 1, n: i })).join('\n');
  const rule = event({ measures: { n: 'n' } });

  it.each(['first', 'last'] as const)('keeps the %s valid candidate of a key over the whole payload', async (keep) => {
    const profile = profileOf('ndjson', [rule], { dedupe: { keep } });
    const payload = `${rows(['a', 'b', 'a', 'c', 'b', 'd'])}\n{"id":"a","t":"bad","n":9}`;
    for (const candidates of [1, 2, 3, 100]) {
      const { records, counts } = await run(profile, payload, { limits: { candidates, weight: 1e9 } });
      expect(records.map((r) => r.measures.n)).toEqual(keep === 'first' ? [0, 1, 3, 5] : [2, 3, 4, 5]);
      expect(counts).toMatchObject({ candidates: 7, records: 4, deduplicated: 2, quarantined: 1 });
    }
  });

  it('keeps the last when nothing is said', async () => {
    const { records } = await run(profileOf('ndjson', [rule]), rows(['a', 'a']));
    expect(records.map((r) => r.measures.n)).toEqual([1]);
  });
});

describe('a wrong profile', () => {
  const problems = (profile: unknown): string[] => {
    try {
      compileProfile(profile as Profile, () => '');
      return [];
    } catch (error) {
      expect(error).toBeInstanceOf(ChartlyError);
      expect((error as ChartlyError).code).toBe('profile_invalid');
      return (error as ChartlyError).details.map((d) => d.pointer!);
    }
  };

  it('is refused by its contract', () => {
    expect(problems({ ...profileOf('json', [event()]), surprise: 1 })).toHaveLength(1);
    expect(problems(null)).toHaveLength(1);
  });

  describe('with two rules that would give one row two records of one identity', () => {
    const other = (rule: Partial<RecordRule>): RecordRule => ({ ...event(), name: 'other', ...rule });

    it('is refused, and told what to write instead', () => {
      const profile = profileOf('json', [event({ key: ['id', 'a-b[0]'] }), other({ key: [{ path: 'id' }, 'a-b[0]'] })]);
      expect(() => compileProfile(profile, () => '')).toThrow(
        expect.objectContaining({
          code: 'profile_invalid',
          details: [
            {
              pointer: '/records/1/key',
              message: expect.stringContaining('key: [{ const: other }, {"path":"id"}, "a-b[0]"]') as string,
            },
          ],
        }),
      );
    });

    it('is accepted when kind, key or columns tell them apart', () => {
      const entity: RecordRule = { kind: 'entity', name: 'thing', key: event().key };
      const cells = (unpivot: RecordRule['unpivot']): RecordRule => event({ key: ['@column'], unpivot });
      expect(problems(profileOf('json', [event(), entity, other({ key: [{ const: 'other' }, 'id'] })]))).toEqual([]);
      expect(problems(profileOf('json', [cells({ columns: ['a'] }), cells({ columns: ['b', 'c'] })]))).toEqual([]);
      expect(problems(profileOf('json', [cells({ exclude: ['a', 't'] }), cells({ columns: ['a'] })]))).toEqual([]);
      expect(problems(profileOf('json', [cells({ columns: ['a', 'b'] }), cells({ columns: ['b'] })]))).toEqual([
        '/records/1/key',
      ]);
      expect(problems(profileOf('json', [cells({ exclude: ['a'] }), cells({ exclude: ['b'] })]))).toHaveLength(1);
    });
  });

  it('has every problem named by a pointer', () => {
    const rule: RecordRule = {
      kind: 'event',
      name: { path: '@column' },
      key: ['$.a[*]', 'a..b'],
      ts: { path: 't', cast: 'float' },
      value: 'v',
      dimensions: {
        d: { path: 'd', format: 'iso' },
        e: { path: 'e', cast: 'datetime', format: 'QQQ', timezone: 'Nowhere/At_all' },
        f: { path: 'f', min: 1 },
      },
      measures: {
        m: { path: 'm', cast: 'text' },
        n: { const: 'x' },
        o: { path: 'o', min: 2, max: 1 },
        p: { path: 'p', default: 'x' },
      },
      unpivot: { columns: ['a'], exclude: ['b'] },
    };
    const { unpivot, ...plain } = rule;
    const wrong = profileOf('json', [plain, { ...event(), unpivot }], { select: '$.a[', timezone: 'Nope', csv: {} });
    expect(problems(wrong).toSorted()).toEqual([
      '/csv',
      '/records/0/dimensions/d/format',
      '/records/0/dimensions/e/format',
      '/records/0/dimensions/f/min',
      '/records/0/key/0/path',
      '/records/0/key/1/path',
      '/records/0/measures/m/cast',
      '/records/0/measures/n/const',
      '/records/0/measures/o/min',
      '/records/0/measures/p/default',
      '/records/0/name/path',
      '/records/0/ts/cast',
      '/records/0/value',
      '/records/1/unpivot',
      '/select',
      '/timezone',
    ]);
    const csv = { csv: { header: false, quote: 'ä', delimiter: ',' }, select: '$' };
    expect(problems(profileOf('csv', [event({ ts: 'a' })], csv)).toSorted()).toEqual([
      '/csv/columns',
      '/csv/quote',
      '/select',
    ]);
  });
});
