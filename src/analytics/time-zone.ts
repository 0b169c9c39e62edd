import { DateTime } from 'luxon';
import { invalid } from './invalid.ts';

/** The zone's canonical spelling, as the engine wants it. Offsets such as `+02:00` are refused: they know no summer time. */
export function checkZone(zone: string | undefined, pointer: string): string {
  if (zone === undefined) return 'UTC';
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(zone)) {
    throw invalid(pointer, 'Not an IANA time zone name such as Europe/Berlin.');
  }
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    throw invalid(pointer, 'Not a known IANA time zone such as Europe/Berlin.');
  }
}

const date = /^\d{4}-\d{2}-\d{2}$/;
const instant = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds of an RFC 3339 instant, or of the first moment of a date in the zone. */
export function parseTime(text: string, zone: string, pointer: string): number {
  let time: DateTime | undefined;
  if (date.test(text)) time = DateTime.fromISO(text, { zone }).startOf('day');
  else if (instant.test(text)) time = DateTime.fromISO(text.replace(' ', 'T').toUpperCase(), { zone: 'UTC' });
  if (time === undefined || !time.isValid) {
    throw invalid(pointer, 'Not an RFC 3339 instant (2026-03-01T00:00:00Z) or date (2026-03-01).');
  }
  return time.toMillis();
}

/**
 * Turns instants into the zone's wall clock, written as if it were UTC: what a chart with UTC scales must be given
 * so that its axis reads as the zone's calendar.
 */
export function wallClock(zone: string): (ms: number) => number {
  if (zone === 'UTC') return (ms) => ms;
  return (ms) => ms + DateTime.fromMillis(ms, { zone }).offset * 60_000;
}

/** `2026-03-01 14:05` in the zone, without the parts that are zero: for people. */
export function localText(ms: number, zone: string): string {
  const t = DateTime.fromMillis(ms, { zone });
  if (t.millisecond !== 0) return t.toFormat('yyyy-MM-dd HH:mm:ss.SSS');
  if (t.second !== 0) return t.toFormat('yyyy-MM-dd HH:mm:ss');
  return t.hour === 0 && t.minute === 0 ? t.toFormat('yyyy-MM-dd') : t.toFormat('yyyy-MM-dd HH:mm');
}
