// Ctrl-C, as a process meets it: npm and the launcher pass on what the terminal has sent already.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../../src/main.ts');
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-interrupt-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function interrupted(argv: string[], stream: 'stdout' | 'stderr', text: string): Promise<[number, string[]]> {
  const dataDir = await mkdtemp(join(root, 'data-'));
  const child = spawn(process.execPath, [main, ...argv, '--port', '0', '--data', dataDir], { stdio: 'pipe' });
  await said(child, stream, text);
  child.kill('SIGINT');
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number];
  return [code, await readdir(dataDir)];
}

async function said(child: ChildProcess, stream: 'stdout' | 'stderr', text: string): Promise<void> {
  let heard = '';
  for await (const part of child[stream]!.iterator({ destroyOnReturn: false })) {
    heard += String(part);
    if (heard.includes(text)) return;
  }
  throw new Error(`it ended without saying ${text}: ${heard}`);
}

it('ends a server well', async () => {
  const [code, left] = await interrupted(['up'], 'stdout', 'Ctrl-C');
  expect(code).toBe(0);
  expect(left).not.toContain('server.json');
});

it('ends a demo that is still ingesting with 130, and everything is closed', async () => {
  const [code, left] = await interrupted(['demo'], 'stderr', 'Ingesting');
  expect(code).toBe(130);
  expect(left).toContain('pg');
  expect(left).not.toContain('server.json');
});
