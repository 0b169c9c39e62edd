// Processes of one installation, each with some of the services, as a user starts them.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from './services/service.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

export interface RoleProcess {
  child: ChildProcess;
  url: string | undefined;
  internalUrl: string;
  /** What it wrote to its standard error so far. */
  said(): string;
  /** Ends it, and gives its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `chartly up --roles`; resolves when it serves. */
export async function startRole(
  roles: string,
  env: Record<string, string>,
  internalPort: number,
): Promise<RoleProcess> {
  const args = ['--no-warnings', main, 'up', '--roles', roles, '--port', '0', '--json'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env, CHARTLY_INTERNAL_PORT: String(internalPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  const ready = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.trimEnd().endsWith('}')) resolve(text);
    });
    void closed.then(() => reject(new Error(`${roles} ended before it served: ${said}`)));
  });
  const printed = await ready;
  const { url, internal_url: internalUrl } = JSON.parse(printed) as { url?: string; internal_url?: string };
  // An error is a document as well.
  if (internalUrl === undefined) throw new Error(`${roles} does not serve: ${printed}${said}`);
  return {
    child,
    url,
    internalUrl,
    said: () => said,
    async end(signal) {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}

/** Different ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
