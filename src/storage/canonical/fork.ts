import { ChartlyError, newUuid } from '#kit';
import { nativeColumns } from './native.ts';
import type { CanonicalFork, CanonicalStore, CopyScope, RecordChange, RecordChanges } from './port.ts';

const prefix = 'chartly_fork_';
/** Forks of other processes may be in use: only those older than any preview takes are leftovers. */
const leftoverAfterMs = 6 * 3_600_000;
/** Records that one pass of a comparison holds hashes of. */
const recordsPerPass = 2_000_000;

/** The statements that a fork and its origin share. */
export interface ForkEngine {
  rows(text: string, params: Record<string, string>): Promise<unknown[][]>;
  command(text: string, params: Record<string, string>): Promise<void>;
}

/** The name of a new fork's database; when it was made stands in it. */
export function forkName(nowMs: number): string {
  return `${prefix}${nowMs}_${newUuid().replaceAll('-', '').slice(16)}`;
}

/** The databases that a fork's name consists of: that of the store itself, then of fork after fork. Errors: `bad_request`. */
export function forkPath(name: string): string[] {
  const path = name.split('/');
  const forks = path.slice(1);
  if (path[0] !== '' && forks.length > 0 && forks.every((fork) => /^chartly_fork_\d+_[0-9a-f]{16}$/.test(fork)))
    return path;
  throw new ChartlyError('bad_request', 'There is no fork of this name.');
}

/** Drops the forks that processes left behind when they died: all of them when no other process can use the server. */
export async function dropLeftovers(engine: ForkEngine, exclusive: boolean, nowMs: number): Promise<void> {
  const rows = await engine.rows('SELECT name FROM system.databases WHERE startsWith(name, {prefix:String})', {
    prefix,
  });
  for (const [name] of rows as [string][]) {
    const madeAt = Number(name.slice(prefix.length).split('_')[0]);
    if (exclusive || nowMs - madeAt > leftoverAfterMs) await dropFork(engine, name);
  }
}

async function dropFork(engine: ForkEngine, name: string): Promise<void> {
  await engine.command(`DROP DATABASE IF EXISTS \`${name}\` SYNC`, {});
}

/** A store in a database of its own, on the same server as its origin. */
export function asFork(
  store: CanonicalStore,
  engine: ForkEngine,
  from: { store: CanonicalStore; database: string },
  name: string,
): CanonicalFork {
  const own = name.split('/').at(-1)!;
  const origin = `\`${from.database.replaceAll(/[\\`]/g, String.raw`\$&`)}\`.records`;
  const tables = { origin, own: `\`${own}\`.records` };
  return {
    ...store,
    name,
    copy: (scope) => copy(engine, tables, scope),
    compare: (tenantId, sourceId, examples) =>
      compare({ before: from.store, after: store, engine, tables }, { tenantId, sourceId, examples }),
    async close() {
      await dropFork(engine, own);
      await store.close();
    },
    release: () => store.close(),
  };
}

interface Tables {
  origin: string;
  own: string;
}

async function copy(engine: ForkEngine, { origin, own }: Tables, scope: CopyScope): Promise<void> {
  if (scope.names?.length === 0) return;
  const params: Record<string, string> = { tenant: scope.tenantId };
  const where = ['tenant_id = {tenant:String}'];
  const bind = (value: string): string => {
    const name = `p${Object.keys(params).length}`;
    params[name] = value;
    return `{${name}:String}`;
  };
  if (scope.sourceId !== undefined) where.push(`source_id = ${bind(scope.sourceId)}`);
  if (scope.exceptSourceId !== undefined) where.push(`source_id != ${bind(scope.exceptSourceId)}`);
  if (scope.names !== undefined) {
    const pairs = scope.names.map(({ kind, name }) => `(kind = ${bind(kind)} AND name = ${bind(name)})`);
    where.push(`(${pairs.join(' OR ')})`);
  }
  const columns = nativeColumns.map(([name]) => name).join(', ');
  await engine.command(
    `INSERT INTO ${own} (${columns}) SELECT ${columns} FROM ${origin} FINAL WHERE ${where.join(' AND ')}`,
    params,
  );
}

/** What a record says, in one hash: not who made it from what. Maps are sorted, as their order says nothing. */
const says = `sipHash128(toString(kind), toString(name), toUnixTimestamp64Milli(ts), isNull(value), ifNull(value, 0), toString(unit),
  ${['dimensions', 'measures', 'exact'].map((map) => `toString(arraySort(arrayZip(mapKeys(${map}), mapValues(${map}))))`).join(', ')})`;

interface Comparison {
  before: CanonicalStore;
  after: CanonicalStore;
  engine: ForkEngine;
  tables: Tables;
}

interface Compared {
  tenantId: string;
  sourceId: string;
  examples: number;
}

/** In passes over slices of the record ids, so that memory is bounded by the slice. */
async function compare(at: Comparison, { tenantId, sourceId, examples }: Compared): Promise<RecordChanges> {
  const result: RecordChanges = { added: 0, changed: 0, retired: 0, unchanged: 0, examples: [] };
  const found: Record<RecordChange['change'], string[]> = { added: [], changed: [], retired: [] };
  const params = { tenant: tenantId, source: sourceId };
  const mine = 'tenant_id = {tenant:String} AND source_id = {source:String}';
  const sizes = [at.tables.origin, at.tables.own].map((table) => `(SELECT count() FROM ${table} FINAL WHERE ${mine})`);
  const [[total] = [0]] = await at.engine.rows(`SELECT ${sizes.join(' + ')}`, params);
  const passes = Math.min(256, Math.max(1, Math.ceil(Number(total) / recordsPerPass)));
  for (let pass = 0; pass < passes; pass++) {
    const slice = `${mine} AND reinterpretAsUInt8(substring(record_id, 1, 1)) % ${passes} = ${pass}`;
    const rows = await at.engine.rows(passText(at.tables, slice, Math.max(1, examples)), params);
    for (const [change, count, ids] of rows as [RecordChange['change'] | 'unchanged', string, string[]][]) {
      result[change] += Number(count);
      if (change !== 'unchanged') found[change] = [...found[change], ...ids].sort().slice(0, examples);
    }
  }
  for (const change of ['added', 'changed', 'retired'] as const) {
    for (const recordId of found[change]) {
      const before = change === 'added' ? undefined : await at.before.get(tenantId, recordId);
      const after = change === 'retired' ? undefined : await at.after.get(tenantId, recordId);
      result.examples.push({ change, recordId, before, after });
    }
  }
  return result;
}

function passText({ origin, own }: Tables, slice: string, examples: number): string {
  const sides = [origin, own].map(
    (table, side) => `SELECT ${side} AS side, record_id, ${says} AS says FROM ${table} FINAL WHERE ${slice}`,
  );
  return `SELECT change, count(), groupArraySorted(${examples})(lower(hex(record_id))) FROM (
    SELECT record_id,
      multiIf(sum(1 - side) = 0, 'added', sum(side) = 0, 'retired', uniqExact(says) = 1, 'unchanged', 'changed') AS change
    FROM (${sides.join(' UNION ALL ')}) GROUP BY record_id
  ) GROUP BY change`;
}
