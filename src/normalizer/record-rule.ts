import type { Columns, RowPlace } from '#formats';
import type { Profile, RecordRule } from '#contracts';
import type { CanonicalRecord } from '#storage';
import type { Attempt, Failure, Site } from './attempt.ts';
import { unitProblem } from './check-units.ts';
import { emptyCell } from './cleanse.ts';
import { exploding } from './explode.ts';
import { ExpressionFailure } from './expression.ts';
import { expressionOf, type Field, type FieldSetting, numberField, rankField, textField, timeField } from './field.ts';
import type { LookupView } from './lookup-table.ts';
import { type CompiledPolicy, guardRecord, needsSubject } from './policy.ts';
import { type Division, isObject, type Part, pointerTo, type RowValue } from './path.ts';

/** What became of a candidate: a record without its hash, the reasons why not, or nothing because the profile says so. */
export type Candidate = CanonicalRecord | Failure[] | typeof skipped;
export const skipped = Symbol('skipped');

/** A record rule, compiled into closures: appends a row's candidates to `out`. Nothing is evaluated as code. */
export type RecordMapper = (row: RowValue, place: RowPlace, attempt: Attempt, out: Candidate[]) => void;

export interface RecordSetting {
  profile: Profile;
  columns: Columns | undefined;
  tables: ReadonlyMap<string, LookupView>;
  index: number;
  problem: FieldSetting['problem'];
  /** The record's id from its kind and key values. */
  recordId: (kind: RecordRule['kind'], key: readonly string[]) => string;
  policy?: CompiledPolicy | undefined;
}

interface Named<T> {
  name: string;
  field: Field<T>;
}

interface Fields {
  name: Field<string>;
  key: Field<string>[];
  ts: Field<number> | undefined;
  value: Field<number> | undefined;
  /** What candidates with one key are compared by. */
  rank: Field<number | string> | undefined;
  dimensions: Named<string>[];
  measures: Named<number>[];
  /** Whose data it is, when the policy says so. */
  subject: Field<string> | undefined;
}

export function compileRecord(rule: RecordRule, setting: RecordSetting): RecordMapper {
  const fields = compileFields(rule, setting);
  const build = conditional(rule, setting, builder(rule, fields, setting));
  if (rule.unpivot !== undefined && rule.explode !== undefined)
    setting.problem(
      `/records/${setting.index}/explode`,
      'a record rule has either unpivot or explode; write two rules',
    );
  if (rule.unpivot !== undefined) return unpivoting(rule.unpivot, fields, setting, build);
  if (rule.explode !== undefined) return exploding(rule, setting, build);
  return (row, place, attempt, out) => {
    attempt.begin(undefined);
    out.push(build(row, place, attempt));
  };
}

/** Stated, or what the value is converted to. */
function unitOfValue({ value, unit }: RecordRule): string {
  return typeof value === 'object' ? (value.unit ?? unit ?? value.convert?.to ?? '') : (unit ?? '');
}

export type Build = (row: RowValue, place: RowPlace, attempt: Attempt) => Candidate;

function divisionOf(rule: RecordRule): Division {
  if (rule.unpivot !== undefined) return 'unpivot';
  return rule.explode === undefined ? undefined : 'explode';
}

/** Skips the candidates that the rule's condition refuses. */
function conditional(rule: RecordRule, { columns, index, problem }: RecordSetting, build: Build): Build {
  if (rule.when === undefined) return build;
  const division = divisionOf(rule);
  const holds = expressionOf(rule.when, 'bool', { columns, division, problem, pointer: `/records/${index}` }, '/when');
  const site: Site = { rule: `records[${index}].when`, pointer: '', ofPart: division !== undefined };
  return (row, place, attempt) => {
    const answer = holds?.(row, attempt);
    if (answer === true) return build(row, place, attempt);
    if (answer === false) return skipped;
    const message = answer instanceof ExpressionFailure ? answer.message : 'The condition is neither true nor false.';
    attempt.fail(site, 'expression_failed', message, row);
    return attempt.failures;
  };
}

