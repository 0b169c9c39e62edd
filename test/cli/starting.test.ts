// A command that meets a server which holds the data directory and does not serve yet.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { run } from '#cli';
import { readDataDirectoryOwner } from '#storage';

const main = join(import.meta.dirname, '../../src/main.ts');

it('waits for the server, and uses it', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'chartly-starting-'));
  const server = spawn(process.execPath, [main, 'up', '--port', '0', '--data', dataDir], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  while (readDataDirectoryOwner(dataDir) === undefined) await sleep(5);
  expect(readDataDirectoryOwner(dataDir)!.url).toBeUndefined();

  const err: string[] = [];
  const code = await run(['runs', 'list', '--data', dataDir], {
    out: () => {},
    err: (text) => void err.push(text),
    readInput: async () => '',
    columns: undefined,
    color: false,
    liveErr: false,
  });
  expect([code, err.join('')]).toEqual([0, 'nothing to show\n']);

  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  await rm(dataDir, { recursive: true, force: true });
});
