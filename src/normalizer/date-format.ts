import { daysOf, settleHour, settleQuarter, settleWeek, settleYearDay } from './date-settle.ts';

/** Local fields of a parsed time. `offset` in minutes when the text carries one. */
export interface DateFields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
  offset: number | undefined;
  /** 0 am, 1 pm, -1 not said. */
  half: number;
  /** What some formats say instead of month and day; only such formats look at them. */
  quarter: number;
  yearDay: number;
  week: number;
  weekDay: number;
}

/** Reads a piece of text at a position into the fields; the next position, or -1. */
type Step = (text: string, at: number, into: DateFields) => number;

/** Parses a whole text into fields; false when it does not fit or the date or time of day does not exist. */
export type DateParser = (text: string, into: DateFields) => boolean;

export class FormatError extends Error {}

const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** Formats by name: the first that fits. */
const named: Record<string, readonly string[] | undefined> = Object.assign(Object.create(null), {
  iso_basic: ["yyyyMMdd'T'HHmmssZZ", "yyyyMMdd'T'HHmmss", "yyyyMMdd'T'HHmm", 'yyyyMMdd'],
  iso_week: ["kkkk-'W'WW-E", "kkkk-'W'WW", "kkkk'W'WWE", "kkkk'W'WW"],
  iso_ordinal: ['yyyy-DDD', 'yyyyDDD'],
  quarter: ["yyyy-'Q'q", "yyyy'Q'q", "yyyy 'Q'q", "'Q'q yyyy", "'Q'q/yyyy"],
  rfc2822: [
    'EEE, d MMM yyyy HH:mm:ss z',
    'EEE, d MMM yyyy HH:mm z',
    'd MMM yyyy HH:mm:ss z',
    'd MMM yyyy HH:mm z',
    'EEE, dd-MMM-yy HH:mm:ss z',
  ],
});

/**
 * Compiles a format: yyyy yy M MM MMM MMMM d dd H HH h hh m mm s ss S SS SSS SSSSSS SSSSSSSSS a, EEE EEEE (weekday, not compared), D DDD (day of
 * the year), q (quarter), kkkk W WW E (ISO week year, week, weekday 1 to 7), Z ZZ XXX (an offset or `Z`), z (an offset or a zone of RFC 2822), quoted
 * text, and any character that is not a letter as itself (and `T`). Names are English. Two-digit years: 00 to 68 are 2000 to 2068, 69 to
 * 99 are 1969 to 1999. Or a name: `iso` (RFC 3339, ISO date, ISO date and time), or one of the above.
 * What a format does not name is the start: January, the 1st, Monday, midnight. Digits of a second beyond milliseconds are cut off.
 */
export function compileDateFormat(format: string): DateParser {
  if (format === 'iso') return parseIso;
  const formats = named[format];
  if (formats === undefined) return compileTokens(format);
  const parsers = formats.map(compileTokens);
  return (text, into) => parsers.some((parse) => parse(text, into));
}

function compileTokens(format: string): DateParser {
  const { steps, seen } = tokenize(format);
  checkTokens(seen);
  const settle = settler(seen);
  return (text, into) => {
    reset(into);
    let at = 0;
    for (const step of steps) {
      at = step(text, at, into);
      if (at < 0) return false;
    }
    return at === text.length && (settle === undefined || settle(into)) && exists(into);
  };
}

function checkTokens(seen: ReadonlySet<string>): void {
  if (!seen.has('year'))
    throw new FormatError('a format needs a year; write yyyy or yy, as in yyyy-MM-dd, or kkkk for weeks');
  if (seen.has('hour12') !== seen.has('half'))
    throw new FormatError('h and hh need a (am or pm), and the other way round; write h:mm a, or HH:mm for 24 hours');
  if (seen.has('week') !== seen.has('week year'))
    throw new FormatError("W and WW need the year of weeks kkkk, and the other way round; write kkkk-'W'WW");
  if (seen.has('weekday number') && !seen.has('week')) throw new FormatError("E needs a week; write kkkk-'W'WW-E");
  const parts = ['week', 'day of the year', 'quarter'].filter((part) => seen.has(part));
  if (parts.length > 1 || (parts.length === 1 && (seen.has('month') || seen.has('day'))))
    throw new FormatError(`the ${parts[0]} says the date: leave out what else does`);
}

function settler(seen: ReadonlySet<string>): ((into: DateFields) => boolean) | undefined {
  const hour = seen.has('half') ? settleHour : undefined;
  const date = seen.has('week')
    ? settleWeek
    : seen.has('day of the year')
      ? settleYearDay
      : seen.has('quarter')
        ? settleQuarter
        : undefined;
  if (hour === undefined || date === undefined) return hour ?? date;
  return (into) => hour(into) && date(into);
}

