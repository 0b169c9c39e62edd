import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChartlyError } from '#kit';
import { crashes, type Claim } from './envelope.ts';
import { defaultPolicy, isPoisoned, judge, restAfterCrashes } from './policy.ts';

const failure = { code: 'upstream_error', message: 'No.' };
const claim = (failures: number, waits: number, died: number, rested?: number): Claim => ({
  kind: 'fetch',
  id: '00000000-0000-7000-8000-000000000000',
  retryCount: failures + waits + died,
  envelope: {
    job: { job_id: '', run_id: '', tenant_id: '', source_id: '', kind: 'fetch' },
    errors: Array.from({ length: failures }, () => failure),
    waits,
    ...(rested === undefined ? {} : { rested }),
  },
});
const retryable = (retryAfterMs?: number) =>
  new ChartlyError('upstream_error', 'No.', { retryable: true, retryAfterMs });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the retry policy', () => {
  it('repeats what may help, four times, and then gives up', () => {
    const verdicts = [0, 1, 2, 3, 4].map((failures) => judge(claim(failures, 9, 9), retryable(), defaultPolicy).kind);
    expect(verdicts).toEqual(['retry', 'retry', 'retry', 'retry', 'dead']);
    expect(judge(claim(0, 0, 0), new ChartlyError('blob_corrupt', 'No.'), defaultPolicy)).toEqual({ kind: 'dead' });
  });

  it('never comes back earlier than it was asked to, and otherwise within its bounds', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(100_000), random, (failures, retryAfterMs, dice) => {
        const verdict = judge(claim(failures, 0, 0), retryable(retryAfterMs), defaultPolicy, dice);
        expect(verdict.kind === 'retry' && verdict.delayMs).toBeGreaterThanOrEqual(retryAfterMs);
        const plain = judge(claim(failures, 0, 0), retryable(), defaultPolicy, dice);
        const full = 500 * 2 ** failures;
        expect(plain.kind === 'retry' && plain.delayMs).toBeGreaterThanOrEqual(full / 2);
        expect(plain.kind === 'retry' && plain.delayMs).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('waits for a store for as long as it takes', () => {
    for (const code of ['storage_unavailable', 'disk_full'] as const) {
      const verdict = judge(claim(4, 1000, 0), new ChartlyError(code, 'Away.', { retryable: true }), defaultPolicy);
      expect(verdict.kind).toBe('wait');
      expect(verdict.kind === 'wait' && verdict.delayMs).toBeLessThanOrEqual(30_000);
    }
  });

  it('holds a job to be the killer only after many deaths, whatever else happened to it', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.nat(50), fc.nat(40), (failures, waits, died) => {
        const subject = claim(failures, waits, died);
        expect(crashes(subject)).toBe(died);
        expect(isPoisoned(subject, defaultPolicy)).toBe(died > 20);
      }),
    );
  });

  it('lets a suspect wait once after each death from the third on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 30 }), random, (died, dice) => {
        expect(restAfterCrashes(claim(1, 2, died), dice)).toBeLessThanOrEqual(5000);
        expect(restAfterCrashes(claim(1, 2, died), 0.9)).toBeGreaterThan(0);
        expect(restAfterCrashes(claim(1, 3, died, died), dice)).toBe(0);
      }),
    );
    expect(restAfterCrashes(claim(1, 2, 2), 0.9)).toBe(0);
  });
});
