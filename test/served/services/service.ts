// What every throw-away service is made of: its packages, a free port, a process of its own, a directory that goes with it.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A server that is there for one test, or one command, and leaves nothing behind. It listens on the loopback address alone. */
export interface Service {
  url: string;
  /** The server's process; another one after `start`. */
  pid(): number;
  /**
   * Sends a signal to the server; one that it cannot hear (SIGKILL, SIGSTOP, SIGCONT) also to the processes that it has started. Resolves at once, except
   * for SIGKILL: then when all of them are gone. What it had on disk stays.
   */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Starts a server that is gone again, on the same port and data. */
  start(): Promise<void>;
  /** Ends the server and removes what it wrote. Repeatable. */
  stop(): Promise<void>;
}

export interface ServiceSpec {
  name: string;
  /** Makes what the server needs in its directory, once. `asUser` runs a program to its end as the server's user. */
  prepare?: (dir: string, asUser: (program: string, ...args: string[]) => Promise<void>) => Promise<void>;
  /** The program of the server, and its arguments. It must not put itself into the background. */
  command: (dir: string, port: number) => string[];
  url: (port: number) => string;
  /** Rejects or answers false for as long as the server does not answer. */
  ready: (port: number, dir: string) => Promise<boolean>;
  /** What ends the server in an orderly way (default SIGTERM). */
  stopSignal?: NodeJS.Signals;
  env?: Record<string, string>;
}

const startMs = 60_000;
const stopMs = 15_000;
const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** Starts a server and resolves once it answers. Rejects with what it said when it ends before, or takes too long. */
export async function startService(spec: ServiceSpec): Promise<Service> {
  const user = unprivileged();
  const dir = await mkdtemp(join(tmpdir(), `chartly-${spec.name}-`));
  if (user !== undefined) await chown(dir, user.uid, user.gid);
  const port = await freePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = launch(spec, dir, port, user);
    child = started.child;
    await started.ready;
  }
  async function stop(): Promise<void> {
    if (child !== undefined) await end(child, spec.stopSignal ?? 'SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }

  try {
    await spec.prepare?.(dir, async (program, ...args) => {
      const [first, ...rest] = as(user, program, args);
      await run(first!, rest, { cwd: dir, env: { ...process.env, ...spec.env } });
    });
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: spec.url(port),
    pid: () => child!.pid!,
    signal: (signal) => send(child!, signal),
    start,
    stop,
  };
}

/** Where a program is: on the path, or the first place that is there. Installs its Debian package when it is nowhere, which takes root. */
export async function programOf(name: string, places: () => string[], debianPackage: string): Promise<string> {
  const find = (): string | undefined =>
    [...places(), name].find((place) => spawnSync(place, ['--version']).status === 0);
  const found = find();
  if (found !== undefined) return found;
  await install(debianPackage);
  const installed = find();
  if (installed === undefined) throw new Error(`${debianPackage} is installed, and yet ${name} does not run`);
  return installed;
}

async function install(debianPackage: string): Promise<void> {
  if (!isRoot) throw new Error(`${debianPackage} is missing: apt-get install ${debianPackage}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, maxBuffer: 64 << 20 };
  // Several test files may come here at once: apt-get waits for the one that holds its lock.
  const apt = (...args: string[]) => run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', ...args], options);
  await apt('update').catch(() => {});
  await apt('install', '-y', '--no-install-recommends', debianPackage);
}

interface User {
  uid: number;
  gid: number;
}

/** Servers refuse to run as root, and should: then they run as `nobody`. */
function unprivileged(): User | undefined {
  if (!isRoot) return undefined;
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * The command as that user. On Linux the process gets SIGTERM when the one that started it dies, however that came: a test
 * run that is killed leaves no server behind.
 */
function as(user: User | undefined, program: string, args: string[]): string[] {
  if (process.platform !== 'linux') return [program, ...args];
  const ids = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  return ['setpriv', ...ids, '--pdeathsig=TERM', program, ...args];
}

function launch(
  spec: ServiceSpec,
  dir: string,
  port: number,
  user: User | undefined,
): { child: ChildProcess; ready: Promise<void> } {
  const [program = '', ...args] = spec.command(dir, port);
  const [first = '', ...rest] = as(user, program, args);
  const env = { ...process.env, ...spec.env };
  const child = spawn(first, rest, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-4000)));
  }
  const ready = async (): Promise<void> => {
    for (const began = Date.now(); Date.now() - began < startMs;) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      if (await spec.ready(port, dir).catch(() => false)) return;
      await sleep(50);
    }
    throw new Error(`${spec.name} (${userInfo().username}) did not start: ${said}`);
  };
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  return { child, ready: Promise.race([ready(), failed]) };
}

/** A server that is killed would leave processes of its own that go on to answer for a while. */
async function send(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const deaf = signal === 'SIGKILL' || signal === 'SIGSTOP' || signal === 'SIGCONT';
  const others = deaf ? childrenOf(child.pid!) : [];
  const gone = closed(child);
  child.kill(signal);
  for (const pid of others) deliver(pid, signal);
  if (signal !== 'SIGKILL') return;
  await gone;
  // Not for ever: where nobody fetches the dead, they keep their ids.
  for (const began = Date.now(); Date.now() - began < stopMs && others.some((pid) => deliver(pid, 0));) await sleep(10);
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = stdout.trim().split('\n');
  return rows
    .map((row) => row.trim().split(/\s+/).map(Number))
    .flatMap(([own, parent]) => (parent === pid ? [own!] : []));
}

/** False when there is no such process. */
function deliver(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = closed(child);
  // One that was stopped hears nothing else.
  await send(child, 'SIGCONT');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await gone;
  clearTimeout(timer);
}

function closed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

/**
 * A port that nobody listens on now. Not one that the system gives to outgoing connections: one of those would take it before the server does.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => {
      server.close(resolve);
    });
    return port;
  }
}
