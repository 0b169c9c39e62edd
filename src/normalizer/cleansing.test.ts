import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChartlyError, plainDecimal } from '#kit';
import type { NumberFormat, Rule } from '#contracts';
import { Attempt } from './attempt.ts';
import { compileProfile } from './compile.ts';
import { durationSeconds } from './duration.ts';
import { numberReader } from './number-format.ts';
import { replacer } from './replace.ts';
import { scaling } from './scale.ts';
import { profileOf, run } from './testing.ts';

type Options = Omit<Rule, 'path' | 'const'>;
const rule = (options: Options, member: 'dimensions' | 'measures') =>
  profileOf('ndjson', [
    { kind: 'entity', name: 'x', key: [{ const: 'k' }], [member]: { a: { path: 'a', ...options } } },
  ]);

/** The text or reason that a rule makes of a value. */
async function text(options: Options, a: unknown): Promise<string | undefined> {
  const { records, rejections } = await run(rule(options, 'dimensions'), JSON.stringify({ a }));
  return rejections[0]?.reason ?? records[0]!.dimensions.a;
}

async function number(options: Options, a: unknown): Promise<unknown> {
  const { records, rejections } = await run(rule(options, 'measures'), JSON.stringify({ a }));
  if (rejections.length > 0) return rejections[0]!.reason;
  const [record] = records;
  return record!.exact?.a === undefined ? record!.measures.a : { a: record!.measures.a, exact: record!.exact.a };
}

const problems = (options: Options, member: 'dimensions' | 'measures' = 'measures'): (string | undefined)[] => {
  try {
    compileProfile(rule(options, member), () => '');
    return [];
  } catch (error) {
    return (error as ChartlyError).details.map((d) => d.pointer?.replace(`/records/0/${member}/a/`, ''));
  }
};

describe('white space', () => {
  it('collapses when asked, then is trimmed, then may be missing', async () => {
    expect(await text({ collapse: true }, ' a \t\n b\u00a0 c ')).toBe('a b c');
    expect(await text({ collapse: true, trim: false }, '  a  b')).toBe(' a b');
    expect(await text({}, 'a  b')).toBe('a  b');
    expect(await text({ collapse: true, null_values: ['no value'] }, 'no   value')).toBeUndefined();
  });
});

describe('replace', () => {
  it('takes literal texts, the first of the list that fits, in one pass, before all else', async () => {
    expect(await text({ replace: [{ text: '.*', with: '-' }] }, 'a.*b.c')).toBe('a-b.c');
    expect(
      await text(
        {
          replace: [
            { text: 'a', with: 'b' },
            { text: 'b', with: 'a' },
          ],
        },
        'abba',
      ),
    ).toBe('baab');
    expect(
      await text(
        {
          replace: [
            { text: 'ab', with: '1' },
            { text: 'a', with: '2' },
          ],
        },
        'aab',
      ),
    ).toBe('21');
    expect(await text({ replace: [{ text: 'a', with: '$&$1' }] }, 'a')).toBe('$&$1');
    expect(await text({ replace: [{ text: 'n/a', with: '' }] }, ' n/a ')).toBeUndefined();
    expect(await number({ replace: [{ text: '$', with: '' }] }, '$ 5')).toBe(5);
  });

  it('agrees with replaceAll for one text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
        fc.string(),
        fc.string(),
        (found, put, around) => {
          const whole = `${around}${found}${put}${found}`;
          const replace = replacer([{ text: found, with: put }], () => {});
          expect(replace!(whole, new Attempt())).toBe(whole.split(found).join(put));
        },
      ),
    );
  });
});

