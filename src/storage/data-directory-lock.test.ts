import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lockDataDirectory, readDataDirectoryOwner } from './data-directory-lock.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-lock-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

const holder = `
import { lockDataDirectory } from ${JSON.stringify(new URL('./data-directory-lock.ts', import.meta.url).href)};
const lock = await lockDataDirectory(process.argv[1]);
if (process.argv[2]) lock.publish({ pid: process.pid, url: process.argv[2] });
console.log('held');
setInterval(() => {}, 1000);`;

async function hold(dir: string, url = ''): Promise<ChildProcess & { warnings: () => string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder, dir, url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child.stdout, 'data');
  return Object.assign(child, { warnings: () => text });
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

it('refuses a directory that another process holds, naming that process and its URL', async () => {
  const dir = join(root, 'held');
  const child = await hold(dir, 'http://127.0.0.1:4242');
  const error = await lockDataDirectory(dir, { waitMs: 10 }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'data_dir_locked' });
  expect((error as Error).message).toContain(`process ${child.pid}`);
  expect((error as Error).message).toContain('http://127.0.0.1:4242');
  expect(readDataDirectoryOwner(dir)).toEqual({ pid: child.pid, url: 'http://127.0.0.1:4242' });
  expect(child.warnings()).toBe('');
  await kill(child);
});

it('is free again when its holder is killed, whatever that left behind', async () => {
  const dir = join(root, 'killed');
  await kill(await hold(dir, 'http://127.0.0.1:4242'));
  expect(JSON.parse(await readFile(join(dir, 'server.json'), 'utf8'))).toMatchObject({ url: 'http://127.0.0.1:4242' });
  expect(readDataDirectoryOwner(dir)).toBeUndefined();
  const lock = await lockDataDirectory(dir);
  expect(readDataDirectoryOwner(dir)).toEqual({ pid: process.pid, url: undefined });
  await lock.release();
});

it('waits for a predecessor that is going away', async () => {
  const dir = join(root, 'going');
  const child = await hold(dir);
  const waiting = lockDataDirectory(dir);
  await kill(child);
  const lock = await waiting;
  expect(readDataDirectoryOwner(dir)?.pid).toBe(process.pid);
  await lock.release();
  await lock.release();
});

it('locks out this process too, until released', async () => {
  const dir = join(root, 'own');
  const lock = await lockDataDirectory(dir);
  lock.publish({ pid: process.pid, url: 'http://127.0.0.1:1' });
  await expect(lockDataDirectory(dir, { waitMs: 0 })).rejects.toMatchObject({ code: 'data_dir_locked' });
  expect(readDataDirectoryOwner(dir)?.url).toBe('http://127.0.0.1:1');
  await lock.release();
  expect(readDataDirectoryOwner(dir)).toBeUndefined();
  await (await lockDataDirectory(dir, { waitMs: 0 })).release();
});

it('makes a directory that is closed to others', async () => {
  const dir = join(root, 'closed');
  const lock = await lockDataDirectory(dir);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  await lock.release();
});

it('knows no owner of a directory that is not there, and says why one cannot be made', async () => {
  expect(readDataDirectoryOwner(join(root, 'absent'))).toBeUndefined();
  await writeFile(join(root, 'file'), '');
  await expect(lockDataDirectory(join(root, 'file'))).rejects.toMatchObject({ code: 'storage_unavailable' });
});
