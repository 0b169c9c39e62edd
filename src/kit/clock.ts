/** The time, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** RFC 3339 in UTC with three fractional digits, as contracts demand. */
export function isoMs(ms: number): string {
  return new Date(ms).toISOString();
}