describe('number_format', () => {
  const german = numberReader({ decimal: ',', group: '.' });

  it('reads groups and a decimal comma, and takes one for the other never', () => {
    expect(german('1.234.567,89')).toBe('1234567.89');
    expect(german('-1.234')).toBe('-1234');
    expect(german('\u22121234,5')).toBe('-1234.5');
    expect(german(',5')).toBe('0.5');
    expect(numberReader({ group: ',' })('12,34,567.5')).toBe('1234567.5');
    for (const wrong of [
      '1.5',
      '1.23',
      '1.2345',
      '12.34',
      '1.234.56',
      '.123',
      '1,2,3',
      '1.234 567',
      '1e',
      '',
      ',',
      '0x1',
    ])
      expect(german(wrong), wrong).toBeUndefined();
    expect(numberReader({ group: ' ' })('1\u202f234\u202f567')).toBe('1234567');
    expect(numberReader({ group: ' ' })('1\u202f234 567')).toBeUndefined();
    expect(numberReader({ group: "'" })('1\u2019234')).toBe('1234');
  });

  it('reads percents exactly', async () => {
    const percent = { percent: true };
    expect(await number({ number_format: percent }, '12.5 %')).toBe(0.125);
    expect(await number({ number_format: percent }, '0.07')).toBe(0.07);
    expect(await number({ number_format: percent, scale: 100 }, '0.07%')).toBe(0.07);
    expect(await text({ number_format: percent, cast: 'decimal' }, '33.3333333333333333333%')).toBe(
      '0.333333333333333333333',
    );
    expect(await number({ number_format: {} }, '5%')).toBe('cast_failed');
    expect(await number({ number_format: percent }, 5)).toBe(5);
  });

  it('reads back every number that is written so', () => {
    const formats: [NumberFormat, string][] = [
      [{ decimal: ',', group: '.' }, 'de-DE'],
      [{ group: ',' }, 'en-US'],
      [{ group: ',' }, 'en-IN'],
      [{ decimal: ',', group: ' ' }, 'fr-FR'],
      [{ group: "'" }, 'de-CH'],
    ];
    for (const [format, locale] of formats) {
      const read = numberReader(format);
      const write = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 });
      fc.assert(
        fc.property(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), fc.integer({ min: 0, max: 10 }), (n, places) => {
          const value = Number((n / 2 ** places).toFixed(6));
          expect(Number(read(write.format(value)))).toBe(value === 0 ? 0 : value);
        }),
        { numRuns: 100 },
      );
    }
  });
});

describe('scale', () => {
  it('multiplies in decimal', async () => {
    expect(await number({ scale: 100 }, '4.35')).toBe(435);
    expect(await number({ scale: 0.001 }, 7)).toBe(0.007);
    expect(await number({ cast: 'decimal', scale: 0.3048 }, '12345678901234567.89')).toEqual({
      a: 3762962929096296.5,
      exact: '3762962929096296.292872',
    });
    expect(await number({ cast: 'int64', scale: 1000 }, '9007199254')).toBe(9007199254000);
    expect(await number({ cast: 'int64', scale: 1000 }, '1.5')).toBe(1500);
    expect(await number({ cast: 'int64', scale: 0.001 }, '1500')).toBe('cast_failed');
    expect(await number({ scale: 10 }, 1.5e308)).toBe('cast_failed');
    expect(await number({ scale: 60, max: 100 }, 2)).toBe('value_out_of_range');
    expect(await number({ default: 2, scale: 60 }, null)).toBe(120);
    expect(problems({ scale: 0 })).toEqual(['scale']);
  });

  it('is exact for decimals, and nearest to it for doubles', () => {
    const decimals = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 12 }));
    fc.assert(
      fc.property(
        decimals,
        fc.integer({ min: 1, max: 10 ** 6 }),
        fc.integer({ min: 0, max: 6 }),
        ([digits, places], f, d) => {
          const factor = Number(`${f}e-${d}`);
          const exact = plainDecimal(`${digits * BigInt(f)}e-${places + d}`)!;
          const plain = plainDecimal(`${digits}e-${places}`)!;
          expect(scaling(factor).decimal(plain)).toBe(exact);
          if (plainDecimal(String(Number(plain))) === plain)
            expect(scaling(factor).float(Number(plain))).toBe(Number(exact));
        },
      ),
    );
  });
});