function tokenize(format: string): { steps: Step[]; seen: Set<string> } {
  const steps: Step[] = [];
  const seen = new Set<string>();
  const pattern = /'([^']*)'|([A-Za-z])\2*|[^A-Za-z']/gy;
  let at = 0;
  for (let found = pattern.exec(format); found !== null; found = pattern.exec(format)) {
    at = pattern.lastIndex;
    const [token, quoted] = found;
    const known = tokens[token];
    if (quoted !== undefined) steps.push(literal(quoted === '' ? "'" : quoted));
    else if (known !== undefined) {
      for (const field of known.field.split(', ')) {
        if (seen.has(field))
          throw new FormatError(
            `\`${token}\` gives the ${field} a second time; ${token.startsWith('m') ? 'write MM for months and mm for minutes' : 'leave one out'}`,
          );
        seen.add(field);
      }
      steps.push(known.step);
    } else if (!/[A-Za-z]/.test(token) || token === 'T') steps.push(literal(token));
    else throw new FormatError(`\`${token}\` is no token; ${adviceFor(token, format)}`);
  }
  if (at !== format.length) throw new FormatError("a single quote is not closed; write '' for a quote itself");
  return { steps, seen };
}

/** What the author may have meant: tokens of other systems are alike. */
function adviceFor(token: string, format: string): string {
  if (format.includes(`%${token[0]!}`))
    return 'write yyyy for %Y, MM for %m, MMM for %b, dd for %d, HH for %H, mm for %M and ss for %S';
  const other = [token.toLowerCase(), token.toUpperCase()].find((name) => tokens[name] !== undefined);
  return other === undefined ? 'put text in single quotes' : `write ${other}, or put text in single quotes`;
}

function literal(expected: string): Step {
  return (text, at) => (text.startsWith(expected, at) ? at + expected.length : -1);
}

type NumberField = Exclude<keyof DateFields, 'offset' | 'half'>;

function digits(min: number, max: number, field: NumberField): Step {
  return (text, at, into) => {
    let value = 0;
    let i = at;
    for (; i < at + max; i++) {
      const d = text.charCodeAt(i) - 48;
      if (!(d >= 0 && d <= 9)) break;
      value = value * 10 + d;
    }
    if (i - at < min) return -1;
    into[field] = value;
    return i;
  };
}

const twoDigits = digits(2, 2, 'year');
const shortYear: Step = (text, at, into) => {
  const next = twoDigits(text, at, into);
  into.year += into.year < 69 ? 2000 : 1900;
  return next;
};

function monthName(short: boolean): Step {
  const names = short ? months.map((m) => m.slice(0, 3)) : months;
  return (text, at, into) => {
    for (let i = 0; i < 12; i++) {
      const name = names[i]!;
      if (text.slice(at, at + name.length).toLowerCase() === name) {
        into.month = i + 1;
        return at + name.length;
      }
    }
    return -1;
  };
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Read over: the date says which day it is. */
function weekdayName(short: boolean): Step {
  const names = short ? weekdays.map((name) => name.slice(0, 3)) : weekdays;
  return (text, at) => {
    for (const name of names) if (text.slice(at, at + name.length).toLowerCase() === name) return at + name.length;
    return -1;
  };
}

/** So many digits of the fraction of a second. */
function fraction(count: number): Step {
  return (text, at, into) => {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const d = text.charCodeAt(at + i) - 48;
      if (!(d >= 0 && d <= 9)) return -1;
      if (i < 3) value = value * 10 + d;
    }
    into.ms = value * 10 ** Math.max(0, 3 - count);
    return at + count;
  };
}

const half: Step = (text, at, into) => {
  const two = text.slice(at, at + 2).toLowerCase();
  if (two !== 'am' && two !== 'pm') return -1;
  into.half = two === 'am' ? 0 : 1;
  return at + 2;
};

const offsetPattern = /([+-])(\d{1,2})(?::?([0-5]\d))?/y;

const offset: Step = (text, at, into) => {
  const c = text[at];
  if (c === 'Z' || c === 'z') {
    into.offset = 0;
    return at + 1;
  }
  offsetPattern.lastIndex = at;
  const found = offsetPattern.exec(text);
  if (found === null || Number(found[2]) > 18) return -1;
  const minutes = Number(found[2]) * 60 + Number(found[3] ?? 0);
  into.offset = found[1] === '-' ? -minutes : minutes;
  return offsetPattern.lastIndex;
};

const zoneHours: Record<string, number | undefined> = Object.assign(Object.create(null), {
  GMT: 0,
  UTC: 0,
  UT: 0,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
});
const zonePattern = /[A-Za-z]{2,3}/y;

