import { plainDecimal, plainInt64, survivesDouble } from '#kit';
import { CellError, NumberText } from '#formats';
import type { Profile, Rule } from '#contracts';
import { type Attempt, needsExactPass, type Site } from './attempt.ts';
import { type DateParser, compileDateFormat, fieldsMs, newDateFields } from './date-format.ts';
import { durationSeconds } from './duration.ts';
import { numberReader } from './number-format.ts';
import type { Linear } from './linear.ts';
import { scaling } from './scale.ts';
import { conversion, unitOf } from './units.ts';
import { type Ambiguity, zoneOf } from './zone.ts';

/** Casts a present value; undefined when it cannot, with the failure noted in the attempt. */
export type Cast<T> = (value: unknown, attempt: Attempt, site: Site) => T | undefined;

export const castText: Cast<string> = (value, attempt, site) => {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return value;
      return attempt.fail(
        site,
        'cast_failed',
        'The text holds half of a surrogate pair, which is not Unicode text.',
        value,
      );
    case 'number':
      // A double prints fewer digits than the source had; as a key that would merge two records.
      if (!attempt.exactPass && !Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 53) throw needsExactPass;
      return Number.isFinite(value)
        ? String(value)
        : attempt.fail(site, 'cast_failed', 'The number is too large.', value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      if (value instanceof NumberText) return plainDecimal(value.source) ?? value.source;
      if (value instanceof CellError)
        return attempt.fail(site, 'cast_failed', `The cell holds the error ${value.code}.`, value);
      return attempt.fail(site, 'cast_failed', 'The value is an object or a list, not text.', value);
  }
};

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export const castFloat: Cast<number> = (value, attempt, site) => {
  let n = NaN;
  if (typeof value === 'number') n = value;
  else if (typeof value === 'string') {
    if (numberPattern.test(value)) n = Number(value);
  } else if (value instanceof NumberText) n = value.value;
  if (Number.isFinite(n)) return n;
  return attempt.fail(site, 'cast_failed', 'The value is not a number.', shownValue(value));
};

function sourceText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return value instanceof NumberText ? value.source : undefined;
}

/** The plain text of an integer; `attempt.exactText` is set when a double cannot hold it. */
export const castInt64: Cast<string> = (value, attempt, site) => {
  attempt.exactText = undefined;
  const source = sourceText(value);
  const plain = source === undefined ? undefined : plainInt64(source);
  if (plain === undefined)
    return attempt.fail(site, 'cast_failed', 'The value is not a 64-bit integer.', shownValue(value));
  if (!Number.isSafeInteger(Number(plain))) attempt.exactText = plain;
  return plain;
};

/** The plain text of a decimal; `attempt.exactText` is set when a double cannot hold it. */
export const castDecimal: Cast<string> = (value, attempt, site) => {
  attempt.exactText = undefined;
  const source = sourceText(value);
  const plain = source === undefined ? undefined : plainDecimal(source);
  if (plain === undefined || !Number.isFinite(Number(plain))) {
    return attempt.fail(site, 'cast_failed', 'The value is not a decimal number.', shownValue(value));
  }
  if (!survivesDouble(plain, Number(plain))) attempt.exactText = plain;
  return plain;
};