describe('clamp', () => {
  it('sets numbers outside to the bound', async () => {
    const bounds = { min: 0, max: 10, clamp: true };
    expect(await number(bounds, 11)).toBe(10);
    expect(await number(bounds, -1)).toBe(0);
    expect(await number(bounds, 5)).toBe(5);
    expect(await number({ max: 1, clamp: true }, -5)).toBe(-5);
    expect(await number({ ...bounds, cast: 'int64' }, '9223372036854775807')).toBe(10);
    expect(await text({ ...bounds, cast: 'decimal' }, '10.5')).toBe('10');
    expect(await number({ ...bounds, clamp: false }, 11)).toBe('value_out_of_range');
    expect(await number(bounds, 'x')).toBe('cast_failed');
    expect(problems({ clamp: true })).toEqual(['clamp']);
    expect(problems({ clamp: true, cast: 'int64', min: 0.5 })).toEqual(['min']);
  });
});

describe('durations', () => {
  it.each([
    ['PT1H30M', 5400],
    ['P1DT12H', 129_600],
    ['P2W', 1_209_600],
    ['-PT0.5S', -0.5],
    ['PT1,5H', 5400],
    ['PT0S', 0],
    ['PT36H', 129_600],
    ['36:05:00', 129_900],
    ['-0:00:01.5', -1.5],
    ['00:00:00,000000001', 1e-9],
  ])('%s', (written, seconds) => {
    expect(durationSeconds(written)).toBe(seconds);
  });

  it.each([
    'P',
    'PT',
    'P1DT',
    'P1Y',
    'P1M',
    '1H',
    'PT1H30',
    'PT1.5H3M',
    'PT3M1H',
    'P1W2D',
    '1:02',
    '1:60:00',
    '00:00:60',
    '1:2:3',
    '::',
    ' PT1S',
    'PT1S\n',
  ])('not %j', (written) => {
    expect(durationSeconds(written)).toBeUndefined();
  });

  it('add up their parts', () => {
    const amount = fc.integer({ min: 0, max: 10 ** 6 });
    fc.assert(
      fc.property(amount, amount, amount, fc.integer({ min: 0, max: 999 }), (d, h, m, ms) => {
        const written = `P${d}DT${h}H${m}M7.${String(ms).padStart(3, '0')}S`;
        expect(durationSeconds(written)).toBe((d * 86_400_000 + h * 3_600_000 + m * 60_000 + 7000 + ms) / 1000);
      }),
    );
  });

  it('are a cast', async () => {
    expect(await number({ cast: 'duration_s' }, 'PT1M')).toBe(60);
    expect(await number({ cast: 'duration_s', scale: 1000, max: 70_000 }, 'PT1M')).toBe(60_000);
    expect(await text({ cast: 'duration_s' }, 'PT1M')).toBe('60');
    expect(await number({ cast: 'duration_s' }, 90)).toBe(90);
    expect(await number({ cast: 'duration_s' }, '36:05:00.5')).toBe(129_900.5);
    const minutes = [{ pattern: String.raw`^(\d+):(\d+)$`, with: 'PT$1M$2S' }];
    expect(await number({ cast: 'duration_s', replace: minutes }, '12:30')).toBe(750);
    expect(await number({ cast: 'duration_s' }, 'P1M')).toBe('cast_failed');
  });
});

it('options that a cast does not have are refused', () => {
  for (const option of [{ scale: 2 }, { clamp: true, min: 1 }, { number_format: {} }] as Options[])
    expect(problems({ ...option, cast: 'boolean' }).length).toBeGreaterThan(0);
  expect(problems({ scale: 2 }, 'dimensions')).toEqual(['scale']);
  expect(problems({ number_format: { decimal: ',', group: ',' } })).toEqual(['number_format']);
  expect(problems({ number_format: {}, cast: 'duration_s' })).toEqual(['number_format']);
});
