// The throw-away services themselves: what they promise to the tests that use them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase, startPostgres } from './services/postgres.ts';

const script = join(import.meta.dirname, '../../scripts/services.sh');
const left = (): string[] => readdirSync(tmpdir());

// A place of its own for what the services write, in which nobody else leaves anything.
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-services-'));
  // The server's user must pass.
  await chmod(dir, 0o755);
  process.env.TMPDIR = dir;
});
afterAll(async () => rm(tmpdir(), { recursive: true, force: true }));

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe('a throw-away PostgreSQL', () => {
  it('keeps what it has over kill -9 and a new start, and nothing after its end', async () => {
    const server = await startPostgres();
    const url = await newDatabase(server);
    await ask(url, 'create table kept (i int); insert into kept values (1)');
    await server.signal('SIGKILL');
    await expect(ask(url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    expect(await ask(url, 'select * from kept')).toEqual([{ i: 1 }]);
    await server.stop();
    await server.stop();
    expect(left()).toEqual([]);
  });
});

describe('scripts/services.sh', () => {
  it('runs a command with the address of a server, gives its exit code, and leaves nothing', async () => {
    const command = 'echo "$CHARTLY_POSTGRES_URL"; exit 7';
    const child = spawn(script, ['postgres', '--', 'sh', '-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (data: Buffer) => (printed += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(7);
    expect(printed).toMatch(/^postgres:\/\/.*@127\.0\.0\.1:\d+\/postgres\n$/);
    expect(left()).toEqual([]);
  });

  it('says what there is when asked for something else', async () => {
    const child = spawn(script, ['oracle'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(2);
    expect(said).toContain('no service oracle');
    expect(said).toContain('postgres');
  });
});