const truths = new Map([
  ...['true', 't', 'yes', 'y', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', '0'].map((word) => [word, false] as const),
]);

export const castBoolean: Cast<boolean> = (value, attempt, site) => {
  if (typeof value === 'boolean') return value;
  const known =
    typeof value === 'string' || typeof value === 'number' ? truths.get(String(value).toLowerCase()) : undefined;
  return known ?? attempt.fail(site, 'cast_failed', 'The value is neither true nor false.', shownValue(value));
};

/** Seconds of a duration as text; a number is one of seconds. */
export const castDuration: Cast<number> = (value, attempt, site) => {
  if (typeof value !== 'string') return castFloat(value, attempt, site);
  const seconds = durationSeconds(value);
  if (seconds !== undefined) return seconds;
  return attempt.fail(
    site,
    'cast_failed',
    'The value is neither an ISO 8601 duration of weeks, days, hours, minutes and seconds nor hours:minutes:seconds.',
    value,
  );
};

/** What the rule's `scale` or `convert`, which have been checked, make of a number. */
function linearOf({ scale, convert }: Rule): Linear | undefined {
  if (scale !== undefined) return scaling(scale);
  return convert === undefined ? undefined : conversion(unitOf(convert.from)!, unitOf(convert.to)!);
}

/** A cast behind the rule's `number_format`, and `scale` or `convert`. */
export function castFormatted(rule: Rule, cast: Cast<number>): Cast<number> {
  const read = formatted(rule, cast);
  const linear = linearOf(rule);
  if (linear === undefined) return read;
  return (value, attempt, site) => {
    const n = read(value, attempt, site);
    if (n === undefined) return undefined;
    const result = linear.float(n);
    if (Number.isFinite(result)) return result;
    return attempt.fail(site, 'cast_failed', 'The number is too large once it is converted.', shownValue(value));
  };
}

/** The same for exact casts. */
export function castFormattedExact(rule: Rule, cast: typeof castDecimal): Cast<string> {
  const linear = linearOf(rule);
  if (linear === undefined) return formatted(rule, cast);
  // What is to be a whole number may become one by the conversion alone.
  const read = formatted(rule, castDecimal);
  return (value, attempt, site) => {
    const plain = read(value, attempt, site);
    if (plain === undefined) return undefined;
    const result = linear.decimal(plain);
    if (result !== undefined) return cast(result, attempt, site);
    return attempt.fail(site, 'cast_failed', 'The number has too many digits once it is converted.', shownValue(value));
  };
}

function formatted<T>(rule: Rule, cast: Cast<T>): Cast<T> {
  if (rule.number_format === undefined) return cast;
  const read = numberReader(rule.number_format);
  return (value, attempt, site) => {
    if (typeof value !== 'string') return cast(value, attempt, site);
    const plain = read(value);
    if (plain !== undefined) return cast(plain, attempt, site);
    attempt.exactText = undefined;
    return attempt.fail(site, 'cast_failed', 'The number is not written as number_format says.', value);
  };
}

function shownValue(value: unknown): unknown {
  return value instanceof NumberText ? value.value : value;
}

/** 1900-01-01 to the end of 2299. */
const earliest = Date.UTC(1900, 0, 1);
const latest = Date.UTC(2300, 0, 1) - 1;

function inRange(ms: number, value: unknown, attempt: Attempt, site: Site): number | undefined {
  if (ms >= earliest && ms <= latest) return ms;
  return attempt.fail(site, 'time_out_of_range', 'The time lies outside 1900 to 2299.', shownValue(value));
}

/** Milliseconds of a number of seconds, milliseconds or microseconds since 1970; what is finer than a millisecond is cut off. */
export function castEpoch(perMs: 'epoch_s' | 'epoch_ms' | 'epoch_us'): Cast<number> {
  return (value, attempt, site) => {
    const n = typeof value === 'number' ? value : castFloat(value, attempt, site);
    if (n === undefined) return undefined;
    // Multiplying by 1000 may fall a hair below the whole number that was meant.
    const ms =
      perMs === 'epoch_s' ? Math.floor(Math.round(n * 1e6) / 1e3) : Math.floor(perMs === 'epoch_ms' ? n : n / 1000);
    return inRange(ms, value, attempt, site);
  };
}

const perMs = 1_000_000n;

/** Milliseconds of a whole number of nanoseconds since 1970: more digits than a double holds, so their source text is read. */
export const castEpochNs: Cast<number> = (value, attempt, site) => {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && !attempt.exactPass)
    throw needsExactPass;
  const source = sourceText(value);
  const plain = source === undefined ? undefined : plainDecimal(source);
  if (plain === undefined || plain.includes('.') || plain.length > 24)
    return attempt.fail(site, 'cast_failed', 'The value is not a whole number of nanoseconds.', shownValue(value));
  const ns = BigInt(plain);
  const ms = ns / perMs;
  // Division of big integers cuts towards zero; a time before 1970 belongs to the millisecond before.
  return inRange(Number(ns < 0n && ns % perMs !== 0n ? ms - 1n : ms), value, attempt, site);
};

/** Times as text by the rule's formats and zone. Throws FormatError, or RangeError for an unknown zone. */
export function castDatetime(rule: Rule, profile: Profile): Cast<number> {
  const formats = rule.format === undefined ? ['iso'] : typeof rule.format === 'string' ? [rule.format] : rule.format;
  const parsers: DateParser[] = formats.map((format) => compileDateFormat(format));
  const zone = zoneOf(rule.timezone ?? profile.timezone ?? 'UTC');
  const policy: Ambiguity = rule.ambiguous ?? 'earlier';
  const onlyIso = formats.every((format) => format === 'iso');
  const fields = newDateFields();
  return (value, attempt, site) => {
    // A bare year or a date such as 20240131 often comes as a JSON number.
    const text = typeof value === 'number' && !onlyIso ? String(value) : value;
    if (typeof text !== 'string') {
      return attempt.fail(
        site,
        'time_invalid',
        'The value is not text; cast a number of seconds or milliseconds with epoch_s or epoch_ms.',
        shownValue(value),
      );
    }
    for (const parse of parsers) {
      if (!parse(text, fields)) continue;
      const local = fieldsMs(fields);
      const ms = fields.offset === undefined ? zone.toUtc(local, policy) : local - fields.offset * 60_000;
      if (ms !== undefined) return inRange(ms, value, attempt, site);
      return attempt.fail(site, 'time_ambiguous', 'The local time occurs twice or never in its zone.', value);
    }
    return attempt.fail(site, 'time_invalid', 'No declared format reads the time, or the date does not exist.', value);
  };
}
