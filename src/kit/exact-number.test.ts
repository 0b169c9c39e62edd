import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainDecimal, plainInt64, survivesDouble } from './exact-number.ts';

describe('exact numbers', () => {
  it('writes a number without exponent and needless zeros', () => {
    const forms = {
      '1.50': '1.5',
      '-0.0': '0',
      '1e3': '1000',
      '+05': '5',
      '.5': '0.5',
      '5.': '5',
      '12.5e-3': '0.0125',
      '1.25E1': '12.5',
      '0e999': '0',
      '-1e-2': '-0.01',
    };
    for (const [source, plain] of Object.entries(forms)) expect(plainDecimal(source), source).toBe(plain);
    for (const source of ['', '.', '1e', 'x', '1,5', '0x1', '1e999', ' 1', 'NaN', '--1'])
      expect(plainDecimal(source), source).toBeUndefined();
  });

  it('keeps the value of every double', () => {
    fc.assert(
      fc.property(
        fc
          .double({ noNaN: true, noDefaultInfinity: true, min: -1e80, max: 1e80 })
          .filter((n) => n === 0 || Math.abs(n) > 1e-80),
        (n) => {
          const plain = plainDecimal(String(n))!;
          expect(plain).toMatch(/^-?\d+(\.\d+)?$/);
          expect(Number(plain)).toBe(n === 0 ? 0 : n);
          expect(survivesDouble(plain, Number(plain))).toBe(true);
        },
      ),
    );
  });

  it('knows 64-bit integers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), (n) => {
        const fits = n >= -(2n ** 63n) && n < 2n ** 63n;
        expect(plainInt64(String(n))).toBe(fits ? String(n) : undefined);
      }),
    );
    expect(plainInt64('1.5')).toBeUndefined();
    expect(plainInt64('5.0')).toBe('5');
  });

  it('sees what a double loses', () => {
    expect(survivesDouble('0.1', 0.1)).toBe(true);
    expect(survivesDouble('0.1000000000000000001', 0.1)).toBe(false);
    expect(survivesDouble('9007199254740993', 2 ** 53)).toBe(false);
  });
});
