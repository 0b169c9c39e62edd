import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Relational } from '#storage';

const directory = join(import.meta.dirname, '../../src/storage/relational/migrations');
const run = '0197a000-0000-7000-8000-000000000001';
const digest = 'a'.repeat(64);

/** The store as version 0.1 made it: its one migration, and a row or two of what it held. */
async function asVersion01(db: Relational): Promise<void> {
  const text = readFileSync(join(directory, '001-foundation.sql'), 'utf8');
  await db.script(
    `create table schema_migration (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
  );
  await db.transaction(async (tx) => {
    await tx.query(text);
    await tx.execute('insert into schema_migration (name, sha256) values ($1, $2)', [
      '001-foundation.sql',
      createHash('sha256').update(text).digest('hex'),
    ]);
  });
  await db.script(`
    insert into document (tenant_id, kind, document_id, ordinal, version, digest, spec, active, applied_at, applied_by) values
      ('t', 'source', 's', 1, '1', '${digest}', '{"source":"s"}', true, '2026-01-01Z', 'cli'),
      ('t', 'profile', 'p', 1, '1.0.0', '${digest}', '{}', false, '2026-01-01Z', 'cli'),
      ('t', 'profile', 'p', 2, '1.1.0', '${digest}', '{}', true, '2026-01-02Z', 'cli');
    insert into source_state (tenant_id, source_id, state) values ('t', 's', '{"requests":{}}');
    insert into run (run_id, tenant_id, source_id, trigger, state, actor, counts) values ('${run}', 't', 's', 'cli', 'succeeded', 'cli', '{"records":2}');
    insert into step (run_id, step, state, jobs_total, jobs_done) values ('${run}', 'fetch', 'succeeded', 1, 1), ('${run}', 'normalize', 'succeeded', 1, 1);
    insert into raw_ref values ('t', 's', '${run}', 0, 'page 0', 'raw', '${digest}', '${digest}', 'text/csv', 10, '2026-01-03Z');
    insert into batch_receipt (batch_id, tenant_id, source_id, run_id, raw_sha256, profile_id, profile_version, profile_digest, revision, chunk, counts,
      leaves_sha256, merkle_root, ledger_seq) values
      ('b0', 't', 's', '${run}', '${digest}', 'p', '1.1.0', '${digest}', ${2n ** 45n + 5n}, 0, '{}', '${digest}', '${digest}', 0),
      ('b1', 't', 's', '${run}', '${digest}', 'p', '1.1.0', '${digest}', ${2n ** 45n + 7n}, 1, '{}', '${digest}', '${digest}', 1);
    insert into quarantine (quarantine_id, tenant_id, source_id, run_id, reason_code, rule, pointer, message, value_masked, raw_sha256, byte_start, byte_end, row,
      candidate, profile_id, profile_version, profile_digest, recovery) values
      ('q', 't', 's', '${run}', 'missing', '/records/0', '/a', 'm', 'v', '${digest}', 0, 5, 1, 0, 'p', '1.1.0', '${digest}', 'profile');
    insert into ledger_head values ('t', 0, '${digest}')`);
}

/** Every engine brings a store of an older version up to date, and loses nothing of it. `open` gives one on an empty store. */
export function migrationsConformance(name: string, open: () => Promise<Relational>): void {
  describe(`migrations from version 0.1: ${name}`, () => {
    let old: Relational;
    let fresh: Relational;
    beforeAll(async () => {
      [old, fresh] = await Promise.all([open(), open()]);
      await asVersion01(old);
      await Promise.all([old.migrate(), fresh.migrate()]);
    });
    afterAll(async () => {
      await Promise.all([old.close(), fresh.close()]);
    });

    it('end in the same schema as a fresh store', async () => {
      const shape = async (db: Relational): Promise<unknown[]> => [
        await db.query(
          `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
           where table_schema = 'public' order by 1, 2`,
        ),
        await db.query(
          `select tablename, indexname, indexdef from pg_indexes where schemaname = 'public' order by 1, 2`,
        ),
        await db.query('select name, sha256 from schema_migration order by name'),
      ];
      const [was, is] = await Promise.all([shape(old), shape(fresh)]);
      expect(is[0]).not.toEqual([]);
      expect(was).toEqual(is);
    });

    it('keep every row, and fill in what is new', async () => {
      expect(
        await old.query('select document_id, version, ordinal, active, activated_at from document order by 1, 2'),
      ).toEqual([
        { document_id: 'p', version: '1.0.0', ordinal: 1, active: false, activated_at: '2026-01-01T00:00:00.000Z' },
        { document_id: 'p', version: '1.1.0', ordinal: 2, active: true, activated_at: '2026-01-02T00:00:00.000Z' },
        { document_id: 's', version: '1', ordinal: 1, active: true, activated_at: '2026-01-01T00:00:00.000Z' },
      ]);
      // What version 0.1 had read counts as read.
      expect(await old.query('select source_id, ordinal, profile_version, revision, ended from reading')).toEqual([
        { source_id: 's', ordinal: 2, profile_version: '1.1.0', revision: String(2n ** 45n + 7n), ended: true },
      ]);
      expect(await old.query('select quarantine_id, state, revision from quarantine')).toEqual([
        { quarantine_id: 'q', state: 'open', revision: '0' },
      ]);
      expect(await old.query('select page, expired_at, removed_at from raw_ref')).toEqual([
        { page: 0, expired_at: null, removed_at: null },
      ]);
      expect(await old.query('select count(*)::int as n from step')).toEqual([{ n: 2 }]);
    });

    it('refuse a store of a newer version, and change nothing', async () => {
      await old.execute(`insert into schema_migration (name, sha256) values ('999-later.sql', $1)`, [digest]);
      await expect(old.migrate()).rejects.toMatchObject({ code: 'conflict' });
      expect(await old.query('select 1 as one')).toEqual([{ one: 1 }]);
    });
  });
}
