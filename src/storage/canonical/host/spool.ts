/** Temporary files that hand a block of data to the engine; in memory when the system has a place for that. */
import { randomUUID } from 'node:crypto';
import { constants, lstatSync, mkdirSync, rmSync, accessSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Spool {
  /** Runs `use` with the path of a file that holds `data`; the file is gone afterwards. */
  withFile<T>(data: Uint8Array, use: (path: string) => Promise<T>): Promise<T>;
  close(): void;
}

/** `name` must be a function of the data directory, whose lock the caller holds: leftovers of a killed predecessor go. */
export function openSpool(name: string, fallbackDir: string): Spool {
  const inMemory = prepare(join('/dev/shm', name));
  const onDisk = join(fallbackDir, 'chartly-spool');
  prepare(onDisk);

  const write = async (data: Uint8Array): Promise<string> => {
    const file = `${randomUUID()}.native`;
    if (inMemory) {
      const path = join('/dev/shm', name, file);
      try {
        await writeFile(path, data, { mode: 0o600 });
        return path;
      } catch {
        // Containers often give little shared memory.
        await rm(path, { force: true });
      }
    }
    const path = join(onDisk, file);
    try {
      await writeFile(path, data, { mode: 0o600 });
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return path;
  };

  return {
    async withFile(data, use) {
      const path = await write(data);
      try {
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    close() {
      if (inMemory) rmSync(join('/dev/shm', name), { recursive: true, force: true });
      rmSync(onDisk, { recursive: true, force: true });
    },
  };
}

/** An empty directory of our own, or false when the place does not exist or is somebody else's. */
function prepare(dir: string): boolean {
  try {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o700 });
    accessSync(dir, constants.W_OK);
    const found = lstatSync(dir);
    return found.isDirectory() && found.uid === process.getuid?.();
  } catch {
    return false;
  }
}
