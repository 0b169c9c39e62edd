import {
  Columns,
  dialectOf,
  elementPath,
  isDelimited,
  isTable,
  parseExact,
  parseRange,
  type RowPlace,
  streamingSteps,
} from '#formats';
import { type Profile, validator } from '#contracts';
import { ChartlyError, compileSelection, type ErrorDetail, SelectionError } from '#kit';
import type { CanonicalRecord } from '#storage';
import { Attempt, needsExactPass } from './attempt.ts';
import { checkKeys } from './check-keys.ts';
import { checkLayer } from './check-layer.ts';
import { checkedPolicy } from './check-policy.ts';
import { unknownZone } from './field.ts';
import { pointerTo, type RowValue } from './path.ts';
import { type CompiledPolicy, pointerConcealer, type Sealing, waitsForKeys } from './policy.ts';
import { type TenantKeys, tenantKeys } from './policy/keyed.ts';
import { type Candidate, compileRecord, type RecordMapper, type RecordSetting } from './record-rule.ts';
import { checkRetention } from './retention.ts';
import { formatOf } from './lookup-file.ts';
import { createTables } from './lookup-table.ts';
import { fieldRules } from './lookup-uses.ts';
import type { Lookups } from './lookup-resources.ts';
import { zoneOf } from './zone.ts';

/** A profile ready to map rows. It keeps state for the row under way: one for each payload. */
export interface CompiledProfile {
  profile: Profile;
  /** CSV columns, to be bound when the header is known; undefined for JSON rows. */
  columns: Columns | undefined;
  /** Appends the candidates of a row to `out`, and returns how many characters of text they hold. `text`: the row's JSON. */
  map(row: RowValue, text: string | undefined, place: RowPlace, out: Candidate[]): number;
  /** Present when records wait for keys of their subjects, after they are mapped. */
  sealing?: CompiledPolicy | undefined;
}

/**
 * Compiles a profile. `given`: needed to map by one with a policy or look-ups, not to check it.
 * Throws `profile_invalid` with one detail for each thing wrong.
 */
export function compileProfile(
  profile: Profile,
  recordId: RecordSetting['recordId'],
  given: { keys?: TenantKeys | undefined; lookups?: Lookups | undefined } = {},
): CompiledProfile {
  const details: ErrorDetail[] = [];
  const problem = (pointer: string, message: string): void => {
    // What the profile says once for all its records is compiled with each of them.
    if (!details.some((known) => known.pointer === pointer && known.message === message))
      details.push({ pointer, message });
  };
  const valid = validator('profiles/profile');
  if (!valid(profile)) {
    for (const { pointer, message } of valid.explain(profile)) problem(pointer, message);
    throw invalid(profile, details);
  }
  checkFormat(profile, problem);
  checkLayer(profile, problem);
  checkKeys(profile.records, problem);
  checkCombined(profile, problem);
  checkRetention(profile, problem);
  checkLookups(profile, problem);
  const tables = createTables(profile, details.length === 0 ? given.lookups : undefined);
  const columns = isTable(profile) ? new Columns() : undefined;
  const checked = checkedPolicy(profile, problem);
  const policy =
    checked === undefined
      ? undefined
      : {
          policy: checked,
          keys: given.keys ?? tenantKeys(Buffer.alloc(32)),
          sealing: new WeakMap<CanonicalRecord, Sealing>(),
        };
  const mappers = profile.records.map((rule, index) =>
    compileRecord(rule, { profile, columns, tables, index, problem, recordId, policy }),
  );
  if (details.length > 0) throw invalid(profile, details);
  const exact = columns === undefined && declaresExactNumbers(profile);
  const sealing = policy !== undefined && profile.records.some((rule, i) => waitsForKeys(policy.policy, rule, i));
  const conceal = policy === undefined ? undefined : pointerConcealer();
  return { profile, columns, map: rowMapper(mappers, exact, conceal), sealing: sealing ? policy : undefined };
}

/** Throws `profile_invalid`, with one detail for each thing wrong, when a profile does not compile. */
export function checkProfile(profile: Profile): void {
  compileProfile(profile, () => '');
}

/** Runs the rules over a row; a row whose numbers need their source digits is parsed again for them. */
function rowMapper(
  mappers: readonly RecordMapper[],
  exact: boolean,
  conceal: Attempt['conceal'],
): CompiledProfile['map'] {
  const attempt = new Attempt();
  attempt.conceal = conceal;
  let rowText: string | undefined;
  function mapAll(row: RowValue, exactPass: boolean, place: RowPlace, out: Candidate[]): number {
    attempt.beginRow(rowText, exactPass);
    for (const mapper of mappers) mapper(row, place, attempt, out);
    return attempt.weight;
  }
  return (row, text, place, out) => {
    rowText = text;
    // CSV fields and XML values are texts: there is nothing to read again.
    if (text === undefined) return mapAll(row, true, place, out);
    if (exact && longNumber.test(text)) return mapAll(parseExact(text), true, place, out);
    const mark = out.length;
    try {
      return mapAll(row, false, place, out);
    } catch (error) {
      if (error !== needsExactPass) throw error;
      out.length = mark;
      return mapAll(parseExact(text), true, place, out);
    }
  };
}

