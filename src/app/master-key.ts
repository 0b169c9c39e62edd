import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChartlyError } from '#kit';
import { dereference } from './reference.ts';

const variable = 'CHARTLY_MASTER_KEY';
const file = 'master.key';

/**
 * The key that wraps all others: of CHARTLY_MASTER_KEY (a reference `${env:NAME}` or `${file:PATH}`, or the key itself), else of the file
 * master.key in the data directory, which only its owner can read and which is made on first use. Read once, when it is first asked for.
 * Errors: `config_invalid`, `secret_missing`.
 */
export function createMasterKey(env: Record<string, string | undefined>, dataDir: string): () => Promise<Uint8Array> {
  let key: Promise<Uint8Array> | undefined;
  const read = async (): Promise<Uint8Array> => {
    const given = env[variable];
    return given ? parse(await dereference(variable, given, env), variable) : ofDataDirectory(dataDir);
  };
  return async () => {
    key ??= read();
    return key.catch((error: unknown) => {
      key = undefined;
      throw error;
    });
  };
}

async function ofDataDirectory(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, file);
  const known = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (known !== undefined) return parse(known.trim(), path);
  const made = randomBytes(32);
  await mkdir(dataDir, { recursive: true });
  const own = `${path}.${process.pid}.new`;
  await writeFile(own, `${made.toString('base64')}\n`, { mode: 0o600, flush: true });
  try {
    // Of several processes that find none, one makes it, and the others take that.
    await link(own, path);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return parse((await readFile(path, 'utf8')).trim(), path);
  } finally {
    await rm(own, { force: true });
  }
}

/** 32 bytes in hexadecimal or base64. The text itself never stands in the error. */
function parse(text: string, where: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64url');
  throw new ChartlyError('config_invalid', `${where} must hold 32 bytes in base64 or hexadecimal.`, {
    action: 'Make one with `openssl rand -base64 32`.',
  });
}
