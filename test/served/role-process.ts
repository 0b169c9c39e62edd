// Processes of one installation, each with some of the services, as a user starts them.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

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
  const { url, internal_url: internalUrl } = JSON.parse(await ready) as { url?: string; internal_url: string };
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

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')));
  return ports;
}
