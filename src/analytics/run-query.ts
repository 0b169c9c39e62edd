import type { Query, QueryResult } from '#contracts';
import { type Clock, isoMs } from '#kit';
import type { CanonicalStore, TabularResult } from '#storage';
import { type Column, compileQuery } from './compile-query.ts';
import { demand } from './invalid.ts';

export interface QueryDeps {
  canonical: CanonicalStore;
  clock: Clock;
}

/** Runs a query for a tenant. `dataVersion` is the version that its caller has read already. */
export async function runQuery(
  deps: QueryDeps,
  tenantId: string,
  query: Query,
  dataVersion?: string,
): Promise<QueryResult> {
  demand('reports/query', query);
  const compiled = compileQuery(tenantId, query);
  // Read before the rows: the result is of this version or newer, never older than it says.
  const version = dataVersion ?? (await deps.canonical.dataVersion(tenantId));
  const table = await deps.canonical.read(compiled.read);
  return {
    columns: compiled.columns,
    rows: toRows(table, compiled.columns, compiled.limit),
    as_of: isoMs(deps.clock.now()),
    timezone: compiled.timezone,
    data_version: version,
    truncated: table.rows.length > compiled.limit,
  };
}

function toRows(table: TabularResult, columns: Column[], limit: number): QueryResult['rows'] {
  return table.rows.slice(0, limit).map((row) => columns.map((column, i) => toCell(row[i] ?? null, column.type)));
}

function toCell(value: string | number | null, type: Column['type']): string | number | null {
  if (value === null) return null;
  if (type === 'text') return String(value);
  const number = Number(value);
  if (!Number.isFinite(number)) return null;
  return type === 'time' ? isoMs(number) : number;
}
