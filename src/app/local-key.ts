import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Auth } from '#auth';
import { ChartlyError } from '#kit';

const defaultTenant = 'default';
const file = 'local.key';

/**
 * The administrator's key of an embedded installation, for commands run by the owner of its data directory: kept in
 * a file that only its owner can read. Made on first use, and again when it was revoked.
 */
export async function ensureLocalKey(auth: Auth, dataDir: string): Promise<string> {
  const known = await readLocalKey(dataDir);
  if (known !== undefined && (await works(auth, known))) return known;
  const { secret } = await auth.createKey(defaultTenant, 'cli', { name: 'local', role: 'admin' });
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, file);
  await writeFile(`${path}.new`, `${secret}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secret;
}

/** Undefined when this installation has none yet. */
export async function readLocalKey(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, file), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function works(auth: Auth, secret: string): Promise<boolean> {
  try {
    await auth.authenticate(secret);
    return true;
  } catch (error) {
    if (error instanceof ChartlyError && error.code === 'unauthorized') return false;
    throw error;
  }
}
