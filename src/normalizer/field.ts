import { type Columns, NumberText } from '#formats';
import { isoMs } from '#kit';
import type { FieldRule, Lookup, Profile, Rule } from '#contracts';
import { Attempt, type Site } from './attempt.ts';
import {
  castBoolean,
  castDatetime,
  castDecimal,
  castDuration,
  castEpoch,
  castEpochNs,
  castFloat,
  castFormatted,
  castFormattedExact,
  castInt64,
  castText,
} from './cast.ts';
import { cleanser, refused } from './cleanse.ts';
import { FormatError } from './date-format.ts';
import { compileExpression, type Expression, ExpressionError, ExpressionFailure } from './expression.ts';
import { lookupGetter, type LookupGetter, noMatch } from './lookup.ts';
import type { LookupView } from './lookup-table.ts';
import { keyFieldsOf } from './lookup-uses.ts';
import { checkedNumbers, checkOptions, type CastName, timeCasts } from './field-options.ts';
import { compilePath, type Division, PathError, type RowValue } from './path.ts';

/** Reads one field of a row. Undefined: missing, or failed (then the attempt says so). */
export interface Field<T> {
  read(row: RowValue, attempt: Attempt): T | undefined;
  site: Site;
  /** Its numbers may carry exact text: look at attempt.exactText after each read. */
  exact: boolean;
  /** The rule reads @cell: its null values make the cell an empty one. */
  cellNulls: readonly string[] | undefined;
}

export interface FieldSetting {
  profile: Profile;
  /** CSV columns; undefined for JSON rows. */
  columns: Columns | undefined;
  division: Division;
  /** What rules may look values up in. */
  tables: ReadonlyMap<string, LookupView>;
  /** Always required, whatever the rule says. */
  required: boolean;
  /** It is the record's ts. */
  isTime?: boolean;
  /** `records[0].ts`, and its JSON pointer in the profile. */
  rule: string;
  pointer: string;
  problem: (pointer: string, message: string) => void;
}

export const unknownZone = 'there is no such time zone; write an IANA name, as Europe/Berlin';

/** A text: dimensions, key parts, names. Numbers, truths and times take their canonical text. */
export function textField(rule: FieldRule, setting: FieldSetting): Field<string> {
  const full = checkedNumbers(ruleOf(rule), setting);
  const name = full.cast ?? 'text';
  if (timeCasts.includes(name)) {
    return compile(full, setting, name, timeCast(name, full, setting), (ms) => isoMs(ms));
  }
  if (name === 'int64') return compile(full, setting, name, castFormattedExact(full, castInt64), same);
  if (name === 'decimal') return compile(full, setting, name, castFormattedExact(full, castDecimal), same);
  if (name === 'float') return compile(full, setting, name, castFormatted(full, castFloat), (n) => String(n));
  if (name === 'duration_s') return compile(full, setting, name, castFormatted(full, castDuration), (n) => String(n));
  if (name === 'boolean') return compile(full, setting, name, castBoolean, (b) => (b ? 'true' : 'false'));
  return compile(full, setting, name, castText, same);
}

/** A number: measures and values. */
export function numberField(rule: FieldRule, setting: FieldSetting): Field<number> {
  const full = checkedNumbers(ruleOf(rule), setting);
  const name = full.cast ?? 'float';
  if (name === 'int64') return compile(full, setting, name, castFormattedExact(full, castInt64), Number);
  if (name === 'decimal') return compile(full, setting, name, castFormattedExact(full, castDecimal), Number);
  if (name === 'boolean') return compile(full, setting, name, castBoolean, (b) => (b ? 1 : 0));
  if (name === 'duration_s') return compile(full, setting, name, castFormatted(full, castDuration), same);
  if (name !== 'float')
    setting.problem(
      `${setting.pointer}/cast`,
      `\`${name}\` gives no number; write float, int64, decimal, boolean or duration_s`,
    );
  return compile(full, setting, name, castFormatted(full, castFloat), same);
}

/** An instant in milliseconds: ts. */
export function timeField(rule: FieldRule, setting: FieldSetting): Field<number> {
  const full = checkedNumbers(ruleOf(rule), setting);
  const name = full.cast ?? 'datetime';
  if (!timeCasts.includes(name))
    setting.problem(
      `${setting.pointer}/cast`,
      `\`${name}\` gives no time; write datetime, epoch_s, epoch_ms, epoch_us or epoch_ns`,
    );
  return compile(full, setting, name, timeCast(name, full, setting), same);
}

/** What records are compared by: a number, or with a cast a time or a text. */
export function rankField(rule: FieldRule, setting: FieldSetting): Field<number | string> {
  const { cast } = ruleOf(rule);
  if (cast === 'text') return textField(rule, setting);
  return cast !== undefined && timeCasts.includes(cast) ? timeField(rule, setting) : numberField(rule, setting);
}

function same<T>(value: T): T {
  return value;
}

function ruleOf(rule: FieldRule): Rule {
  return typeof rule === 'string' ? { path: rule } : rule;
}

