// The relational plane on a PostgreSQL server: what the port promises, and what only a server far away can do to it.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ChartlyError, silentLogger } from '#kit';
import { createPostgresRelational, type Relational } from '#storage';
import { migrationsConformance } from '../conformance/migrations.ts';
import { relationalConformance } from '../conformance/relational.ts';
import { newDatabase, startPostgres } from './services/postgres.ts';
import { startProxy, type Proxy } from './services/proxy.ts';

const server = await startPostgres();
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => server.stop());

const onEmptyDatabase = async (): Promise<Relational> => createPostgresRelational({ url: await newDatabase(server) });
relationalConformance('PostgreSQL', onEmptyDatabase);
migrationsConformance('PostgreSQL', onEmptyDatabase);

type Options = Omit<Parameters<typeof createPostgresRelational>[0], 'url'>;

async function open(options: Options & { url?: string } = {}): Promise<Relational> {
  const relational = await createPostgresRelational({ url: await newDatabase(server), ...options });
  closers.push(() => relational.close());
  return relational;
}

async function openBehindProxy(
  options: Options = {},
): Promise<{ relational: Relational; proxy: Proxy; direct: Relational }> {
  const url = new URL(await newDatabase(server));
  const direct = await open({ url: url.href });
  await direct.script('create table n (i int primary key)');
  const proxy = await startProxy(Number(url.port));
  closers.push(() => proxy.close());
  url.port = String(proxy.port);
  return { relational: await open({ url: url.href, ...options }), proxy, direct };
}

const away = { code: 'storage_unavailable', retryable: true };

