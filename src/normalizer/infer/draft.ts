import type { FieldRule, Profile, RecordRule, Rule } from '#contracts';
import type { KeyFound } from './keys.ts';
import { snake } from './names.ts';
import type { Guess } from './roles.ts';

/** Why a part of a document is as it is; `pointer` is RFC 6901 in it. */
export interface Note {
  pointer: string;
  text: string;
}

/** What the rows are taken for. */
export interface Layout {
  kind: 'metric' | 'event' | 'entity';
  name: string;
  time: Guess | undefined;
  measures: Guess[];
  dimensions: Guess[];
  ignored: Guess[];
  /** Wide: the columns that become one metric, and those that have a metric of their own. */
  series: Guess[];
  why: string;
}

const manyMeasures = 8;
/** Of fewer texts it may be chance. */
const personalShare = 0.02;
const maxFields = 200;
const vagueNames = new Set([
  'value',
  'count',
  'amount',
  'total',
  'n',
  'number',
  'price',
  'rate',
  'y',
  'val',
  'yield',
  'temp',
]);

/** The column that says when, if a record can hold nearly all of its times. */
export function chooseTime(guesses: readonly Guess[]): { time: Guess | undefined; refused: Guess | undefined } {
  const rank = ({ name, time }: Guess): number => {
    if (/(?:^|_)(?:updated|modified|end|ended|until|to)(?:_|$)/.test(name)) return 4;
    if (time!.yearOnly) return 3;
    return /^(?:date|time|datetime|timestamp|ts)$/.test(name) ? 0 : 1;
  };
  const all = guesses.filter(({ time }) => time !== undefined);
  const good = all.filter(({ time }) => time!.share >= 0.95);
  const time = good.sort((a, b) => rank(a) - rank(b))[0];
  const refused = time === undefined ? all.find((guess) => guess.time!.outside > 0) : undefined;
  return { time, refused };
}

export function layOut(id: string, guesses: readonly Guess[], time: Guess | undefined): Layout {
  const others = guesses.filter((guess) => guess !== time);
  const measures = others.filter(({ role, time: t }) => role === 'measure' && (time === undefined || t === undefined));
  const dimensions = others.filter(
    (guess) => guess.role === 'dimension' || (guess.role === 'measure' && !measures.includes(guess)),
  );
  const base = {
    time,
    measures: measures.slice(0, maxFields),
    dimensions: dimensions.slice(0, maxFields),
    ignored: [
      ...others.filter(({ role }) => role === 'ignored'),
      ...measures.slice(maxFields),
      ...dimensions.slice(maxFields),
    ],
    series: [],
  };
  const name = snake(id);
  if (time === undefined) return { ...base, kind: 'entity', name, why: 'guess: without a time, a row is a thing' };
  const series = wideSeries(measures, dimensions);
  if (series !== undefined) {
    const why = `guess: ${series.length} columns of numbers of like size are one metric, a series each`;
    return { ...base, kind: 'metric', name, series, why };
  }
  const [only] = measures;
  if (measures.length !== 1) {
    return { ...base, kind: 'event', name, why: 'guess: a time and not just one number is something that happened' };
  }
  const vague = vagueNames.has(only!.name) && name !== only!.name;
  const metric = vague ? `${name}_${only!.name}` : only!.name;
  return { ...base, kind: 'metric', name: metric, why: 'guess: one number at one time' };
}

/** Many columns of numbers of like size beside a time. One of another sign or size is not of the series. */
function wideSeries(measures: readonly Guess[], dimensions: readonly Guess[]): Guess[] | undefined {
  if (measures.length <= manyMeasures || dimensions.length > 2) return undefined;
  if (measures.some(({ column }) => column.steps.length !== 1 || typeof column.steps[0] !== 'string')) return undefined;
  const sizes = measures.map(({ column }) => Math.log10(Math.max(Math.abs(column.min), Math.abs(column.max), 1e-12)));
  const middle = [...sizes].sort((a, b) => a - b)[Math.floor(sizes.length / 2)]!;
  const negatives = measures.filter(({ column }) => column.min < 0).length;
  const signed = negatives > measures.length / 2;
  const series = measures.filter(({ column }, i) => Math.abs(sizes[i]! - middle) <= 3 && (signed || column.min >= 0));
  return series.length > manyMeasures && series.length >= 0.75 * measures.length ? series : undefined;
}

