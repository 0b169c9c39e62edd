import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoMs, type ChartlyError } from '#kit';
import { compileProfile } from './compile.ts';
import { keptFrom } from './retention.ts';
import { event, profileOf } from './testing.ts';

const from = (period: string, now: string): string | undefined => {
  const ms = keptFrom(period, Date.parse(now));
  return ms === undefined ? undefined : isoMs(ms).slice(0, 10);
};

it.for([
  ['P1D', '2026-11-24T23:59:59.999Z', '2026-11-23'],
  ['P90D', '2026-11-24T00:00:00.000Z', '2026-08-26'],
  ['P2W', '2026-03-05T12:00:00.000Z', '2026-02-19'],
  ['P1M', '2026-03-31T12:00:00.000Z', '2026-02-28'],
  ['P1M', '2024-03-31T12:00:00.000Z', '2024-02-29'],
  ['P1Y', '2024-02-29T12:00:00.000Z', '2023-02-28'],
  ['P14M', '2026-01-15T12:00:00.000Z', '2024-11-15'],
  ['P1Y2M3W4D', '2026-11-24T12:00:00.000Z', '2025-08-30'],
  ['P9999Y', '2026-11-24T12:00:00.000Z', '1900-01-01'],
  ['P0D', '2026-11-24T12:00:00.000Z', undefined],
  ['P', '2026-11-24T12:00:00.000Z', undefined],
  ['PT24H', '2026-11-24T12:00:00.000Z', undefined],
  ['-P1D', '2026-11-24T12:00:00.000Z', undefined],
] as const)('%s of %s keeps from %s on', ([period, now, expected]) => {
  expect(from(period, now)).toBe(expected);
});

it('moves with the days and never back', () => {
  const part = fc.nat({ max: 40 });
  fc.assert(
    fc.property(part, part, part, part, fc.nat({ max: 4e12 }), fc.nat({ max: 1e10 }), (y, m, w, d, now, more) => {
      fc.pre(y + m + w + d > 0);
      const period = `P${y}Y${m}M${w}W${d}D`;
      const [a, b] = [keptFrom(period, now)!, keptFrom(period, now + more)!];
      expect(a).toBeLessThanOrEqual(b);
      expect(Math.abs(a % 86_400_000)).toBe(0);
      expect(a).toBeLessThanOrEqual(Math.max(now - 86_400_000, Date.UTC(1900, 0, 1)));
    }),
  );
});

it('is refused when it keeps nothing', () => {
  const profile = profileOf('ndjson', [event()], { retention: { raw: 'P0D' } });
  const refused = ((): ChartlyError => {
    try {
      compileProfile(profile, () => '');
    } catch (error) {
      return error as ChartlyError;
    }
    return expect.unreachable();
  })();
  expect(refused.details).toEqual([
    { pointer: '/retention/raw', message: 'P0D keeps nothing; write a day at least, as P1D, P90D or P2Y' },
  ]);
});
