import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChartlyError, plainDecimal } from '#kit';
import type { Conversion, RecordRule, Rule } from '#contracts';
import { compileProfile } from './compile.ts';
import { linear, rational } from './linear.ts';
import { profileOf, run } from './testing.ts';
import { conversion, symbolsOf, unitOf } from './units.ts';

const between = (from: string, to: string) => conversion(unitOf(from)!, unitOf(to)!);

describe('conversion', () => {
  it.each<[string, string, string, string]>([
    ['degF', 'degC', '212', '100'],
    ['degF', 'degC', '-40', '-40'],
    ['degF', 'degC', '98.6', '37'],
    ['degC', 'K', '-273.15', '0'],
    ['K', 'degF', '255.3722222222222222222222222222222', '-0.00000000000000000000000000000004'],
    ['mi', 'km', '26.2', '42.1648128'],
    ['ft', 'm', '1', '0.3048'],
    ['lb', 'kg', '2.5', '1.133980925'],
    ['kn', 'km/h', '10', '18.52'],
    ['km/h', 'm/s', '100', '27.77777777777777777777777777777778'],
    ['inHg', 'hPa', '29.92', '1013.2074811900272'],
    ['psi', 'kPa', '1', '6.894757293168361336722673445346891'],
    ['kWh', 'MJ', '1.5', '5.4'],
    ['gal', 'L', '1', '3.785411784'],
    ['acre', 'm2', '1', '4046.8564224'],
    ['h', 'min', '1.5', '90'],
    ['GiB', 'GB', '1', '1.073741824'],
    ['deg', 'rad', '180', '3.141592653589793238462643383279502884197'],
    ['%', '1', '12.5', '0.125'],
    ['mg/dL', 'g/L', '95', '0.95'],
    ['°F', 'Cel', '50', '10'],
  ])('%s to %s: %s is %s', (from, to, value, expected) => {
    expect(between(from, to).decimal(value)).toBe(expected);
    expect(between(from, to).float(Number(value))).toBeCloseTo(Number(expected), 10);
  });

  it('goes there and back without loss wherever both ways have an end', () => {
    const quantities = ['length', 'mass', 'volume', 'area', 'energy', 'time', 'data', 'temperature'];
    const pair = fc.constantFrom(...quantities).chain((quantity) => {
      const symbol = fc.constantFrom(...symbolsOf(quantity));
      return fc.tuple(symbol, symbol);
    });
    const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(pair, decimal, ([from, to], [digits, places]) => {
        const plain = plainDecimal(`${digits}e-${places}`)!;
        const there = between(from, to).decimal(plain)!;
        const back = between(to, from).decimal(there)!;
        // What was rounded to 34 digits comes back to within its last few.
        const difference = Math.abs(Number(plain) - Number(back));
        expect(difference).toBeLessThanOrEqual(Math.abs(Number(plain)) * 1e-15 + 1e-12);
        if (there.replace(/[-.]/g, '').replace(/^0+/, '').length < 30) expect(back).toBe(plain);
        // The double is the one nearest to the exact result.
        if (String(Number(plain)) === plain) expect(between(from, to).float(Number(plain))).toBe(Number(there));
      }),
      { numRuns: 2000 },
    );
  });

  it('gives of any double the one nearest to the exact result', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 });
    const pair = fc.constantFrom(
      ['degF', 'degC'],
      ['km/h', 'm/s'],
      ['psi', 'bar'],
      ['deg', 'rad'],
      ['mi', 'km'],
      ['K', 'degF'],
    );
    fc.assert(
      fc.property(pair, number, ([from, to], n) => {
        const plain = plainDecimal(String(n));
        const exact = plain === undefined ? undefined : between(from, to).decimal(plain);
        if (exact !== undefined) expect(between(from, to).float(n)).toBe(Number(exact) + 0);
      }),
      { numRuns: 5000 },
    );
  });

  it('rounds what has no end half to even, at 34 digits', () => {
    const third = linear(rational('1/3'), rational('0'));
    expect(third.decimal('1')).toBe(`0.${'3'.repeat(34)}`);
    expect(third.decimal('2')).toBe(`0.${'6'.repeat(33)}7`);
    expect(third.decimal('-200')).toBe(`-66.${'6'.repeat(31)}7`);
    expect(linear(rational('1e100/3'), rational('0')).decimal('1')).toBe(`${'3'.repeat(34)}${'0'.repeat(66)}`);
    expect(third.decimal('0')).toBe('0');
  });

  it('knows every unit once, and by positive factors', () => {
    for (const quantity of ['temperature', 'length', 'fraction', 'angle']) {
      for (const symbol of symbolsOf(quantity)) {
        const unit = unitOf(symbol)!;
        expect([symbol, unit.symbol, unit.quantity]).toEqual([symbol, symbol, quantity]);
        expect(unit.factor.n > 0n && unit.factor.d > 0n).toBe(true);
      }
    }
  });
});