function compileFields(rule: RecordRule, setting: RecordSetting): Fields {
  const { profile, columns, tables, index, problem } = setting;
  const at = (member: string, pointer: string, required: boolean): FieldSetting => ({
    profile,
    columns,
    tables,
    problem,
    required,
    division: divisionOf(rule),
    rule: `records[${index}].${member}`,
    pointer: `/records/${index}${pointer}`,
  });
  const named = <T>(
    member: 'dimensions' | 'measures',
    make: (rule: NonNullable<RecordRule['dimensions']>[string], setting: FieldSetting) => Field<T>,
  ): Named<T>[] =>
    Object.keys(rule[member] ?? {})
      // In the order of the canonical form, so that hashing need not sort.
      .sort()
      .map((name) => {
        const pointer = `/${member}${pointerTo([name])}`;
        if (name === '__proto__') problem(`/records/${index}${pointer}`, 'this name is not allowed; choose another');
        return { name, field: make(rule[member]![name]!, at(`${member}.${name}`, pointer, false)) };
      });
  if (rule.kind !== 'metric' && rule.value !== undefined)
    problem(`/records/${index}/value`, 'only a metric has a value; write it under measures, or kind: metric');
  if (typeof rule.value === 'object' && rule.value.convert !== undefined) {
    const wrong = unitProblem(rule.value.unit ?? rule.unit, rule.value.convert, '/unit');
    if (wrong !== undefined && rule.value.unit === undefined)
      problem(`/records/${index}${wrong.pointer}`, wrong.message);
  }
  if (rule.measures?.value !== undefined && rule.kind === 'metric')
    problem(`/records/${index}/measures/value`, 'a metric has a value of its own; give the measure another name');
  return {
    name: textField(typeof rule.name === 'string' ? { const: rule.name } : rule.name, at('name', '/name', true)),
    key: rule.key.map((part, i) => textField(part, at(`key[${i}]`, `/key/${i}`, true))),
    ts:
      rule.ts === undefined
        ? undefined
        : timeField(rule.ts, { ...at('ts', '/ts', rule.kind !== 'entity'), isTime: true }),
    value:
      rule.kind !== 'metric' || rule.value === undefined
        ? undefined
        : numberField(rule.value, at('value', '/value', true)),
    rank: rankOf(profile, at('', '', false)),
    dimensions: named('dimensions', textField),
    measures: named('measures', numberField),
    subject: subjectField(rule, setting, at('subject', '', false)),
  };
}

/** The profile speaks of it once for all its records: each rule reads it as its own rows and parts are. */
function rankOf({ dedupe }: Profile, setting: FieldSetting): Fields['rank'] {
  if (dedupe?.by === undefined) return undefined;
  return rankField(dedupe.by, { ...setting, rule: 'dedupe.by', pointer: '/dedupe/by' });
}

function subjectField(rule: RecordRule, { policy, index }: RecordSetting, at: FieldSetting): Field<string> | undefined {
  const subject = policy?.policy.subject;
  if (subject === undefined) return undefined;
  const required = needsSubject(policy!.policy, rule, index);
  return textField(subject, { ...at, required, rule: 'policy.subject', pointer: '/policy/subject' });
}

