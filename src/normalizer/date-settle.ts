/** What formats say of a date otherwise than by month and day, turned into those. Each is false when there is no such date. */
import type { DateFields } from './date-format.ts';

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

export function daysOf(year: number, month: number): number {
  return monthDays[month - 1]! + (month === 2 && isLeap(year) ? 1 : 0);
}

/** Of a twelve-hour clock. */
export function settleHour(into: DateFields): boolean {
  if (into.hour < 1 || into.hour > 12) return false;
  into.hour = (into.hour % 12) + 12 * into.half;
  return true;
}

/** The first day of the quarter. */
export function settleQuarter(into: DateFields): boolean {
  if (into.quarter < 1 || into.quarter > 4) return false;
  into.month = 3 * into.quarter - 2;
  return true;
}

export function settleYearDay(into: DateFields): boolean {
  let rest = into.yearDay;
  if (rest < 1 || rest > (isLeap(into.year) ? 366 : 365)) return false;
  for (let month = 1; ; month++) {
    const days = daysOf(into.year, month);
    if (rest <= days) {
      into.month = month;
      into.day = rest;
      return true;
    }
    rest -= days;
  }
}

/** ISO 8601: weeks start on Monday, and the first holds the 4th of January. */
export function settleWeek(into: DateFields): boolean {
  const { week, weekDay, year } = into;
  const first = firstMonday(year);
  const at = first + 7 * (week - 1) + weekDay - 1;
  if (week < 1 || weekDay < 1 || weekDay > 7 || first + 7 * (week - 1) >= firstMonday(year + 1)) return false;
  const date = new Date(at * 86_400_000);
  into.year = date.getUTCFullYear();
  into.month = date.getUTCMonth() + 1;
  into.day = date.getUTCDate();
  return true;
}

/** Of the first week of a year, in days since 1970. */
function firstMonday(year: number): number {
  const fourth = new Date(0).setUTCFullYear(year, 0, 4) / 86_400_000;
  return fourth - ((new Date(fourth * 86_400_000).getUTCDay() + 6) % 7);
}