/** A number of at most 15 digits and a small exponent is printed back by its double; only rows with others need their source text. */
const longNumber = /\d[\d.]{15}|[\d.][eE][+-]?\d{3}/;

function declaresExactNumbers(profile: Profile): boolean {
  return fieldRules(profile).some(({ cast }) => cast === 'int64' || cast === 'decimal' || cast === 'epoch_ns');
}

function invalid(profile: Profile, details: ErrorDetail[]): ChartlyError {
  const name = typeof profile?.profile === 'string' ? `The profile ${profile.profile}` : 'The profile';
  const [first] = details;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  return new ChartlyError('profile_invalid', `${name} does not compile: ${first?.pointer} ${first?.message}${more}.`, {
    details,
  });
}

function checkFormat(profile: Profile, problem: (pointer: string, message: string) => void): void {
  const { format, select, csv, xml } = profile;
  if (select !== undefined) {
    if (format === 'xml') checkElementPath(select, problem);
    else if (format !== 'json')
      problem('/select', `only formats json and xml have a selection, and this is ${format}; leave it out`);
    else if (streamingSteps(select) === undefined) checkQuery(select, problem);
  }
  if (xml !== undefined && format !== 'xml') problem('/xml', notOf('xml', format));
  if (csv !== undefined && !isDelimited(profile)) problem('/csv', notOf('csv', format));
  for (const own of ['parquet', 'xlsx'] as const) {
    if (profile[own] !== undefined && format !== own) problem(`/${own}`, notOf(own, format));
  }
  checkSheet(profile.xlsx, problem);
  if (csv?.header === false && csv.columns === undefined)
    problem('/csv/columns', 'without a header the columns need names; write columns: [first, second], one for each');
  for (const option of ['delimiter', 'quote'] as const) {
    const character = csv?.[option];
    if (character !== undefined && !/^[\t -~]$/.test(character))
      problem(`/csv/${option}`, 'one ASCII character (or tab) is needed; write ";" or "\\t"');
  }
  const { delimiter, quote } = dialectOf(profile);
  if (delimiter === quote)
    problem('/csv/quote', 'quote and delimiter are the same; give one of them another character');
  if (new Set(csv?.columns).size !== (csv?.columns?.length ?? 0))
    problem('/csv/columns', 'a name occurs twice; give each column one of its own');
  try {
    if (profile.timezone !== undefined) zoneOf(profile.timezone);
  } catch {
    problem('/timezone', unknownZone);
  }
}

function checkSheet(xlsx: Profile['xlsx'], problem: (pointer: string, message: string) => void): void {
  const range = xlsx?.range === undefined ? undefined : parseRange(xlsx.range);
  if (xlsx?.range !== undefined && range === undefined)
    problem('/xlsx/range', 'this is no range of cells; write B3:F200, B3:F (to the end) or B:F');
  const row = xlsx?.header_row;
  if (range !== undefined && row !== undefined && (row <= range.firstRow || row > range.lastRow))
    problem(
      '/xlsx/header_row',
      'the header row lies outside of the range; write one of its rows, or a range that begins with it',
    );
  if (new Set(xlsx?.columns).size !== (xlsx?.columns?.length ?? 0))
    problem('/xlsx/columns', 'a name occurs twice; give each column one of its own');
}

/** A section of another format than the profile's. */
function notOf(section: string, format: Profile['format']): string {
  return `this section is about format ${section}, and the profile has format ${format}; leave it out, or write format: ${section}`;
}

function checkCombined({ dedupe, records }: Profile, problem: (pointer: string, message: string) => void): void {
  const names = new Set(records.flatMap((r) => [...Object.keys(r.measures ?? {}), ...(r.value ? ['value'] : [])]));
  for (const name of Object.keys(dedupe?.combine ?? {})) {
    if (!names.has(name))
      problem(
        `/dedupe/combine${pointerTo([name])}`,
        `no record rule has such a number; there are ${names.size === 0 ? 'none' : [...names].join(', ')}`,
      );
  }
}

function checkLookups({ lookups = {} }: Profile, problem: (pointer: string, message: string) => void): void {
  for (const [name, setting] of Object.entries(lookups)) {
    if (setting.file === undefined) continue;
    const format = formatOf(setting);
    if (format === undefined)
      problem(`/lookups/${name}/file`, 'its name does not tell the format; add format: csv, tsv, json or ndjson');
    if (setting.select !== undefined && format !== 'json')
      problem(`/lookups/${name}/select`, `only format json has a selection, and this is ${format}; leave it out`);
    else if (setting.select !== undefined) checkQuery(setting.select, problem, `/lookups/${name}/select`);
  }
}

function checkElementPath(select: string, problem: (pointer: string, message: string) => void): void {
  if (elementPath(select) === undefined)
    problem(
      '/select',
      'the elements of XML are selected by a path of names and `*`, such as /rss/channel/item, or //item for those at any depth; no predicates, attributes or functions',
    );
}

function checkQuery(select: string, problem: (pointer: string, message: string) => void, pointer = '/select'): void {
  try {
    compileSelection(select);
  } catch (error) {
    if (!(error instanceof SelectionError)) throw error;
    problem(pointer, error.message);
  }
}