it('has its units in the guide, and no others', async () => {
  const guide = await readFile(new URL('../../docs/profiles.md', import.meta.url), 'utf8');
  const rows = [
    ...guide.matchAll(
      /^\| (temperature|length|mass|speed|pressure|energy|power|volume|area|time|angle|frequency|flow|concentration|fraction) \| (.*) \|$/gm,
    ),
  ];
  expect(rows).toHaveLength(15);
  for (const [, quantity, units] of rows)
    expect([...units!.matchAll(/`([^`]+)`/g)].map(([, symbol]) => symbol)).toEqual(symbolsOf(quantity!));
});

describe('convert in a rule', () => {
  const metric = (value: Omit<Rule, 'path'>, more: Partial<RecordRule> = {}) =>
    profileOf('ndjson', [
      {
        kind: 'metric',
        name: 'm',
        key: ['id'],
        ts: { path: 't', cast: 'epoch_s' },
        value: { path: 'v', ...value },
        ...more,
      },
    ]);
  const fahrenheit: Conversion = { from: 'degF', to: 'degC' };

  it('converts before bounds, and is the unit of a metric that states none', async () => {
    const rows = [32, 212, 98.6, '41', 500].map((v, id) => JSON.stringify({ id, t: 1, v })).join('\n');
    const { records, rejections } = await run(metric({ convert: fahrenheit, max: 100 }), rows);
    expect(records.map(({ value, unit }) => [value, unit])).toEqual([
      [0, 'degC'],
      [100, 'degC'],
      [37, 'degC'],
      [5, 'degC'],
    ]);
    expect(rejections).toMatchObject([{ reason: 'value_out_of_range', row: 4 }]);
    const labelled = await run(metric({ convert: fahrenheit }, { unit: '°C' }), rows);
    expect(labelled.records[0]!.unit).toBe('°C');
  });

  it('keeps the digits of decimals, and whole numbers whole', async () => {
    const text = '{"id":1,"t":1,"v":123456789012345678.25}';
    const { records } = await run(metric({ cast: 'decimal', convert: { from: 'km', to: 'm' } }), text);
    expect(records[0]!.exact).toEqual({ value: '123456789012345678250' });
    const whole = metric({ cast: 'int64', convert: { from: 'min', to: 's' } });
    const { records: seconds, rejections } = await run(whole, '{"id":1,"t":1,"v":1.5}\n{"id":2,"t":1,"v":0.001}');
    expect(seconds.map(({ value }) => value)).toEqual([90]);
    expect(rejections).toMatchObject([{ reason: 'cast_failed' }]);
  });

  it.each<[Omit<Rule, 'path'>, Partial<RecordRule>, string]>([
    [
      { convert: { from: 'degF', to: 'km' } },
      {},
      '/records/0/value/convert/to km measures length, and degF temperature, which converts to K, degC, degF, degR',
    ],
    [
      { convert: { from: 'degF', to: 'KM' } },
      {},
      '/records/0/value/convert/to there is no unit KM here; do you mean km?',
    ],
    [
      { convert: { from: 'fahrenheit', to: 'degC' } },
      {},
      '/records/0/value/convert/from there is no unit fahrenheit here; for temperature there are K, degC, degF, degR',
    ],
    [
      { convert: fahrenheit },
      { unit: 'degF' },
      '/records/0/unit the number is converted to degC, and this says degF; write degC, or leave it out',
    ],
    [
      { convert: fahrenheit, unit: 'K' },
      {},
      '/records/0/value/unit the number is converted to degC, and this says K; write degC, or leave it out',
    ],
    [
      { convert: fahrenheit, scale: 2 },
      {},
      '/records/0/value/convert a rule has either scale or convert; leave scale out, as convert knows the factor',
    ],
  ])('refuses %j %j', (value, more, expected) => {
    try {
      compileProfile(metric(value, more), () => '');
      expect.unreachable();
    } catch (error) {
      expect((error as ChartlyError).details.map((d) => `${d.pointer} ${d.message}`)).toEqual([expected]);
    }
  });
});
