import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** In the names of this process's files: what bears another token was left behind by a process that died. */
const processToken = randomBytes(8).toString('hex');

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
    const leftovers = (await readdir(dir)).filter((name) => !name.startsWith(processToken));
    await Promise.all(leftovers.map(async (name) => rm(join(dir, name), { force: true })));
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
      const path = join(dir, `${processToken}-${randomBytes(8).toString('hex')}`);
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