describe('a lost connection', () => {
  it('fails what was under way, and no later call', async () => {
    const { relational, proxy } = await openBehindProxy();
    const waiting = relational.query('select pg_sleep(60)').catch((error: unknown) => error);
    const torn = relational.transaction(async (tx) => {
      await tx.execute('insert into n values (1)');
      proxy.drop();
      // Must fail at once, and not run on another connection, outside of any transaction.
      await expect(tx.execute('insert into n values (2)')).rejects.toMatchObject(away);
      await tx.execute('insert into n values (3)');
    });
    await expect(torn).rejects.toMatchObject(away);
    expect(await waiting).toMatchObject(away);
    expect(await relational.query('select * from n')).toEqual([]);
    await relational.execute('insert into n values (4)');
    expect(await relational.query('select i from n')).toEqual([{ i: 4 }]);
  });

  it('while a commit is answered says that it failed, and that it may have happened: repeating with a key does nothing twice', async () => {
    const { relational, proxy, direct } = await openBehindProxy();
    proxy.onRequest((bytes) => (bytes.includes('commit') ? 'drop' : undefined));
    const add = (): Promise<number> =>
      relational.transaction((tx) => tx.execute('insert into n values (1) on conflict do nothing'));
    await expect(add()).rejects.toMatchObject({ ...away, action: expect.stringContaining('may have been') });
    proxy.onRequest(undefined);
    expect(await direct.query('select i from n')).toEqual([{ i: 1 }]);
    expect(await add()).toBe(0);
  });

  it('without a word is given up in time', async () => {
    const { relational, proxy } = await openBehindProxy({ statementTimeoutMs: 300 });
    await relational.query('select 1');
    proxy.silence();
    await expect(relational.query('select 2')).rejects.toMatchObject(away);
    expect(await relational.query('select 3 as three')).toEqual([{ three: 3 }]);
  });

  it('that the server ended says so, idle or not', async () => {
    const { relational, direct } = await openBehindProxy();
    const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
    await relational.query('select 1');
    await direct.query(others);
    const busy = relational.query('select pg_sleep(60)').catch((error: unknown) => error);
    await expect
      .poll(() =>
        direct.query(`select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`),
      )
      .toHaveLength(1);
    await direct.query(others);
    expect(await busy).toMatchObject(away);
    expect(await relational.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('to a server that is killed and comes back: what was acknowledged is there', async () => {
    const own = await startPostgres();
    closers.push(() => own.stop());
    const relational = await open({ url: own.url });
    await relational.script('create table kept (i int)');
    await relational.execute('insert into kept values (1)');
    await own.signal('SIGKILL');
    await expect(relational.health()).rejects.toMatchObject(away);
    await own.start();
    expect(await relational.query('select i from kept')).toEqual([{ i: 1 }]);
  });
});

describe('limits', () => {
  it('ends a statement that takes too long, and keeps the connection', async () => {
    const relational = await open({ statementTimeoutMs: 200, connections: 1 });
    const [before] = await relational.query('select pg_backend_pid() as pid');
    await expect(relational.query('select pg_sleep(60)')).rejects.toMatchObject({ ...away, cause: { code: '57014' } });
    expect(await relational.query('select pg_backend_pid() as pid')).toEqual([before]);
  });

  it('says that the disk is full, and which statements may be repeated', async () => {
    const relational = await open();
    const raise = (code: string): Promise<unknown> =>
      relational.query(`do $$ begin raise exception using errcode = '${code}', message = 'a value'; end $$`);
    await expect(raise('53100')).rejects.toMatchObject({ code: 'disk_full', retryable: true });
    for (const code of ['53300', '40001', '57P03', '25006']) await expect(raise(code)).rejects.toMatchObject(away);
    const refused = await raise('22001').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'internal', retryable: false });
    expect((refused as Error).message).not.toContain('a value');
  });

  it('lets one of two that wait for each other go on, and the other repeat', async () => {
    const relational = await open();
    await relational.script('create table n (i int primary key); insert into n values (1), (2)');
    const both = Promise.withResolvers<void>();
    let locked = 0;
    const lock = (first: number, second: number): Promise<void> =>
      relational.transaction(async (tx) => {
        await tx.query('select 1 from n where i = $1 for update', [first]);
        if (++locked === 2) both.resolve();
        await both.promise;
        await tx.query('select 1 from n where i = $1 for update', [second]);
      });
    const ends = await Promise.allSettled([lock(1, 2), lock(2, 1)]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const { reason } = ends.find((end) => end.status === 'rejected')!;
    expect(reason).toMatchObject({ ...away, cause: { code: '40P01' } });
  });

  it('takes no more connections than allowed, however many ask', async () => {
    const url = await newDatabase(server);
    const [watcher, relational] = [await open({ url }), await open({ url, connections: 3 })];
    const asked = Array.from({ length: 40 }, (_, i) => relational.query(`select pg_sleep(0.01), ${i} as i`));
    expect((await Promise.all(asked)).map(([row]) => row!.i)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    // Those that were made are kept for a while.
    const [others] = await watcher.query(
      'select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    expect(others).toEqual({ n: 3 });
  });

  it('closes when what was asked for is done, and refuses what comes later', async () => {
    const relational = await open({ connections: 2 });
    const asked = Array.from({ length: 6 }, (_, i) => relational.query(`select pg_sleep(0.05), ${i} as i`));
    const closed = relational.close();
    await expect(relational.query('select 1')).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect((await Promise.all(asked)).map(([row]) => row!.i)).toEqual([0, 1, 2, 3, 4, 5]);
    await closed;
    await relational.close();
  });

  it('leaves no transaction to the next caller', async () => {
    const relational = await open({ connections: 1 });
    await relational.script('create table n (i int)');
    await relational.script('begin; insert into n values (1)');
    expect(await relational.query('select * from n')).toEqual([]);
  });
});

describe('sessions', () => {
  it('speak as the port promises, whatever the database is set to', async () => {
    const url = await newDatabase(server);
    const first = await open({ url });
    const name = new URL(url).pathname.slice(1);
    for (const setting of [
      `timezone = 'Asia/Kathmandu'`,
      `datestyle = 'German'`,
      `bytea_output = 'escape'`,
      `synchronous_commit = off`,
      `default_transaction_isolation = 'serializable'`,
    ]) {
      await first.execute(`alter database ${name} set ${setting}`);
    }
    const relational = await open({ url });
    const [row] = await relational.query(
      `select timestamptz '2026-01-02 03:04:05Z' as at, '\\x00ff'::bytea as bytes, date '2026-01-02' as day,
         current_setting('synchronous_commit') as sync, current_setting('transaction_isolation') as isolation`,
    );
    expect(row).toEqual({
      at: '2026-01-02T03:04:05.000Z',
      bytes: Buffer.from([0, 255]),
      day: '2026-01-02',
      sync: 'on',
      isolation: 'read committed',
    });
  });

  it('are migrated once by several that start together', async () => {
    const url = await newDatabase(server);
    const all = await Promise.all(Array.from({ length: 4 }, () => open({ url })));
    await Promise.all(all.map((relational) => relational.migrate()));
    const applied = await all[0]!.query<{ n: number; names: number }>(
      'select count(*)::int as n, count(distinct name)::int as names from schema_migration',
    );
    expect(applied[0]!.n).toBeGreaterThan(5);
    expect(applied[0]!.n).toBe(applied[0]!.names);
  });
});

describe('a server that cannot be used', () => {
  /** Everything that a log, an answer or a terminal might show. */
  async function refusal(change: (url: URL) => void): Promise<ChartlyError> {
    const url = new URL(server.url);
    change(url);
    const error = await createPostgresRelational({ url: url.href, logger: silentLogger }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ChartlyError);
    const { message, action, details, cause } = error as ChartlyError;
    const shown = JSON.stringify([message, action, details, String(cause), cause]);
    expect(shown).not.toContain('wrong-password');
    expect(shown).not.toContain(decodeURIComponent(url.password));
    return error as ChartlyError;
  }

  it('says why, and never the password', async () => {
    expect(await refusal((url) => (url.password = 'wrong-password'))).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('28P01'),
    });
    expect(await refusal((url) => (url.pathname = '/nowhere'))).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('no such database'),
    });
    expect(await refusal((url) => (url.port = '1'))).toMatchObject({
      ...away,
      message: expect.stringContaining('127.0.0.1:1/postgres cannot be reached (ECONNREFUSED)'),
    });
    expect(await refusal((url) => (url.search = 'sslmode=require'))).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('speaks no TLS'),
    });
  });
});

describe('TLS', () => {
  it('is spoken when asked for, and checked as far as asked for', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'chartly-tls-'));
    closers.push(() => rm(dir, { recursive: true, force: true }));
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    const subject = ['-subj', '/CN=db.example.org', '-addext', 'subjectAltName=DNS:db.example.org'];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
    ];
    execFileSync('openssl', [...request, ...subject], { stdio: 'ignore' });
    const secure = await startPostgres({ tls: { key, certificate } });
    closers.push(() => secure.stop());
    const say = async (query: string): Promise<unknown> => {
      const url = new URL(secure.url);
      url.search = query;
      const relational = await createPostgresRelational({ url: url.href });
      try {
        return (await relational.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()'))[0]!.ssl;
      } finally {
        await relational.close();
      }
    };
    expect(await say('')).toBe(false);
    expect(await say('sslmode=require')).toBe(true);
    expect(await say(`sslmode=verify-ca&sslrootcert=${certificate}`)).toBe(true);
    await expect(say('sslmode=verify-ca')).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
    });
    // The certificate is for another name.
    await expect(say(`sslmode=verify-full&sslrootcert=${certificate}`)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
  });
});