type CastOf<C> = (value: unknown, attempt: Attempt, site: Site) => C | undefined;

function timeCast(name: CastName, rule: Rule, setting: FieldSetting): CastOf<number> {
  const cast = unboundedTimeCast(name, rule, setting);
  const earliest = timeBound('earliest', rule, setting) ?? -Infinity;
  const latest = timeBound('latest', rule, setting) ?? Infinity;
  if (rule.earliest === undefined && rule.latest === undefined) return cast;
  return (value, attempt, site) => {
    const ms = cast(value, attempt, site);
    if (ms === undefined || (ms >= earliest && ms < latest)) return ms;
    const limit = ms < earliest ? `before ${rule.earliest}` : `not before ${rule.latest}`;
    return attempt.fail(site, 'time_out_of_range', `The time is ${limit}.`, value);
  };
}

/** A bound is read as the rule's own times are: a date starts in the rule's zone. */
function timeBound(option: 'earliest' | 'latest', rule: Rule, setting: FieldSetting): number | undefined {
  const text = rule[option];
  if (text === undefined) return undefined;
  const trial = new Attempt();
  const ms = unboundedTimeCast('datetime', { format: 'iso', timezone: rule.timezone }, setting)(text, trial, {
    rule: setting.rule,
    pointer: '',
    ofPart: false,
  });
  if (ms === undefined)
    setting.problem(
      `${setting.pointer}/${option}`,
      'must be a date or an RFC 3339 instant; write 2020-01-31 or 2020-01-31T12:00:00Z',
    );
  return ms;
}

function unboundedTimeCast(name: CastName, rule: Rule, setting: FieldSetting): CastOf<number> {
  if (name === 'epoch_ns') return castEpochNs;
  if (name === 'epoch_s' || name === 'epoch_ms' || name === 'epoch_us') return castEpoch(name);
  try {
    return castDatetime(rule, setting.profile);
  } catch (error) {
    if (error instanceof FormatError) setting.problem(`${setting.pointer}/format`, error.message);
    else if (!(error instanceof RangeError)) throw error;
    // The profile's own zone is checked once, with the profile.
    else if (rule.timezone !== undefined) setting.problem(`${setting.pointer}/timezone`, unknownZone);
    return () => undefined;
  }
}

function compile<C, T>(
  rule: Rule,
  setting: FieldSetting,
  name: CastName,
  cast: CastOf<C>,
  finish: (cast: C) => T,
): Field<T> {
  checkOptions(rule, setting, name);
  const path = rule.cel === undefined ? pathOf(rule, setting) : undefined;
  const expression = rule.cel === undefined ? undefined : expressionOf(rule.cel, 'any', setting, '/cel');
  const found = rule.lookup === undefined ? undefined : lookupOf(rule.lookup, setting);
  const ofPart = expression === undefined ? path?.ofPart === true : setting.division !== undefined;
  const site: Site = found?.site ?? { rule: setting.rule, pointer: path?.pointer ?? '', ofPart };
  const bounded = withRange(rule, cast, setting);
  const convert = (value: unknown, attempt: Attempt): T | undefined => {
    const typed = bounded(value, attempt, site);
    return typed === undefined ? undefined : finish(typed);
  };
  const exact = name === 'int64' || name === 'decimal';
  const cellNulls = path?.isCell === true ? (rule.null_values ?? []) : found?.cellNulls;
  const get = expression ?? path?.get ?? found?.get;
  if (get === undefined) {
    // Without a constant there is a path or an expression that is wrong, and has been reported.
    const read = rule.const === undefined ? () => undefined : fixed(rule.const, 'const', convert, setting);
    return { read, site, exact, cellNulls };
  }
  const required = setting.required || rule.required === true;
  const fallback = rule.default === undefined ? undefined : fixed(rule.default, 'default', convert, setting);
  const missing = fallback ?? (required ? (_row: RowValue, attempt: Attempt) => attempt.miss(site) : () => undefined);
  const clean = cleanser(rule, setting);
  const mapped = mapper(rule);
  const mayFail = expression !== undefined;

  const read = (row: RowValue, attempt: Attempt): T | undefined => {
    const value = clean(get(row, attempt), attempt, site);
    if (value === undefined) return missing(row, attempt);
    if (value === refused) return undefined;
    if (value === noMatch) {
      if (fallback !== undefined) return fallback(row, attempt);
      if (rule.lookup?.on_no_match === 'missing') return missing(row, attempt);
      return attempt.fail(
        site,
        'lookup_missed',
        'The table has no entry for the key, and there is no default.',
        attempt.missedKey,
      );
    }
    if (mayFail && value instanceof ExpressionFailure)
      return attempt.fail(site, 'expression_failed', value.message, row);
    if (mapped === undefined) return convert(value, attempt);
    const replaced = mapped(value);
    if (replaced !== undefined) return convert(replaced, attempt);
    if (fallback !== undefined) return fallback(row, attempt);
    return attempt.fail(
      site,
      'value_not_mapped',
      'The map has no entry for the value, and there is no default.',
      value,
    );
  };
  return { read, site, exact, cellNulls };
}

