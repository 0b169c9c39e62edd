import { readdir, readFile } from 'node:fs/promises';
import { ChartlyError, sha256Hex } from '#kit';
import type { Sql } from './port.ts';

const directory = new URL('./migrations/', import.meta.url);

/** What migrations need of an engine: the same on every one. */
export interface MigrationTarget extends Sql {
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
}

/**
 * Applies the files of ./migrations that were not applied yet, in the order of their names, each in a transaction and
 * under a lock that keeps two processes from doing so at once. Returns the names that it applied.
 * Errors: `conflict` when the store was migrated by a newer version.
 */
export async function migrate(target: MigrationTarget): Promise<string[]> {
  await target.transaction(async (tx) => {
    await lock(tx);
    await tx.execute(`create table if not exists schema_migration (
      name text primary key, sha256 text not null, applied_at timestamptz not null default now())`);
  });
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).toSorted();
  const known = (await target.query<{ name: string }>('select name from schema_migration')).map((row) => row.name);
  const foreign = known.find((name) => !names.includes(name));
  if (foreign !== undefined) {
    throw new ChartlyError('conflict', `The relational store was migrated by a newer Chartly (${foreign}).`, {
      action: 'Use that version, or another data directory.',
    });
  }
  const applied: string[] = [];
  for (const name of names) {
    if (!known.includes(name) && (await applyOne(target, name))) applied.push(name);
  }
  return applied;
}

async function applyOne(target: MigrationTarget, name: string): Promise<boolean> {
  const text = await readFile(new URL(name, directory), 'utf8');
  return target.transaction(async (tx) => {
    await lock(tx);
    const [done] = await tx.query('select 1 from schema_migration where name = $1', [name]);
    if (done !== undefined) return false;
    await tx.query(text);
    await tx.execute('insert into schema_migration (name, sha256) values ($1, $2)', [name, sha256Hex(text)]);
    return true;
  });
}

/** An arbitrary number that every Chartly agrees on. */
const lock = (tx: Sql): Promise<unknown> => tx.query('select pg_advisory_xact_lock($1)', [4_711_001]);
