import { isTable } from '#formats';
import type { Profile, Rule } from '#contracts';
import { type ValueLook, typeBits } from './shape.ts';

const digits = /^[+-]?\d{1,300}$/;
const decimal = /^[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,5})?$/;
const dateStart = /^\d{4}-\d\d-\d\d(?:$|[T ])/;

/** Values come as texts, whatever they are: their types are read from them. */
export function isTextual(profile: Pick<Profile, 'format'>): boolean {
  return isTable(profile) || profile.format === 'xml';
}

/** Tells what kind of value a cell of a table holds. What the profile takes for missing is null. */
export function cellClassifier(profile: Profile): (cell: string) => number {
  const nulls = new Set<string>(profile.null_values);
  for (const record of profile.records) {
    const fields = [record.ts, record.value, ...Object.values({ ...record.dimensions, ...record.measures })];
    for (const rule of fields) for (const text of (rule as Rule | undefined)?.null_values ?? []) nulls.add(text);
  }
  return (cell) => {
    const c = cell.charCodeAt(0);
    // Digits, signs, a point, white space; an empty cell has no character.
    if (!(c <= 0x39) && cell !== '') return nulls.has(cell) ? typeBits.null : typeBits.text;
    const text = cell.trim();
    if (text === '' || nulls.has(text)) return typeBits.null;
    if (digits.test(text)) return typeBits.integer;
    if (decimal.test(text)) return typeBits.number;
    return dateStart.test(text) ? typeBits.time : typeBits.text;
  };
}

/** Words for `nothing` that many upstreams use. They are ours, so that one of them may be named. */
const nullWords = ['N/A', 'n/a', 'NA', 'NaN', 'nan', 'null', 'NULL', 'None', 'none', 'nil', '-', '--', '?', 'unknown', 'Unknown', 'missing', 'undefined', '#N/A', '\\N']; // prettier-ignore

/** How a value reads where another type was expected. */
export function lookOf(value: unknown): ValueLook | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value).trim();
  if (digits.test(text) && typeof value === 'number') return { kind: 'whole number', digits: text.length };
  const word = nullWords.find((one) => one === text);
  if (word !== undefined) return { kind: 'null word', word };
  if (dateStart.test(text)) return { kind: 'iso time' };
  return { kind: decimal.test(text) ? 'number' : 'other' };
}
