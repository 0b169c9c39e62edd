import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** Begins the names of this process's files: several processes, also of several machines, may have files in one directory. */
const own = `${machine}.${process.pid}.${randomBytes(8).toString('hex')}`;
/** Nothing takes so long to write; for what cannot be told from its name. */
const leftoverAfterMs = 24 * 3_600_000;

/** Files that exist only while they are written. */
export interface TemporaryFiles {
  /** Runs `use` on a new file, which is gone afterwards unless it was renamed. */
  use<T>(use: (file: FileHandle, path: string) => Promise<T>): Promise<T>;
}

/** The first use removes what dead processes left in `dir`. */
export function createTemporaryFiles(dir: string): TemporaryFiles {
  let prepared: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    await mkdir(dir, { recursive: true });
    const names = (await readdir(dir)).filter((name) => !name.startsWith(own));
    for (const name of names) {
      if (await isLeftover(dir, name)) await rm(join(dir, name), { force: true });
    }
  }

  return {
    async use(use) {
      prepared ??= prepare();
      try {
        await prepared;
      } catch (error) {
        prepared = undefined;
        throw error;
      }
      const path = join(dir, `${own}-${randomBytes(8).toString('hex')}`);
      const file = await open(path, 'wx');
      try {
        return await use(file, path);
      } finally {
        await file.close();
        await rm(path, { force: true });
      }
    },
  };
}

/** Whether the process that made a file is dead for certain, or must be. */
async function isLeftover(dir: string, name: string): Promise<boolean> {
  const [madeOn, pid] = name.split('.');
  if (madeOn === machine && pid !== undefined && !isAlive(Number(pid))) return true;
  const found = await stat(join(dir, name)).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > leftoverAfterMs;
}

function isAlive(pid: number): boolean {
  // A file of this number that is not ours was made by a predecessor.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
