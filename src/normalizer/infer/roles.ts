import type { Rule } from '#contracts';
import type { ColumnStats } from './column.ts';
import { columnNames, namingSteps, pathOf, snake } from './names.ts';

/** What a column is taken for. */
export interface Guess {
  column: ColumnStats;
  name: string;
  path: string;
  role: 'measure' | 'dimension' | 'ignored';
  /** Options that its rule needs to read it. */
  rule: Partial<Rule>;
  /** Why, where it is a guess. */
  note: string | undefined;
  /** It could be the record's time. */
  time: TimeGuess | undefined;
  /** Its name says that it identifies something. */
  identifies: boolean;
  distinct: number;
}

export interface TimeGuess {
  rule: Partial<Rule>;
  /** Rows whose time a record can hold, of all rows. */
  share: number;
  /** Rows whose time is one, but outside of what a record can hold. */
  outside: number;
  minMs: number;
  maxMs: number;
  yearOnly: boolean;
  note: string | undefined;
}

const missingWords = new Set([
  'na',
  'n/a',
  '#n/a',
  'null',
  'nan',
  'none',
  'nil',
  '-',
  '--',
  '---',
  '.',
  '..',
  '?',
  'unknown',
  'missing',
  'n.a.',
]);
const idName = /(?:^|_)(?:id|ids|uuid|guid|key|code|sku|isbn|iata|icao|fips|zip|zipcode|postcode|symbol|ticker|slug)$/;
const categoryName = /(?:^|_)(?:cluster|class|category|type|status|group|zone|kind)$/;
const partOfTime = /^(?:month|day|hour|minute|quarter|week|weekday|dow|doy)$/;
const timeName =
  /(?:^|_)(?:time|date|datetime|timestamp|ts|at|on|epoch|created|updated|modified|when|day|dt|period|month)$/;
const yearName = /(?:^|_)(?:year|yr|date|time|period|season|fy)$/;

/** What each column is taken for, by its statistics and its name. */
export function guessRoles(columns: readonly ColumnStats[], rows: number, csv: boolean): Guess[] {
  const names = columnNames(columns.map(({ steps }) => steps));
  return columns.map((column, i) => {
    const own = snake(namingSteps(column.steps).findLast((step) => typeof step === 'string') ?? '');
    const base = {
      column,
      name: names[i]!,
      path: pathOf(column.steps, csv),
      distinct: column.distinct.count(),
      identifies: idName.test(own),
      time: timeOf(column, own, rows),
    };
    return { ...base, ...roleOf(column, own, base.distinct) };
  });
}

type Role = Pick<Guess, 'role' | 'rule' | 'note'>;

function roleOf(column: ColumnStats, name: string, distinct: number): Role {
  const { present, lists, numbers, numberTexts, codes, booleans, truths } = column;
  const dimension = (note?: string, rule: Partial<Rule> = {}): Role => ({ role: 'dimension', rule, note });
  if (present === 0) return { role: 'ignored', rule: {}, note: 'empty in every row' };
  if (lists > 0) return { role: 'ignored', rule: {}, note: 'a list or an object: no field holds one' };
  if (column.longest > 60_000) return { role: 'ignored', rule: {}, note: 'texts too long for a dimension' };
  if (booleans === present) return dimension();
  if (truths === present && distinct > 1)
    return dimension('yes and no in words: becomes true and false', { cast: 'boolean' });
  const odd = present - numbers - numberTexts;
  if (codes > 0 && odd === 0) return dimension('digits with leading zeros are a code, not a number');
  if (!readsAsNumber(column, odd)) return dimension();
  if (column.max > 2 ** 53) return dimension('too many digits for a number that is computed with');
  const whole = column.integers === numbers + numberTexts;
  if (whole && idName.test(name)) return dimension('guess: the name says that this number identifies something');
  if (whole && partOfTime.test(name) && column.min >= 0 && column.max <= 366)
    return dimension('a part of a date, to group by');
  if (whole && categoryName.test(name) && distinct <= 50) return dimension('guess: this number names a category');
  if (odd === 0) return { role: 'measure', rule: {}, note: undefined };
  const words = [...column.odd.keys()];
  return { role: 'measure', rule: { null_values: words }, note: 'guess: these texts among the numbers mean missing' };
}

/** Numbers, with at most a few words among them that stand for missing ones. */
function readsAsNumber(column: ColumnStats, odd: number): boolean {
  if (odd === 0) return true;
  if (column.booleans > 0 || column.oddOverflow) return false;
  const known = [...column.odd.keys()].every((word) => missingWords.has(word.toLowerCase()));
  return odd / column.present < (known ? 0.6 : 0.02);
}

function timeOf(column: ColumnStats, name: string, rows: number): TimeGuess | undefined {
  if (column.present === 0 || column.lists > 0 || column.booleans > 0) return undefined;
  return epochOf(column, name, rows) ?? textTimeOf(column, name, rows);
}

const epochs = [
  { cast: 'epoch_s', perMs: 1e-3 },
  { cast: 'epoch_ms', perMs: 1 },
  { cast: 'epoch_us', perMs: 1e3 },
] as const;

/** A number of seconds, milliseconds or microseconds since 1970, told apart by size: times from 1973 to 2103. */
function epochOf(column: ColumnStats, name: string, rows: number): TimeGuess | undefined {
  const { present, numbers, numberTexts, min, max } = column;
  if (numbers + numberTexts < present) return undefined;
  const unit = epochs.find(({ perMs }) => min >= 1e11 * perMs && max <= 4.2e12 * perMs);
  if (unit === undefined) return undefined;
  const close = unit.cast !== 'epoch_s' && min > 9e11 * unit.perMs && max / min < 1.5;
  if (!timeName.test(name) && !close) return undefined;
  const note = `guess: numbers of this size are times since 1970 (${unit.cast.slice(6)})`;
  const [minMs, maxMs] = [min / unit.perMs, max / unit.perMs];
  return { rule: { cast: unit.cast }, share: present / rows, outside: 0, minMs, maxMs, yearOnly: false, note };
}

function textTimeOf(column: ColumnStats, name: string, rows: number): TimeGuess | undefined {
  const reading = column.times();
  if (reading === undefined || reading.read / column.present < 0.9) return undefined;
  const { formats, read, outside, minMs, maxMs, rival } = reading;
  const digits = column.numbers + column.numberTexts > column.present / 2;
  if (digits && !(formats[0] === 'yyyy' ? yearName : timeName).test(name)) return undefined;
  const [first] = formats;
  const notes = [
    rival === undefined ? undefined : `guess: ${rival} would read every row too, and mean other days`,
    formats.length > 1 ? 'tried in this order' : undefined,
    first === 'yyyy' ? 'a year is its first instant' : undefined,
  ];
  const note = notes.filter((one) => one !== undefined).join('; ');
  return {
    rule: { format: formats.length === 1 ? first! : formats },
    share: (read - outside) / rows,
    outside,
    minMs,
    maxMs,
    yearOnly: first === 'yyyy',
    note: note === '' ? undefined : note,
  };
}
