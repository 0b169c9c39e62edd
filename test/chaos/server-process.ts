// A server of its own process, started by the command line as a user would, for tests that do harm to it.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/main.ts');

export interface ServerProcess {
  pid: number;
  url: string;
  /** What it wrote to its standard error so far: log lines, and its last words. */
  said(): string;
  /** Undefined while it runs. */
  ended(): { code: number | null; signal: NodeJS.Signals | null } | undefined;
  api<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Starts `chartly up` on a data directory. Rejects with what it said when it ends before it serves. */
export async function startServer(dataDir: string, workspaceDir: string): Promise<ServerProcess> {
  const env = { ...process.env, CHARTLY_DATA: dataDir, CHARTLY_WORKSPACE: workspaceDir, CHARTLY_LOG_LEVEL: 'info' };
  const args = ['--no-warnings', main, 'up', '--port', '0', '--json'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await servingUrl(child, exited, () => said);
  const key = (await readFile(join(dataDir, 'local.key'), 'utf8')).trim();
  return {
    pid: child.pid!,
    url,
    said: () => said,
    ended: () =>
      child.exitCode === null && child.signalCode === null
        ? undefined
        : { code: child.exitCode, signal: child.signalCode },
    async api<T>(method: 'GET' | 'POST', path: string, body?: unknown) {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const response = await fetch(`${url}${path}`, {
        method,
        headers,
        ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return JSON.parse(text) as T;
    },
    async kill(signal) {
      child.kill(signal);
      await exited;
    },
  };
}

function servingUrl(child: ChildProcess, exited: Promise<void>, said: () => string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  child.stdout!.on('data', (data: Buffer) => {
    output += data.toString();
    // The document is printed whole.
    if (output.includes('\n}\n')) resolve((JSON.parse(output) as { url: string }).url);
  });
  child.once('error', reject);
  void exited.then(() => reject(new Error(`the server ended before it served: ${said()}`)));
  return promise;
}
