// A Query becomes one ClickHouse statement. Users' text stands in bound parameters only; names of columns are ours (c0, c1…).
import type { Query } from '#contracts';
import type { ReadQuery } from '#storage';
import { aggregateSql } from './aggregates.ts';
import { type Bucket, bucketSql } from './buckets.ts';
import { columnName, readField, type ColumnType, type Field } from './fields.ts';
import { filterSql } from './filters.ts';
import { invalid } from './invalid.ts';
import { createParams, type Params } from './params.ts';
import { checkZone, parseTime } from './time-zone.ts';

/** Rows of a query that names no limit. */
export const defaultLimit = 10_000;

export interface Column {
  name: string;
  type: ColumnType;
}

export interface CompiledQuery {
  /**
   * Returns `columns` in their order (times in milliseconds), perhaps one more column to ignore, and up to `limit` + 1
   * rows, so that a cut shows.
   */
  read: ReadQuery;
  columns: Column[];
  limit: number;
  timezone: string;
}

/** The part of a statement that says which records it reads. */
interface Scope {
  zone: string;
  zoneParam: string;
  where: string;
  params: Params;
}

interface SqlColumn extends Column {
  sql: string;
}

/**
 * Compiles a query that its contract accepted, limited to the tenant. `pointer` is where the query stands in a larger
 * document. The order of rows is always total: what `order_by` leaves open is settled by the other columns.
 * Errors: `validation_failed`.
 */
export function compileQuery(tenantId: string, query: Query, pointer = ''): CompiledQuery {
  const scope = compileScope(tenantId, query, pointer);
  const limit = query.limit ?? defaultLimit;
  const { text, columns } =
    query.select === undefined ? aggregateStatement(query, scope, pointer) : selectStatement(query, scope, pointer);
  return {
    read: { text: `${text} LIMIT ${limit + 1}`, params: scope.params.values },
    columns: columns.map(({ name, type }) => ({ name, type })),
    limit,
    timezone: scope.zone,
  };
}

/** The records that a query reads, as a condition: for the digests of a manifest. */
export function compileRecordScope(tenantId: string, query: Query, pointer = ''): { where: string; params: Params } {
  return compileScope(tenantId, query, pointer);
}

function compileScope(tenantId: string, query: Query, pointer: string): Scope {
  const params = createParams();
  const zone = checkZone(query.timezone, `${pointer}/timezone`);
  const conditions = [
    `tenant_id = ${params.bind(tenantId, 'String')}`,
    `kind = ${params.bind(query.kind, 'String')}`,
    Array.isArray(query.name)
      ? `name IN ${params.bind(query.name, 'Array(String)')}`
      : `name = ${params.bind(query.name, 'String')}`,
  ];
  if (query.source !== undefined) conditions.push(`source_id = ${params.bind(query.source, 'String')}`);
  for (const [key, op] of [
    ['from', '>='],
    ['to', '<'],
  ] as const) {
    const text = query[key];
    if (text === undefined) continue;
    const ms = parseTime(text, zone, `${pointer}/${key}`);
    // A timeless entity stands at the epoch: it is in no range.
    if (query.kind === 'entity') conditions.push('toUnixTimestamp64Milli(ts) != 0');
    conditions.push(`ts ${op} fromUnixTimestamp64Milli(${params.bind(ms, 'Int64')}, 'UTC')`);
  }
  for (const [i, filter] of (query.filter ?? []).entries()) {
    const field = readField(query.kind, filter.field, params);
    conditions.push(filterSql(filter, field, zone, params, `${pointer}/filter/${i}`));
  }
  return { zone, zoneParam: params.bind(zone, 'String'), where: conditions.join(' AND '), params };
}

function selectStatement(query: Query, scope: Scope, pointer: string): { text: string; columns: SqlColumn[] } {
  for (const key of ['bucket', 'group_by', 'top'] as const) {
    if (query[key] !== undefined)
      throw invalid(`${pointer}/${key}`, `A query with select takes no ${key}: it returns rows as they are.`);
  }
  const columns = query.select!.map((column) => {
    const { field, as } = columnName(column);
    const { sql, type } = readField(query.kind, field, scope.params);
    return { name: as, sql, type };
  });
  checkNames(columns, (i) => `${pointer}/select/${i}`);
  const order = [...userOrder(query, columns, pointer), 'ts ASC', 'record_id ASC'];
  return {
    text: `SELECT ${list(columns)} FROM records FINAL WHERE ${scope.where} ORDER BY ${order.join(', ')}`,
    columns,
  };
}

