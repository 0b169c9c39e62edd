/** The time, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

let last = NaN;
let lastText = '';
let day = NaN;
let dayText = '';
const two = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));

/**
 * RFC 3339 in UTC with three fractional digits, as contracts demand: `toISOString`, with the date part kept from call to
 * call because times come in runs of one day (six times as fast, and every record needs it).
 */
export function isoMs(ms: number): string {
  if (ms === last) return lastText;
  const whole = Math.trunc(ms);
  const now = Math.floor(whole / 86_400_000);
  if (now !== day) {
    dayText = new Date(now * 86_400_000).toISOString().slice(0, -13);
    day = now;
  }
  const t = whole - now * 86_400_000;
  const f = t % 1000;
  const fraction = f < 10 ? `00${f}` : f < 100 ? `0${f}` : String(f);
  lastText = `${dayText}${two[(t / 3_600_000) | 0]!}:${two[((t / 60_000) | 0) % 60]!}:${two[((t / 1000) | 0) % 60]!}.${fraction}Z`;
  last = ms;
  return lastText;
}