function pathOf(rule: Rule, setting: FieldSetting): ReturnType<typeof compilePath> | undefined {
  if (rule.path === undefined) return undefined;
  try {
    return compilePath(rule.path, setting.columns, setting.division);
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    setting.problem(`${setting.pointer}/path`, error.message);
    return undefined;
  }
}

interface CompiledLookup {
  get: LookupGetter;
  /** Where the key is read. */
  site: Site;
  cellNulls: readonly string[] | undefined;
}

function lookupOf(lookup: Lookup, setting: FieldSetting): CompiledLookup | undefined {
  const { tables, problem } = setting;
  const pointer = `${setting.pointer}/lookup`;
  const listed = Array.isArray(lookup.key);
  const keys = keyFieldsOf(lookup).map((key, i) =>
    textField(key, { ...setting, required: false, pointer: `${pointer}/key${listed ? `/${i}` : ''}` }),
  );
  const table = tables.get(lookup.in);
  if (table === undefined) {
    const names = [...tables.keys()].join(', ');
    problem(
      `${pointer}/in`,
      `there is no table ${lookup.in} under lookups${names === '' ? '' : `; there are ${names}`}`,
    );
    return undefined;
  }
  if (keys.length !== table.key.length)
    problem(
      `${pointer}/key`,
      `the key of ${lookup.in} has ${table.key.length} parts, and this has ${keys.length}; write one field for each of ${table.key.join(', ')}`,
    );
  if (table.timed && setting.isTime === true)
    problem(`${pointer}/in`, `a record's own time cannot be looked up by that time; give ${lookup.in} \`at: latest\``);
  const { pointer: place, ofPart } = keys[0]!.site;
  return {
    get: lookupGetter(table, keys, table.slot(lookup.field)),
    site: { rule: setting.rule, pointer: place, ofPart },
    cellNulls: keys.find((key) => key.cellNulls !== undefined)?.cellNulls,
  };
}

/** The expression of a rule or condition; one that is not valid is reported at `member`, and left out. */
export function expressionOf(
  source: string,
  wanted: 'bool' | 'any',
  { columns, division, pointer, problem }: Pick<FieldSetting, 'columns' | 'division' | 'pointer' | 'problem'>,
  member: string,
): Expression | undefined {
  try {
    return compileExpression(source, { columns, division, wanted });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    problem(`${pointer}${member}`, error.message);
    return undefined;
  }
}

/** A constant or default: converted once, when the profile is compiled, so that a wrong one is found there. */
function fixed<T>(
  value: string | number | boolean,
  option: 'const' | 'default',
  convert: (value: unknown, attempt: Attempt) => T | undefined,
  setting: FieldSetting,
): (row: RowValue, attempt: Attempt) => T | undefined {
  const trial = new Attempt();
  trial.exactPass = true;
  const result = convert(value, trial);
  const exactText = trial.exactText;
  for (const failure of trial.failures)
    setting.problem(
      `${setting.pointer}/${option}`,
      `${failure.message.replace(/\.$/, '')}; write a value of the cast, or another cast`,
    );
  return (_row, attempt) => {
    attempt.exactText = exactText;
    return result;
  };
}

function withRange<C>(rule: Rule, cast: CastOf<C>, setting: FieldSetting): CastOf<C> {
  const { min = -Infinity, max = Infinity } = rule;
  if (rule.min === undefined && rule.max === undefined) return cast;
  const least = rule.clamp === true ? bound('min', rule, setting) : undefined;
  const most = rule.clamp === true ? bound('max', rule, setting) : undefined;
  return (value, attempt, site) => {
    const result = cast(value, attempt, site);
    if (result === undefined) return undefined;
    const n = Number(result);
    if (n >= min && n <= max) return result;
    const instead = n < min ? least : most;
    if (instead !== undefined) {
      attempt.exactText = undefined;
      // The cast's own form of a number: a double, or its text where digits are kept.
      return (typeof result === 'string' ? String(instead) : instead) as C;
    }
    return attempt.fail(
      site,
      'value_out_of_range',
      `The number is ${n < min ? `below ${min}` : `above ${max}`}.`,
      value,
    );
  };
}

/** A bound that values are set to must itself be one that the cast could give. */
function bound(option: 'min' | 'max', rule: Rule, setting: FieldSetting): number | undefined {
  const limit = rule[option];
  if (limit !== undefined && rule.cast === 'int64' && !Number.isSafeInteger(limit))
    setting.problem(`${setting.pointer}/${option}`, 'an int64 is clamped to whole numbers only; write one');
  return limit;
}

function mapper(rule: Rule): ((value: unknown) => string | undefined) | undefined {
  if (rule.map === undefined) return undefined;
  const entries = new Map(Object.entries(rule.map));
  return (value) => entries.get(value instanceof NumberText ? value.source : String(value));
}
