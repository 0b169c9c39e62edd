import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

/**
 * Makes sure that `dir` holds an initialised data directory. One appears whole or not at all, so that a process that
 * dies here leaves nothing that cannot be opened. Initialising takes 3 to 4 s; a copy of an empty directory is kept in
 * `node_modules/.cache`, from which the next one is made in 0.1 s. Without a place for it everything works as well.
 */
export async function ensurePgliteDirectory(dir: string): Promise<void> {
  if (existsSync(join(dir, 'PG_VERSION'))) return;
  const fresh = `${dir}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(dirname(dir), { recursive: true });
  const template = templateDirectory();
  if (template !== undefined && existsSync(join(template, 'PG_VERSION'))) {
    await cp(template, fresh, { recursive: true });
  } else {
    const db = await PGlite.create(fresh);
    await db.close();
    if (template !== undefined) await keepTemplate(fresh, template);
  }
  // The engine writes its files without regard to the umask: only the directory keeps others out.
  await chmod(fresh, 0o700);
  await rm(dir, { recursive: true, force: true });
  await rename(fresh, dir);
}

function templateDirectory(): string | undefined {
  const manifest = findPackageJSON('@electric-sql/pglite', import.meta.url);
  if (manifest === undefined) return undefined;
  const { version } = createRequire(import.meta.url)(manifest) as { version: string };
  return join(dirname(manifest), '..', '..', '.cache', 'chartly', `pglite-${version}`);
}

async function keepTemplate(from: string, template: string): Promise<void> {
  const partial = `${template}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await mkdir(dirname(template), { recursive: true });
    await cp(from, partial, { recursive: true });
    await rename(partial, template);
  } catch {
    // Another process was first, or the place is not writable: the template only saves time.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
  }
}
