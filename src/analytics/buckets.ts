import type { Query } from '#contracts';

export type Bucket = NonNullable<Query['bucket']>;

const date = (zone: string) => `toDate32(toTimeZone(ts, ${zone}))`;
const startOfDay = (day: string, zone: string) => `toUnixTimestamp64Milli(toDateTime64(${day}, 3, ${zone}))`;

/** Rounds an instant down by the offset that is in force at it, so that zones of half an hour get their own hours. */
const rounded = (ms: number, zone: string) =>
  `toUnixTimestamp64Milli(ts) - positiveModulo(toUnixTimestamp64Milli(ts) + toInt64(timeZoneOffset(toTimeZone(ts, ${zone}))) * 1000, ${ms})`;

/**
 * SQL for the first instant (milliseconds, Int64) of the bucket that `ts` lies in. Weeks start on Monday. Days and
 * longer start at the first moment of the local day, whatever summer time did to it. Not `toStartOfInterval`: its
 * results are 16-bit dates and 32-bit times, which fail before 1970.
 */
export function bucketSql(bucket: Bucket, zone: string): string {
  const day = date(zone);
  switch (bucket) {
    case 'minute':
      return rounded(60_000, zone);
    case 'hour':
      return rounded(3_600_000, zone);
    case 'day':
      return startOfDay(day, zone);
    case 'week':
      return startOfDay(`${day} - (toDayOfWeek(${day}) - 1)`, zone);
    case 'month':
      return startOfDay(`makeDate32(toYear(${day}), toMonth(${day}), 1)`, zone);
    case 'quarter':
      return startOfDay(`makeDate32(toYear(${day}), toQuarter(${day}) * 3 - 2, 1)`, zone);
    case 'year':
      return startOfDay(`makeDate32(toYear(${day}), 1, 1)`, zone);
  }
}
