import type { Query, QueryResult } from '#contracts';
import type { Cell, SectionChange } from './index.ts';

type Cells = SectionChange['cells'];

/** Every cell that differs, counted; the first `limit` listed. Rows are told apart by their groups, or by their record's id. */
export function compareResults(
  query: Query,
  before: QueryResult,
  after: QueryResult,
  limit: number,
): { changed: number; cells: Cells } {
  const names = before.columns.map(({ name }) => name);
  const keys = keyColumns(query, names);
  const values = names.filter((name) => !keys.includes(name));
  const old = byKey(before, names, keys);
  const cells: Cells = [];
  let changed = 0;
  const add = (row: Record<string, Cell>, column: string, from: Cell, to: Cell): void => {
    changed++;
    if (cells.length < limit) cells.push({ row, column, before: from, after: to });
  };
  const one = (row: Row, side: 'before' | 'after'): void => {
    // A row that is nothing but its key is there or not.
    for (const column of values.length > 0 ? values : names) {
      const cell = row.cells[column] ?? null;
      add(row.key, column, side === 'before' ? cell : null, side === 'after' ? cell : null);
    }
  };
  for (const [key, row] of byKey(after, names, keys)) {
    const was = old.get(key);
    old.delete(key);
    if (was === undefined) one(row, 'after');
    else {
      for (const column of values) {
        const [from, to] = [was.cells[column] ?? null, row.cells[column] ?? null];
        if (from !== to) add(row.key, column, from, to);
      }
    }
  }
  for (const row of old.values()) one(row, 'before');
  return { changed, cells };
}

function keyColumns(query: Query, names: readonly string[]): string[] {
  if (query.select === undefined) {
    const aggregates = new Set(query.aggregates?.map(({ as }) => as));
    return names.filter((name) => !aggregates.has(name));
  }
  const record = query.select.findIndex(
    (column) => (typeof column === 'string' ? column : column.field) === 'record_id',
  );
  return record < 0 ? [...names] : [names[record]!];
}

interface Row {
  key: Record<string, Cell>;
  cells: Record<string, Cell>;
}

function byKey(result: QueryResult, names: readonly string[], keys: readonly string[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const values of result.rows) {
    const cells = Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
    const key = Object.fromEntries(keys.map((name) => [name, cells[name] ?? null]));
    const text = JSON.stringify(Object.values(key));
    // Rows that are alike in their key are told apart by their order.
    let id = text;
    for (let n = 2; rows.has(id); n++) id = `${text} ${n}`;
    rows.set(id, { key, cells });
  }
  return rows;
}