/** An offset, or one of the zones that RFC 2822 gives a meaning. */
const zoneName: Step = (text, at, into) => {
  zonePattern.lastIndex = at;
  const hours = zoneHours[zonePattern.exec(text)?.[0].toUpperCase() ?? ''];
  if (hours === undefined) return offset(text, at, into);
  into.offset = hours * 60;
  return zonePattern.lastIndex;
};

const tokens: Record<string, { field: string; step: Step } | undefined> = Object.assign(Object.create(null), {
  yyyy: { field: 'year', step: digits(4, 4, 'year') },
  yy: { field: 'year', step: shortYear },
  M: { field: 'month', step: digits(1, 2, 'month') },
  MM: { field: 'month', step: digits(2, 2, 'month') },
  MMM: { field: 'month', step: monthName(true) },
  MMMM: { field: 'month', step: monthName(false) },
  d: { field: 'day', step: digits(1, 2, 'day') },
  dd: { field: 'day', step: digits(2, 2, 'day') },
  H: { field: 'hour', step: digits(1, 2, 'hour') },
  HH: { field: 'hour', step: digits(2, 2, 'hour') },
  h: { field: 'hour12', step: digits(1, 2, 'hour') },
  hh: { field: 'hour12', step: digits(2, 2, 'hour') },
  m: { field: 'minute', step: digits(1, 2, 'minute') },
  mm: { field: 'minute', step: digits(2, 2, 'minute') },
  s: { field: 'second', step: digits(1, 2, 'second') },
  ss: { field: 'second', step: digits(2, 2, 'second') },
  S: { field: 'fraction', step: fraction(1) },
  SS: { field: 'fraction', step: fraction(2) },
  SSS: { field: 'fraction', step: fraction(3) },
  SSSSSS: { field: 'fraction', step: fraction(6) },
  SSSSSSSSS: { field: 'fraction', step: fraction(9) },
  EEE: { field: 'weekday', step: weekdayName(true) },
  EEEE: { field: 'weekday', step: weekdayName(false) },
  D: { field: 'day of the year', step: digits(1, 3, 'yearDay') },
  DDD: { field: 'day of the year', step: digits(3, 3, 'yearDay') },
  q: { field: 'quarter', step: digits(1, 1, 'quarter') },
  kkkk: { field: 'year, week year', step: digits(4, 4, 'year') },
  W: { field: 'week', step: digits(1, 2, 'week') },
  WW: { field: 'week', step: digits(2, 2, 'week') },
  E: { field: 'weekday number', step: digits(1, 1, 'weekDay') },
  a: { field: 'half', step: half },
  Z: { field: 'offset', step: offset },
  ZZ: { field: 'offset', step: offset },
  XXX: { field: 'offset', step: offset },
  z: { field: 'offset', step: zoneName },
});

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/** Fractions of a second beyond milliseconds are cut off. */
const parseIso: DateParser = (text, into) => {
  reset(into);
  const found = isoPattern.exec(text);
  if (found === null) return false;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = found;
  into.year = +year!;
  into.month = +month!;
  into.day = +day!;
  if (hour === undefined) return exists(into);
  into.hour = +hour;
  into.minute = +minute!;
  if (second !== undefined) into.second = +second;
  if (fraction !== undefined) into.ms = +`${fraction}00`.slice(0, 3);
  if (sign !== undefined) {
    const minutes = +offsetHours! * 60 + +(offsetMinutes ?? 0);
    if (+offsetHours! > 18 || +(offsetMinutes ?? 0) > 59) return false;
    into.offset = sign === '-' ? -minutes : minutes;
  } else if (text.endsWith('Z') || text.endsWith('z')) into.offset = 0;
  return exists(into);
};

export function newDateFields(): DateFields {
  return {
    year: 0,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    ms: 0,
    offset: undefined,
    half: -1,
    quarter: 1,
    yearDay: 1,
    week: 1,
    weekDay: 1,
  };
}

function reset(into: DateFields): void {
  into.month = into.day = 1;
  into.hour = into.minute = into.second = into.ms = 0;
  into.offset = undefined;
  into.half = -1;
  into.weekDay = 1;
}

function exists({ year, month, day, hour, minute, second }: DateFields): boolean {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return false;
  return day <= daysOf(year, month);
}

/** The fields as milliseconds, read as if they were UTC. */
export function fieldsMs(f: DateFields): number {
  if (f.year < 100) return new Date(0).setUTCFullYear(f.year, f.month - 1, f.day);
  return Date.UTC(f.year, f.month - 1, f.day, f.hour, f.minute, f.second, f.ms);
}