export interface DraftInput {
  id: string;
  frame: Pick<Profile, 'format' | 'zip' | 'select' | 'csv'>;
  frameNotes: Note[];
  rows: number;
  layout: Layout;
  key: KeyFound;
  refused: Guess | undefined;
}

/** The profile of a layout, and the reasons for its parts. */
export function draftProfile(input: DraftInput): { profile: Profile; notes: Note[] } {
  const { id, frame, layout } = input;
  const notes = [...input.frameNotes];
  const records: RecordRule[] = [];
  const add = (rule: RecordRule, ruleNotes: readonly Note[]): void => {
    notes.push(...ruleNotes.map(({ pointer, text }) => ({ pointer: `/records/${records.length}${pointer}`, text })));
    records.push(rule);
  };
  if (layout.series.length > 0) {
    add(...seriesRule(input));
    for (const measure of layout.measures) if (!layout.series.includes(measure)) add(...ownMetric(input, measure));
  } else add(...plainRule(input));
  for (const guess of layout.ignored)
    notes.push({ pointer: '/records', text: `left out: ${guess.path} (${guess.note ?? 'too many fields'})` });
  for (const { column, path } of layout.dimensions) {
    for (const [what, count] of column.personal)
      if (count >= personalShare * column.sensed)
        notes.push({
          pointer: '/records',
          text: `personal data: ${path} holds ${what}; say in a policy what becomes of it`,
        });
  }
  const timezone = needsZone(layout.time) ? { timezone: 'UTC' } : {};
  if (needsZone(layout.time)) notes.push({ pointer: '/timezone', text: 'guess: the times carry no offset' });
  return { profile: { profile: id, version: '1.0.0', ...frame, ...timezone, records }, notes };
}

function needsZone(time: Guess | undefined): boolean {
  return time?.time?.rule.format !== undefined && !time.time.yearOnly && time.column.offsets < time.column.present;
}

type Noted = [rule: RecordRule, notes: Note[]];

function plainRule({ layout, key, rows, refused }: DraftInput): Noted {
  const { kind, name, time, measures, dimensions } = layout;
  const notes: Note[] = [{ pointer: '/kind', text: layout.why }];
  if (refused !== undefined) {
    const share = Math.round((100 * refused.time!.outside) / rows);
    notes.push({
      pointer: '/kind',
      text: `${refused.path} is no time here: ${share} % of it lies outside 1900 to 2299, and a record's time cannot`,
    });
  }
  notes.push({ pointer: '/key', text: keyNote(key) });
  const rule: RecordRule = { kind, name, key: key.columns.map((guess) => keyField(guess, rows)) };
  addTime(rule, time, notes);
  const part =
    time?.time?.yearOnly === true && dimensions.find((guess) => /^(?:month|day|week|quarter)$/.test(guess.name));
  if (part) notes.push({ pointer: '/ts', text: `a time is read from one column, so ${part.path} is a dimension` });
  if (kind === 'metric') {
    const [value] = measures;
    rule.value = field(value!, notes, '/value');
    if (value!.column.present < rows || value!.rule.null_values !== undefined) addSkip(rule, notes);
  }
  addFields(rule, 'dimensions', dimensions, notes);
  if (kind !== 'metric') addFields(rule, 'measures', measures, notes);
  return [rule, notes];
}

function addTime(rule: RecordRule, time: Guess | undefined, notes: Note[]): void {
  if (time?.time === undefined) return;
  rule.ts = { path: time.path, ...time.time.rule };
  if (time.time.note !== undefined) notes.push({ pointer: '/ts', text: time.time.note });
}

function addSkip(rule: RecordRule, notes: Note[]): void {
  rule.on_missing = 'skip';
  notes.push({
    pointer: '/on_missing',
    text: 'rows without the number are counted as skipped; `quarantine` keeps them for repair',
  });
}

