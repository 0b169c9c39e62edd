/** Reference files: rows of any format that payloads may have, as a table by key. */
import { Columns, defaultCaps, isTable, parseExact } from '#formats';
import type { LookupTable, Profile } from '#contracts';
import { Attempt } from './attempt.ts';
import { type Field, textField } from './field.ts';
import { maxTableBytes } from './lookup-entities.ts';
import { joinKey, keyOf } from './lookup-uses.ts';
import { compilePath, type Getter, PathError, type RowValue } from './path.ts';
import { createRowReader } from './row-reader.ts';

/** Why a file cannot serve as a table; `member` is the one of the table's setting that is wrong. */
export class ReferenceProblem extends Error {
  readonly member: 'file' | 'key' | 'format';
  constructor(member: ReferenceProblem['member'], message: string) {
    super(message);
    this.member = member;
  }
}

export const maxRows = 250_000;

/** Only rows with numbers like these are parsed a second time for their digits. */
const longNumber = /[\d.]{16}|\d[eE]/;

/** The format that a file's name says. */
export function formatOf({ file = '', format }: LookupTable): Profile['format'] | undefined {
  if (format !== undefined) return format;
  const ending = /\.(csv|tsv|json|ndjson|jsonl)$/i.exec(file)?.[1]?.toLowerCase();
  return ending === 'jsonl' ? 'ndjson' : (ending as Profile['format'] | undefined);
}

/**
 * The table: of each key the values of `fields`. Rows without a key are left out. Throws ReferenceProblem: a row that cannot be read, a
 * key that two rows give other values for, a column that is not there, too much of anything.
 */
export function readReference(
  setting: LookupTable,
  fields: readonly string[],
  bytes: Buffer,
): Map<string, readonly unknown[]> {
  const profile = profileOf(setting, bytes);
  const columns = isTable(profile) ? new Columns() : undefined;
  const entries = new Map<string, unknown[]>();
  const firstRows = new Map<string, number>();
  const keys = keyOf(setting).map((path) => keyField(path, profile, columns));
  const getters = fields.map((path) => getter(path, columns, 'file'));
  const attempt = new Attempt();
  attempt.exactPass = true;
  let rows = 0;

  function add(value: RowValue, row: number): void {
    if (++rows > maxRows) throw new ReferenceProblem('file', `it has more than ${maxRows} rows`);
    attempt.begin(undefined);
    const parts: string[] = [];
    for (const field of keys) {
      const part = field.read(value, attempt);
      if (attempt.failures.length > 0)
        throw new ReferenceProblem('key', `the key of row ${row + 1} is no text or number`);
      if (part === undefined) return;
      parts.push(part);
    }
    const key = joinKey(parts);
    const values = getters.map((get) => get(value, attempt));
    const known = entries.get(key);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(values)) {
      const [first, second] = [firstRows.get(key)! + 1, row + 1];
      throw new ReferenceProblem(
        'key',
        `rows ${first} and ${second} of the file have the same key and differ in what is looked up; add a column to the key, or remove one`,
      );
    }
    if (known !== undefined) return;
    entries.set(key, values);
    firstRows.set(key, row);
  }

  const map = (value: RowValue, text: string | undefined, { row }: { row: number }): number => {
    const exact = text !== undefined && longNumber.test(text) ? parseExact(text) : value;
    add(exact, row);
    return 0;
  };
  const fault = (_reason: string, { row }: { row: number }, message: string): never => {
    throw new ReferenceProblem('file', `row ${row + 1} of it cannot be read: ${message}`);
  };
  const reader = createRowReader({ profile, columns, map }, defaultCaps, { candidates: () => {}, fault });
  reader.push(bytes);
  // A text is read in one go; what comes step by step is none of the formats here.
  const rest = reader.end();
  if (Symbol.iterator in rest) Array.from(rest);
  checkColumns(setting, fields, columns);
  if (entries.size === 0)
    throw new ReferenceProblem('key', `no row of it has ${keyOf(setting).join(' and ')}, so nothing can be found`);
  return entries;
}

/** The file's setting in the terms of a profile, so that it is read as payloads are. */
function profileOf(setting: LookupTable, bytes: Buffer): Profile {
  const format = formatOf(setting);
  if (format === undefined)
    throw new ReferenceProblem('file', 'its name does not tell the format; add format: csv, tsv, json or ndjson');
  if (bytes.length > maxTableBytes)
    throw new ReferenceProblem('file', `it has ${bytes.length} bytes, and ${maxTableBytes} are the most`);
  const { delimiter, encoding, select } = setting;
  const csv = { ...(delimiter === undefined ? {} : { delimiter }), ...(encoding === undefined ? {} : { encoding }) };
  return {
    profile: 'reference',
    version: '1.0.0',
    format,
    records: [],
    ...(Object.keys(csv).length === 0 ? {} : { csv }),
    ...(select === undefined ? {} : { select }),
  };
}

function keyField(path: string, profile: Profile, columns: Columns | undefined): Field<string> {
  return textField(path, {
    profile,
    columns,
    tables: new Map(),
    division: undefined,
    required: false,
    rule: 'key',
    pointer: '',
    problem: (_pointer, message) => {
      throw new ReferenceProblem('key', message);
    },
  });
}

function getter(path: string, columns: Columns | undefined, member: 'file' | 'key'): Getter {
  try {
    return compilePath(path, columns, undefined).get;
  } catch (error) {
    if (error instanceof PathError) throw new ReferenceProblem(member, `${path}: ${error.message}`);
    throw error;
  }
}

function checkColumns(setting: LookupTable, fields: readonly string[], columns: Columns | undefined): void {
  if (columns === undefined) return;
  const there = columns.names.slice(0, 20).join(', ');
  for (const name of keyOf(setting)) {
    if (columns.slot(name).index < 0) throw new ReferenceProblem('key', `it has no column ${name}; there are ${there}`);
  }
  for (const name of fields) {
    if (columns.slot(name).index < 0)
      throw new ReferenceProblem('file', `it has no column ${name}, which rules look up; there are ${there}`);
  }
}
