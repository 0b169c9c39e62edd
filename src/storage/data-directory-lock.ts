import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChartlyError } from '#kit';

/** Who holds a data directory. `url` is undefined while that process is still starting. */
export interface DataDirectoryOwner {
  pid: number | undefined;
  url: string | undefined;
}

export interface DataDirectoryLock {
  /** Tells other processes where this one listens. Atomic. */
  publish(info: { pid: number; url: string }): void;
  /** Lets go of the directory. May be called again. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long to wait for an owner that is going away (default 5000). An owner that is alive and serving is given 1 s at most. */
  waitMs?: number;
}

const sqliteBusy = 5;
const sqliteFull = 13;

/**
 * Takes the data directory for this process, making it when it is missing. The lock is the kernel's, on `lock.db`
 * through SQLite: it ends with the process, however that dies, and leaves nothing stale behind.
 * Errors: `data_dir_locked`, naming pid and URL of the owner; `storage_unavailable` when the directory cannot be written.
 */
export async function lockDataDirectory(dir: string, options: LockOptions = {}): Promise<DataDirectoryLock> {
  const began = Date.now();
  const serverFile = join(dir, 'server.json');
  let lock: DatabaseSync | undefined;
  while ((lock = tryLock(dir)) === undefined) {
    const owner = readOwnerFile(dir);
    const wait = Math.min(options.waitMs ?? 5000, owner.url !== undefined && isAlive(owner.pid) ? 1000 : Infinity);
    if (Date.now() - began >= wait) throw locked(dir, owner);
    await sleep(50);
  }
  const held = lock;
  writeOwnerFile(serverFile, { pid: process.pid });
  let released = false;
  return {
    publish: (info) => writeOwnerFile(serverFile, info),
    async release() {
      if (released) return;
      released = true;
      rmSync(serverFile, { force: true });
      held.close();
    },
  };
}

/** Who holds the directory now; undefined when nobody does, whatever a process that died has left in it. */
export function readDataDirectoryOwner(dir: string): DataDirectoryOwner | undefined {
  const file = join(dir, 'lock.db');
  if (!existsSync(file)) return undefined;
  const probe = new DatabaseSync(file, { readOnly: true, timeout: 0 });
  try {
    // Reading needs a shared lock, which an owner's exclusive one refuses.
    probe.exec('select count(*) from sqlite_master');
    return undefined;
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw unavailable(dir, error);
    return readOwnerFile(dir);
  } finally {
    probe.close();
  }
}

/** Undefined when another process holds the lock. */
function tryLock(dir: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    // What is captured may be personal or secret: it is its owner's alone.
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(dir, 'lock.db'), { timeout: 0 });
    database.exec('begin exclusive');
    return database;
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    throw unavailable(dir, error);
  }
}

function readOwnerFile(dir: string): DataDirectoryOwner {
  try {
    const { pid, url } = JSON.parse(readFileSync(join(dir, 'server.json'), 'utf8')) as Record<string, unknown>;
    return { pid: typeof pid === 'number' ? pid : undefined, url: typeof url === 'string' ? url : undefined };
  } catch {
    return { pid: undefined, url: undefined };
  }
}

function writeOwnerFile(file: string, info: { pid: number; url?: string }): void {
  const partial = `${file}.${process.pid}.tmp`;
  writeFileSync(partial, `${JSON.stringify({ ...info, started_at: new Date().toISOString() })}\n`);
  renameSync(partial, file);
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function locked(dir: string, owner: DataDirectoryOwner): ChartlyError {
  const who = owner.pid === undefined ? 'another process' : `process ${owner.pid}`;
  const where = owner.url === undefined ? '' : ` and serves ${owner.url}`;
  return new ChartlyError('data_dir_locked', `The data directory ${resolve(dir)} is in use: ${who} holds it${where}.`, {
    retryable: true,
    ...(owner.url === undefined
      ? {}
      : { action: `Use ${owner.url}, stop process ${owner.pid}, or choose another --data.` }),
  });
}

function unavailable(dir: string, cause: unknown): ChartlyError {
  const { code, errcode } = cause as NodeJS.ErrnoException & { errcode?: number };
  if (code === 'ENOSPC' || errcode === sqliteFull)
    return new ChartlyError('disk_full', 'The disk of the data directory has no room left.', { cause });
  return new ChartlyError(
    'storage_unavailable',
    `The data directory ${resolve(dir)} cannot be written (${code ?? 'no code'}).`,
    {
      cause,
      action: 'Check that the directory exists or can be made, and that its owner may write to it.',
    },
  );
}
