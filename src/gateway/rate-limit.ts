import { ChartlyError, type Clock } from '#kit';

/**
 * GCRA, the leaky bucket without a timer: one number per caller. `perSecond` in the long run, `burst` at once.
 * `take` throws `rate_limited` with the wait until the next call is admitted.
 */
export function createRateLimit(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }) {
  const emissionMs = 1000 / perSecond;
  const toleranceMs = emissionMs * (burst - 1);
  /** Theoretical arrival time of the next call, by caller; one in the past says nothing and may be forgotten. */
  const arrival = new Map<string, number>();
  const forgetAt = 10_000;

  return {
    take(caller: string): void {
      const now = clock.now();
      const next = Math.max(arrival.get(caller) ?? 0, now);
      const waitMs = next - toleranceMs - now;
      if (waitMs > 0) {
        throw new ChartlyError('rate_limited', 'This key sends too many requests.', {
          retryable: true,
          retryAfterMs: Math.ceil(waitMs),
        });
      }
      if (arrival.size >= forgetAt) for (const [key, at] of arrival) if (at <= now) arrival.delete(key);
      arrival.set(caller, next + emissionMs);
    },
  };
}
