import { isUtf8 } from 'node:buffer';
import type { Meaning, SchemaNode, TimeUnit } from './schema.ts';
import { int64At, type Raw } from './values.ts';

/** How values come out that a JSON value cannot hold as it stands. */
export interface ValueForms {
  /** A number from its plain decimal text, of which a double may not hold every digit. */
  number(text: string): unknown;
  /** Bytes without a declared meaning. */
  binary: 'base64' | 'hex' | 'text';
}

/** Stands for a text whose bytes are not UTF-8. */
export const notText = Symbol('not UTF-8');

export type Convert = (raw: Raw) => unknown;

/** What a stored value becomes: JSON values, times as RFC 3339 text. Compiled once for each column. */
export function converter({ type, meaning }: SchemaNode, forms: ValueForms): Convert {
  const bytes = type === 'bytes' || type === 'fixed';
  const whole = type === 'int32' || type === 'int64';
  if (meaning.is === 'text' && bytes) return textOf;
  if (meaning.is === 'decimal' && (bytes || whole)) return decimals(meaning.scale, forms);
  if (meaning.is === 'date' && whole) return (raw) => dayText(Number(raw));
  if (meaning.is === 'time' && whole) return (raw) => timeText(meaning.unit, raw as number | bigint);
  if (meaning.is === 'timestamp' && whole) return (raw) => timestampText(meaning, raw as number | bigint);
  if (meaning.is === 'unsigned' && whole) return unsigned(type === 'int32', forms);
  if (type === 'int64') return (raw) => (typeof raw === 'bigint' ? forms.number(String(raw)) : raw);
  if (type === 'int96') return (raw) => int96Text(raw as Buffer);
  if (meaning.is === 'uuid' && type === 'fixed') return (raw) => uuidText(raw as Buffer);
  if (meaning.is === 'float16' && type === 'fixed') return (raw) => float16(raw as Buffer);
  if (meaning.is === 'interval' && type === 'fixed') return (raw) => durationText(raw as Buffer);
  if (!bytes) return (raw) => raw;
  if (forms.binary === 'text') return textOf;
  const encoding = forms.binary;
  return (raw) => (raw as Buffer).toString(encoding);
}

function textOf(raw: Raw): string | typeof notText {
  const bytes = raw as Buffer;
  return isUtf8(bytes) ? bytes.toString('utf8') : notText;
}

/** Doubles of up to 15 digits print back the text that they came from. */
const sureDigits = 15;
/** Bytes of a decimal: to write out a wider one takes time that grows with its square, and no record holds it. */
const widestDecimal = 64;

function decimals(scale: number, forms: ValueForms): Convert {
  const power = 10 ** scale;
  return (raw) => {
    if (typeof raw === 'number' && scale <= 22 && Math.abs(raw) < 10 ** sureDigits) return raw / power;
    if (raw instanceof Buffer && raw.length > widestDecimal) return raw.toString('base64');
    const unscaled = raw instanceof Buffer ? signed(raw) : BigInt(raw as number | bigint);
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
    const point = digits.length - scale;
    const plain = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return forms.number(unscaled < 0n ? `-${plain}` : plain);
  };
}

/** Two's complement, the highest byte first. */
function signed(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

function unsigned(narrow: boolean, forms: ValueForms): Convert {
  if (narrow) return (raw) => Number(raw) >>> 0;
  return (raw) => {
    if (typeof raw === 'number' && raw >= 0) return raw;
    return forms.number(String(BigInt.asUintN(64, BigInt(raw as number | bigint))));
  };
}

const dayMs = 86_400_000;
const daySeconds = 86_400;
/** Days from 1970 that a calendar date is made of. */
const maxDay = 1e8;
let lastDay = NaN;
let lastText = '';

/** `2024-02-29`; a day beyond the calendar is its number. */
function dayText(day: number): string {
  if (day === lastDay) return lastText;
  if (!(Math.abs(day) <= maxDay)) return String(day);
  lastDay = day;
  lastText = new Date(day * dayMs).toISOString().split('T', 1)[0]!;
  return lastText;
}

const perSecond: Record<TimeUnit, number> = { ms: 1e3, us: 1e6, ns: 1e9 };

function timestampText({ unit, utc }: Extract<Meaning, { is: 'timestamp' }>, raw: number | bigint): string {
  const [seconds, fraction] = divided(raw, perSecond[unit]);
  return instantText(seconds, fraction, unit, utc);
}

function instantText(seconds: number, fraction: number, unit: TimeUnit, utc: boolean): string {
  const day = Math.floor(seconds / daySeconds);
  return `${dayText(day)}T${clockText(seconds - day * daySeconds, fraction, unit)}${utc ? 'Z' : ''}`;
}

function timeText(unit: TimeUnit, raw: number | bigint): string {
  const [seconds, fraction] = divided(raw, perSecond[unit]);
  return seconds >= 0 && seconds < daySeconds ? clockText(seconds, fraction, unit) : String(raw);
}

/** Whole units and the rest, which is never negative. */
function divided(raw: number | bigint, by: number): [number, number] {
  if (typeof raw === 'number') {
    const whole = Math.floor(raw / by);
    return [whole, raw - whole * by];
  }
  const divisor = BigInt(by);
  const rest = ((raw % divisor) + divisor) % divisor;
  return [Number((raw - rest) / divisor), Number(rest)];
}

const digitsOf: Record<TimeUnit, number> = { ms: 3, us: 6, ns: 9 };

/** `13:05:00`, with as many digits of a second as there are, in threes. */
function clockText(seconds: number, fraction: number, unit: TimeUnit): string {
  const [hour, minute, second] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = `${two(hour)}:${two(minute)}:${two(second)}`;
  if (fraction === 0) return clock;
  const digits = String(fraction)
    .padStart(digitsOf[unit], '0')
    .replace(/(?:000)+$/, '');
  return `${clock}.${digits}`;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

const julianEpoch = 2_440_588;

/** Nanoseconds of a day and a Julian day: an instant, as most writers mean it. */
function int96Text(bytes: Buffer): string {
  const [seconds, fraction] = divided(int64At(bytes, 0), 1e9);
  return instantText((bytes.readInt32LE(8) - julianEpoch) * daySeconds + seconds, fraction, 'ns', true);
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  if (bytes.length !== 16) return hex;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function float16(bytes: Buffer): number {
  const bits = bytes.readUInt16LE(0);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** ISO 8601: months, days and milliseconds do not mix. */
function durationText(bytes: Buffer): string {
  const [months, days, ms] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  return `P${months === 0 ? '' : `${months}M`}${days}DT${ms / 1000}S`;
}