function aggregateStatement(query: Query, scope: Scope, pointer: string): { text: string; columns: SqlColumn[] } {
  const { params } = scope;
  const buckets: SqlColumn[] =
    query.bucket === undefined
      ? []
      : [{ name: 'bucket', sql: bucketOf(query.kind, query.bucket, scope.zoneParam), type: 'time' }];
  const groups = (query.group_by ?? []).map((column) => {
    const { field, as } = columnName(column);
    const read = readField(query.kind, field, params);
    return { name: as, sql: read.sql, type: read.type };
  });
  const aggregates = query.aggregates!.map((aggregate, i) => {
    const field: Field | undefined =
      aggregate.field === undefined ? undefined : readField(query.kind, aggregate.field, params);
    return { name: aggregate.as, ...aggregateSql(aggregate, field, `${pointer}/aggregates/${i}`) };
  });
  const columns = [...buckets, ...groups, ...aggregates];
  checkNames(columns, pointerOf(buckets.length, groups.length, pointer));
  const top = topGroups(query, groups, aggregates, scope, pointer);
  const keys = columns.slice(0, buckets.length + groups.length).map((_, i) => `c${i}`);
  if (top.rest !== undefined) keys.push('rest');
  const order = [...userOrder(query, columns, pointer), ...defaultOrder(query, columns, keys, top.rest !== undefined)];
  const selected = top.rest === undefined ? list(columns) : `${list(columns)}, ${top.rest} AS rest`;
  const text = [
    `SELECT ${selected} FROM records FINAL WHERE ${scope.where}${top.where}`,
    keys.length > 0 ? ` GROUP BY ${keys.join(', ')}` : '',
    order.length > 0 ? ` ORDER BY ${order.join(', ')}` : '',
  ].join('');
  return { text, columns };
}

/** A timeless entity, which stands at the epoch, has no bucket. */
function bucketOf(kind: Query['kind'], bucket: Bucket, zone: string): string {
  const sql = bucketSql(bucket, zone);
  return kind === 'entity' ? `if(toUnixTimestamp64Milli(ts) = 0, NULL, ${sql})` : sql;
}

/**
 * Limits the groups to the n that rank highest over the whole range (ties: the smaller value first; records without the field are a group
 * too). With `others`, the rest becomes one group, whose aggregates are computed from its records, not from other groups' results.
 */
function topGroups(
  query: Query,
  groups: SqlColumn[],
  aggregates: SqlColumn[],
  scope: Scope,
  pointer: string,
): { where: string; rest?: string } {
  const { top } = query;
  if (top === undefined) return { where: '' };
  const group = groups.find((g) => g.name === top.group);
  if (group === undefined) throw unknownColumn(`${pointer}/top/group`, top.group, groups);
  const by = aggregates.find((a) => a.name === top.by);
  if (by === undefined) throw unknownColumn(`${pointer}/top/by`, top.by, aggregates);
  // A pair, because NULL is in no set.
  const pair = `(isNull(${group.sql}), ifNull(${group.sql}, ${group.type === 'text' ? "''" : '0'}))`;
  const best = `SELECT ${pair} AS pair FROM records FINAL WHERE ${scope.where} GROUP BY pair ORDER BY ${by.sql} DESC NULLS LAST, pair ASC LIMIT ${top.n}`;
  if (top.others !== true) return { where: ` AND ${pair} IN (${best})` };
  if (group.type !== 'text') throw invalid(`${pointer}/top/others`, 'Only a group of texts can have `others`.');
  const rest = `${pair} NOT IN (${best})`;
  group.sql = `if(${rest}, 'others', ${group.sql})`;
  return { where: '', rest };
}

function userOrder(query: Query, columns: SqlColumn[], pointer: string): string[] {
  return (query.order_by ?? []).map(({ column, direction }, i) => {
    const index = columns.findIndex((c) => c.name === column);
    if (index < 0) throw unknownColumn(`${pointer}/order_by/${i}/column`, column, columns);
    return `c${index} ${direction === 'desc' ? 'DESC' : 'ASC'} NULLS LAST`;
  });
}

/** Time first, then the groups; a ranking without time lists the greatest first and the others last. */
function defaultOrder(query: Query, columns: SqlColumn[], keys: string[], others: boolean): string[] {
  const groups = keys.filter((k) => k !== 'rest').map((k) => `${k} ASC NULLS LAST`);
  const last = others ? ['rest ASC'] : [];
  if (query.top === undefined || query.bucket !== undefined || query.order_by !== undefined) {
    return query.bucket === undefined ? [...last, ...groups] : [...groups.slice(0, 1), ...last, ...groups.slice(1)];
  }
  const by = columns.findIndex((c) => c.name === query.top!.by);
  return [...last, `c${by} DESC NULLS LAST`, ...groups];
}

function checkNames(columns: SqlColumn[], pointer: (index: number) => string): void {
  const seen = new Set<string>();
  for (const [i, { name }] of columns.entries()) {
    if (seen.has(name)) throw invalid(pointer(i), `Two columns are called ${name}: give one another name with \`as\`.`);
    seen.add(name);
  }
}

function pointerOf(buckets: number, groups: number, pointer: string): (index: number) => string {
  return (i) => {
    const index = i - buckets;
    return index < groups ? `${pointer}/group_by/${index}` : `${pointer}/aggregates/${index - groups}/as`;
  };
}

function unknownColumn(pointer: string, name: string, columns: SqlColumn[]): Error {
  const known = columns.map((c) => c.name).join(', ');
  return invalid(pointer, `There is no column ${name} here. There is: ${known || 'none'}.`);
}

function list(columns: SqlColumn[]): string {
  return columns.map((c, i) => `${c.sql} AS c${i}`).join(', ');
}
