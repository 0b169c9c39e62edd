import { describe, expect, it, beforeAll, afterAll } from 'vitest';
import type { Relational } from '#storage';

interface Sqlstate {
  cause: { code: string };
}

/** What every engine of the relational plane must do. `open` gives one on an empty store. */
export function relationalConformance(name: string, open: () => Promise<Relational>): void {
  describe(`relational conformance: ${name}`, () => {
    let db: Relational;
    beforeAll(async () => {
      db = await open();
      await db.script('create table item (id int8 primary key, body jsonb, at timestamptz); create table n (i int)');
    });
    afterAll(async () => db.close());

    it('applies migrations once', async () => {
      await db.migrate();
      const before = await db.query('select name, applied_at from schema_migration order by name');
      await db.migrate();
      expect(before.length).toBeGreaterThan(0);
      expect(await db.query('select name, applied_at from schema_migration order by name')).toEqual(before);
      expect(await db.query('select * from run')).toEqual([]);
    });

    it('gives 64-bit integers as text, times as RFC 3339 with milliseconds, JSON parsed', async () => {
      await db.execute('insert into item values ($1, $2, $3)', [
        9_007_199_254_740_993n,
        JSON.stringify({ a: [1, null, 'é'] }),
        '2026-03-01T12:00:00.123456+02:00',
      ]);
      expect(await db.query('select * from item where id = $1', ['9007199254740993'])).toEqual([
        { id: '9007199254740993', body: { a: [1, null, 'é'] }, at: '2026-03-01T10:00:00.123Z' },
      ]);
    });

    it('keeps the other types apart', async () => {
      const [row] = await db.query(
        `select $1::bytea as bytes, $2::text[] as words, $3::int8[] as longs, null::text as nothing, true as yes, 1.5::float8 as half,
         'null'::jsonb as json_null, '2026-01-02'::date as day, 12345678901234567890::numeric as big, timestamptz '1999-12-31 23:59:59Z' as whole`,
        [new Uint8Array([0, 255, 16]), ['a"b', 'c,d', ''], [1, 2]],
      );
      expect(Buffer.from(row!['bytes'] as Uint8Array)).toEqual(Buffer.from([0, 255, 16]));
      delete row!['bytes'];
      expect(row).toEqual({
        words: ['a"b', 'c,d', ''],
        longs: ['1', '2'],
        nothing: null,
        yes: true,
        half: 1.5,
        json_null: null,
        day: '2026-01-02',
        big: '12345678901234567890',
        whole: '1999-12-31T23:59:59.000Z',
      });
    });

    it('keeps the values of arrays and of rarer types', async () => {
      const [row] = await db.query(
        `select array[1, 2]::int4[] as ints, array['2026-01-02 03:04:05Z'::timestamptz, null] as times, array[[true], [false]] as nested,
         array['{"a":1}'::jsonb] as documents, '{}'::text[] as none, '0197a000-0000-7000-8000-000000000001'::uuid as id, 'NaN'::float8 as nan,
         '-infinity'::timestamptz as ever, interval '1 day 2 hours' as span, point(1, 2) as place, 'x'::"char" as letter, 7::oid as oid`,
      );
      expect(row).toEqual({
        ints: [1, 2],
        times: ['2026-01-02T03:04:05.000Z', null],
        nested: [[true], [false]],
        documents: [{ a: 1 }],
        none: [],
        id: '0197a000-0000-7000-8000-000000000001',
        nan: Number.NaN,
        ever: '-infinity',
        span: '1 day 02:00:00',
        place: '(1,2)',
        letter: 'x',
        oid: 7,
      });
    });

    it('counts the rows that a statement changed', async () => {
      expect(await db.execute('insert into n select generate_series(1, 10)')).toBe(10);
      expect(await db.execute('update n set i = i + 1 where i > $1', [8])).toBe(2);
      expect(await db.execute('delete from n')).toBe(10);
      expect(await db.execute('select 1')).toBe(0);
    });

    it('rolls a failed transaction back and rethrows', async () => {
      const failure = new Error('mine');
      const attempt = db.transaction(async (tx) => {
        await tx.execute('insert into n values (1)');
        throw failure;
      });
      await expect(attempt).rejects.toBe(failure);
      expect(await db.query('select * from n')).toEqual([]);
    });

    it('names a violated unique constraint by its SQLSTATE', async () => {
      await db.execute(`insert into item (id) values (1)`);
      const error = await db.execute('insert into item (id) values ($1)', [1]).catch((e: unknown) => e);
      expect((error as Sqlstate).cause.code).toBe('23505');
      expect((error as Error).message).not.toContain('(1)');
      const inside = db.transaction((tx) => tx.execute('insert into item (id) values (1)'));
      await expect(inside).rejects.toMatchObject({ cause: { code: '23505', constraint: 'item_pkey' } });
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('never commits a transaction of which a statement failed', async () => {
      const attempt = db.transaction(async (tx) => {
        await tx.execute('insert into n values (2)');
        await tx.execute('insert into item (id) values (1)').catch(() => {});
      });
      await expect(attempt).rejects.toThrow('rolled back');
      expect(await db.query('select * from n')).toEqual([]);
    });

    it('keeps the statements of concurrent transactions and callers apart', async () => {
      await db.execute('delete from n');
      const add = (value: number): Promise<unknown> =>
        db.transaction(async (tx) => {
          const [row] = await tx.query<{ sum: string }>('select coalesce(sum(i), 0)::int8 as sum from n');
          await new Promise(setImmediate);
          await tx.execute('insert into n values ($1)', [value]);
          if (value % 3 === 0) throw new Error('undo');
          return row;
        });
      const others = Array.from({ length: 20 }, () => db.query('select count(*) as c from n'));
      await Promise.allSettled(Array.from({ length: 30 }, (_, i) => add(i)));
      await Promise.all(others);
      const kept = Array.from({ length: 30 }, (_, i) => i).filter((i) => i % 3 !== 0);
      expect((await db.query<{ i: number }>('select i from n order by i')).map((row) => row.i)).toEqual(kept);
    });

    it('refuses a statement that would wait for its own transaction', async () => {
      await expect(db.transaction(async () => db.query('select 1'))).rejects.toThrow('did not use the transaction');
      await expect(db.transaction(() => db.transaction(async () => 1))).rejects.toThrow('did not use the transaction');
      expect(await db.query('select 2 as two')).toEqual([{ two: 2 }]);
    });

    it('refuses a transaction after its end', async () => {
      let kept: { query(text: string): Promise<unknown> } | undefined;
      await db.transaction(async (tx) => {
        kept = tx;
      });
      await expect(kept!.query('select 1')).rejects.toThrow('after its end');
    });

    it('returns the rows of a script, and undoes a script that fails inside a block', async () => {
      await db.execute('delete from n');
      const block = 'begin; insert into n values (5) returning i; select 7 as j; commit';
      expect(await db.script(block)).toEqual([{ i: 5 }, { j: 7 }]);
      await expect(db.script('begin; insert into n values (6); select 1/0; commit')).rejects.toMatchObject({
        cause: { code: '22012' },
      });
      expect(await db.query('select i from n')).toEqual([{ i: 5 }]);
    });

    it('sees a table whose columns changed since a statement was first run', async () => {
      await db.query('select * from n');
      await db.script('alter table n add column extra text default $$x$$');
      expect(await db.query('select * from n')).toEqual([{ i: 5, extra: 'x' }]);
      await db.execute('alter table n drop column extra');
      expect(await db.query('select * from n')).toEqual([{ i: 5 }]);
    });

    it('answers health', async () => {
      await expect(db.health()).resolves.toBeUndefined();
    });
  });
}