function builder(rule: RecordRule, fields: Fields, { recordId, policy, tables, index }: RecordSetting): Build {
  const { kind } = rule;
  const { key, dimensions, measures } = fields;
  const unit = kind === 'metric' ? unitOfValue(rule) : '';
  const skips = rule.on_missing === 'skip';
  const guard = policy === undefined ? undefined : guardRecord(rule, index, fields, policy);
  const keyValues: string[] = [];
  // What is looked up in time needs the time first; reasons otherwise come in the order of the rule.
  const timeFirst = [...tables.values()].some(({ timed }) => timed);
  return (row, place, attempt) => {
    if (timeFirst) attempt.tsMs = fields.ts?.read(row, attempt);
    keyValues.length = 0;
    for (const part of key) keyValues.push(part.read(row, attempt)!);
    const name = fields.name.read(row, attempt);
    const tsMs = timeFirst ? attempt.tsMs : fields.ts?.read(row, attempt);
    let exact: Record<string, string> | undefined;
    const value = fields.value?.read(row, attempt);
    if (fields.value?.exact === true && attempt.exactText !== undefined && value !== undefined)
      exact = { value: attempt.exactText };
    const dims: Record<string, string> = {};
    for (const d of dimensions) {
      const text = d.field.read(row, attempt);
      if (text === undefined) continue;
      dims[d.name] = text;
      attempt.weight += text.length;
    }
    const nums: Record<string, number> = {};
    for (const m of measures) {
      const number = m.field.read(row, attempt);
      if (number === undefined) continue;
      nums[m.name] = number;
      if (m.field.exact && attempt.exactText !== undefined) (exact ??= {})[m.name] = attempt.exactText;
    }
    const rank = fields.rank?.read(row, attempt);
    const rankExact = fields.rank?.exact === true ? attempt.exactText : undefined;
    if (attempt.failures.length > 0) return attempt.missed && skips ? skipped : attempt.failures;
    const record: CanonicalRecord = {
      kind,
      name: name!,
      tsMs,
      recordId: recordId(kind, keyValues),
      value,
      unit,
      dimensions: dims,
      measures: nums,
      exact,
      byteStart: place.start,
      byteEnd: place.end,
      row: place.row,
      recordHash: '',
    };
    const ranked = fields.rank === undefined ? record : Object.assign(record, { rank, rankExact });
    if (guard === undefined) return ranked;
    return guard(ranked, row, attempt) ?? (attempt.missed && skips ? skipped : attempt.failures);
  };
}

/** One candidate for each wanted column of a row; an empty cell is skipped, or a failure when the rule says so. */
function unpivoting(
  unpivot: NonNullable<RecordRule['unpivot']>,
  fields: Fields,
  { profile, index, problem, columns }: RecordSetting,
  build: Build,
): RecordMapper {
  if ((unpivot.columns === undefined) === (unpivot.exclude === undefined)) {
    problem(
      `/records/${index}/unpivot`,
      'give either columns or exclude: write columns: [a, b] for these alone, or exclude: [a] for all others',
    );
  }
  const named = [...fields.dimensions, ...fields.measures].map((n) => n.field);
  const all = [fields.name, ...fields.key, fields.ts, fields.value, ...named];
  const isEmpty = emptyCell(
    profile,
    all.flatMap((field) => field?.cellNulls ?? []),
  );
  const site: Site = { rule: `records[${index}].unpivot`, pointer: '', ofPart: true };
  const skips = unpivot.on_missing !== 'quarantine';
  const eachCell = cellsOf(unpivot, columns);
  const part: Part = { label: '', value: undefined, pointer: () => pointerTo([part.label]) };
  return (row, place, attempt, out) => {
    eachCell(row, (column, value) => {
      part.label = column;
      part.value = value;
      attempt.begin(part);
      if (!isEmpty(value)) out.push(build(row, place, attempt));
      else if (skips) out.push(skipped);
      else {
        attempt.fail(site, 'missing_field', 'The cell is missing or empty.', undefined);
        out.push(attempt.failures);
      }
    });
  };
}

type EachCell = (row: RowValue, take: (column: string, value: unknown) => void) => void;

function cellsOf(unpivot: NonNullable<RecordRule['unpivot']>, columns: Columns | undefined): EachCell {
  const wanted = unpivot.columns;
  const excluded = new Set(unpivot.exclude);
  if (columns !== undefined) {
    const slots = wanted?.map((name) => ({ name, slot: columns.slot(name) }));
    return (row, take) => {
      const cells = row as string[];
      if (slots !== undefined) for (const { name, slot } of slots) take(name, cells[slot.index]);
      else columns.names.forEach((name, i) => (excluded.has(name) ? undefined : take(name, cells[i])));
    };
  }
  return (row, take) => {
    const object = isObject(row) ? row : {};
    for (const name of wanted ?? Object.keys(object)) {
      if (wanted !== undefined || !excluded.has(name))
        take(name, Object.hasOwn(object, name) ? object[name] : undefined);
    }
  };
}
