import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '#kit';
import { createPgliteRelational, type PgliteRelational } from './pglite.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-pg-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

/** Appends numbers, one transaction each, and prints a number only once its transaction has committed. */
const writer = `
import { createPgliteRelational } from ${JSON.stringify(new URL('./pglite.ts', import.meta.url).href)};
const db = await createPgliteRelational({ dir: process.argv[1] });
await db.script('create table if not exists log (i int primary key, half text)');
const [row] = await db.query('select coalesce(max(i), -1) + 1 as next from log');
for (let i = row.next; ; i++) {
  await db.transaction(async (tx) => {
    await tx.execute('insert into log values ($1)', [i]);
    await tx.execute("update log set half = 'whole' where i = $1", [i]);
  });
  process.stdout.write(i + '\\n');
}`;

async function writeUntilKilled(dir: string, acknowledgements: number): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = -1;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (++seen === acknowledgements) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return last;
}

describe('the embedded relational engine', () => {
  it('loses nothing that it acknowledged when its process is killed', async () => {
    const dir = join(root, 'killed');
    let last = -1;
    for (const acknowledgements of [1, 40, 7]) last = await writeUntilKilled(dir, acknowledgements);
    const db = await createPgliteRelational({ dir });
    const rows = await db.query<{ i: number; half: string | null }>('select i, half from log order by i');
    await db.close();
    expect(rows.length).toBeGreaterThanOrEqual(48);
    expect(rows.length).toBeGreaterThan(last);
    expect(rows.map((row) => row.i)).toEqual(rows.map((_, i) => i));
    expect(rows.filter((row) => row.half !== 'whole')).toEqual([]);
  });

  describe('open', () => {
    let db: PgliteRelational;
    beforeAll(async () => {
      db = await createPgliteRelational({ dir: join(root, 'open'), vacuumEvery: 50 });
    });
    afterAll(async () => db.close());

    it('hands notifications over once they are committed, until told to stop', async () => {
      const heard: string[] = [];
      const stop = await db.listen('news', (payload) => heard.push(payload));
      await db.transaction((tx) => tx.query(`select pg_notify('news', 'kept')`));
      await db
        .transaction(async (tx) => {
          await tx.query(`select pg_notify('news', 'undone')`);
          throw new Error('undo');
        })
        .catch(() => {});
      await stop();
      await db.query(`select pg_notify('news', 'late')`);
      await db.query('select 1');
      expect(heard).toEqual(['kept']);
    });

    it('vacuums by itself after enough changes', async () => {
      await db.script('create table busy (i int)');
      await db.execute('insert into busy select generate_series(1, 1000)');
      await db.execute('delete from busy');
      await expect
        .poll(() => db.query(`select 1 from pg_class where relname = 'busy' and relpages = 0`), { timeout: 20_000 })
        .toHaveLength(1);
    });
  });

  it('starts its engine again when that dies, and keeps what it acknowledged', async () => {
    const dir = join(root, 'dying');
    const said: string[] = [];
    const logger: Logger = { ...silentLogger, info: (message) => said.push(message) };
    const db = await createPgliteRelational({ dir, logger });
    const heard: string[] = [];
    await db.listen('news', (payload) => heard.push(payload));
    await db.script('create table kept (i int)');
    await db.execute('insert into kept values (1)');
    // An engine that cannot start a new segment of its log panics, as it does on a full disk.
    await rename(join(dir, 'pg_wal'), join(dir, 'away'));
    const torn = db.transaction(async (tx) => {
      await tx.query('select pg_switch_wal()');
      await tx.execute('insert into kept values (2)');
      await expect(tx.query('select pg_switch_wal()')).rejects.toMatchObject({ code: 'storage_unavailable' });
      await rename(join(dir, 'away'), join(dir, 'pg_wal'));
      await expect.poll(() => said, { timeout: 30_000 }).toEqual(['the relational engine runs again']);
      // Must not run on the new engine, outside of any transaction.
      await tx.execute('insert into kept values (3)');
    });
    await expect(torn).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    await db.query(`select pg_notify('news', 'again')`);
    expect(await db.query('select i from kept')).toEqual([{ i: 1 }]);
    expect(heard).toEqual(['again']);
    await db.close();
  });

  it('says that it is closed', async () => {
    const db = await createPgliteRelational({ dir: join(root, 'closed') });
    await db.execute('create table t (i int)');
    await db.close();
    await db.close();
    await expect(db.query('select 1')).rejects.toMatchObject({ code: 'storage_unavailable' });
    const again = await createPgliteRelational({ dir: join(root, 'closed') });
    expect(await again.query('select * from t')).toEqual([]);
    await again.close();
  });

  it('reports an engine that cannot start', async () => {
    await expect(createPgliteRelational({ dir: '/dev/null/pg' })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  });
});
