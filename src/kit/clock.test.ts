import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoMs } from './clock.ts';

describe('isoMs', () => {
  it('is toISOString', () => {
    const ms = fc.oneof(
      fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }),
      fc.integer({ min: -3_000_000, max: 3_000_000 }),
      fc.double({ min: -1e13, max: 1e13, noNaN: true }),
    );
    fc.assert(
      fc.property(ms, (t) => {
        expect(isoMs(t)).toBe(new Date(t).toISOString());
      }),
    );
  });

  it('refuses what is no time', () => {
    expect(() => isoMs(NaN)).toThrow(RangeError);
  });
});
