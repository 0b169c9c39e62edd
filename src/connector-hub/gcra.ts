/**
 * The generic cell rate algorithm: one number per key holds when the next request is due. Over any time t no more than
 * burst + rate·t requests pass; with a burst of 1 they are evenly spaced.
 */
export interface Gcra {
  /** Milliseconds until a request may pass; 0 when it may now. Changes nothing. */
  delay(nowMs: number, ratePerSecond: number, burst?: number): number;
  /** Takes a place. Call only after `delay` gave 0 for the same time and rate. */
  take(nowMs: number, ratePerSecond: number): void;
}

/** Fresh state: the first request passes at once. */
export function createGcra(): Gcra {
  /** The theoretical arrival time of the next request. */
  let due = -Infinity;
  return {
    delay(nowMs, ratePerSecond, burst = 1) {
      const interval = 1000 / ratePerSecond;
      // What is due lies at most one burst ahead: a rate that was raised counts at once.
      due = Math.min(due, nowMs + burst * interval);
      return Math.max(0, due - (burst - 1) * interval - nowMs);
    },
    take(nowMs, ratePerSecond) {
      due = Math.max(due, nowMs) + 1000 / ratePerSecond;
    },
  };
}
