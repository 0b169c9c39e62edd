import type { Query, QueryColumn, QueryResult } from '#contracts';
import type { Params } from './params.ts';

export type ColumnType = QueryResult['columns'][number]['type'];

/** How one field of a record is read in SQL. `sql` is NULL where the record lacks it. */
export interface Field {
  sql: string;
  type: 'text' | 'number' | 'time';
  /** True for fields that every record has. */
  always: boolean;
}

const plain: Record<string, Field> = {
  value: { sql: 'value', type: 'number', always: false },
  // Milliseconds: an Int64 keeps the whole range and its zone, where the engine's text forms do not.
  ts: { sql: 'toUnixTimestamp64Milli(ts)', type: 'time', always: true },
  name: { sql: 'toString(name)', type: 'text', always: true },
  unit: { sql: "nullIf(toString(unit), '')", type: 'text', always: false },
  source_id: { sql: 'toString(source_id)', type: 'text', always: true },
  record_id: { sql: 'lower(hex(record_id))', type: 'text', always: true },
};

/** The field's SQL; the map keys of dimensions and measures are bound, never written. */
export function readField(kind: Query['kind'], name: string, params: Params): Field {
  const known = plain[name];
  if (known !== undefined) return name === 'ts' && kind === 'entity' ? timeless(known) : known;
  const dot = name.indexOf('.');
  const map = name.slice(0, dot) === 'measures' ? 'measures' : 'dimensions';
  const key = params.bind(name.slice(dot + 1), 'String');
  return {
    sql: `if(mapContains(${map}, ${key}), ${map}[${key}], NULL)`,
    type: map === 'measures' ? 'number' : 'text',
    always: false,
  };
}

// Entities may have no time; the table then holds the epoch.
function timeless(ts: Field): Field {
  return { ...ts, sql: `nullIf(${ts.sql}, 0)`, always: false };
}

/** Name of a column: as given, or the last part of the field (`dimensions.symbol` is `symbol`). */
export function columnName(column: QueryColumn): { field: string; as: string } {
  if (typeof column !== 'string') return column;
  return { field: column, as: column.slice(column.indexOf('.') + 1) };
}