/** The columns of the series, or those that are none of it: whichever list is shorter. */
function seriesRule({ layout, key, rows, frame }: DraftInput): Noted {
  const { name, time, series, dimensions } = layout;
  const notes: Note[] = [
    { pointer: '/kind', text: layout.why },
    { pointer: '/key', text: keyNote(key) },
  ];
  const rest = [time!, ...dimensions, ...layout.measures.filter((one) => !series.includes(one)), ...layout.ignored];
  const excludes = frame.format === 'csv' && rest.length < series.length;
  const columns = (list: readonly Guess[]): string[] => list.map(({ column }) => String(column.steps[0]));
  const rule: RecordRule = {
    kind: 'metric',
    name,
    unpivot: excludes ? { exclude: columns(rest) } : { columns: columns(series) },
    key: [
      '@column',
      ...key.columns
        .filter((guess) => !series.includes(guess))
        .slice(0, 15)
        .map((guess) => keyField(guess, rows)),
    ],
  };
  addTime(rule, time, notes);
  const nulls = [...new Set(series.flatMap((guess) => guess.rule.null_values ?? []))];
  rule.value = nulls.length === 0 ? '@cell' : { path: '@cell', null_values: nulls };
  addFields(rule, 'dimensions', dimensions, notes);
  rule.dimensions = { series: '@column', ...rule.dimensions };
  return [rule, notes];
}

function ownMetric({ layout, key, rows }: DraftInput, measure: Guess): Noted {
  const notes: Note[] = [
    { pointer: '/kind', text: 'guess: of another sign or size than the series, so a metric of its own' },
  ];
  const rule: RecordRule = {
    kind: 'metric',
    name: measure.name,
    key: [
      { const: measure.name },
      ...key.columns
        .filter((guess) => guess.role !== 'measure' || guess === layout.time)
        .slice(0, 15)
        .map((guess) => keyField(guess, rows)),
    ],
  };
  addTime(rule, layout.time, notes);
  rule.value = field(measure, notes, '/value');
  addFields(rule, 'dimensions', layout.dimensions, notes);
  if (measure.column.present < rows || measure.rule.null_values !== undefined) addSkip(rule, notes);
  return [rule, notes];
}

function keyNote({ columns, unique, rows }: KeyFound): string {
  if (!unique) return 'guess: nothing tells all rows apart; rows alike in these columns count as one';
  if (columns.length === 1 && columns[0]!.identifies) return `unique in the ${rows} rows looked at`;
  return `guess: the likeliest columns that tell the ${rows} rows looked at apart`;
}

/** A gap in a key would send the row to quarantine: it gets a word. */
function keyField({ path, column }: Guess, rows: number): FieldRule {
  return column.present < rows ? { path, default: 'none' } : path;
}

function addFields(
  rule: RecordRule,
  member: 'dimensions' | 'measures',
  guesses: readonly Guess[],
  notes: Note[],
): void {
  if (guesses.length === 0) return;
  const fields: Record<string, FieldRule> = {};
  for (const guess of guesses)
    fields[guess.name] = field(guess, notes, `/${member}/${guess.name}`, member === 'dimensions');
  rule[member] = fields;
}

function field(guess: Guess, notes: Note[], pointer: string, asText = false): FieldRule {
  // A number shown as a text needs none of a number's options.
  const options: Partial<Rule> = asText && guess.role === 'measure' ? {} : { ...guess.rule };
  const epoch = asText ? guess.time?.rule.cast : undefined;
  if (epoch !== undefined) {
    options.cast = epoch;
    notes.push({ pointer, text: 'guess: a time too' });
  }
  if (/^(?:lat|latitude)$/.test(guess.name) && within(guess, 90)) Object.assign(options, { min: -90, max: 90 });
  if (/^(?:lon|lng|longitude)$/.test(guess.name) && within(guess, 180)) Object.assign(options, { min: -180, max: 180 });
  if (guess.note !== undefined) notes.push({ pointer, text: guess.note });
  return Object.keys(options).length === 0 ? guess.path : { path: guess.path, ...options };
}

function within({ role, column }: Guess, bound: number): boolean {
  return role === 'measure' && column.min >= -bound && column.max <= bound;
}
