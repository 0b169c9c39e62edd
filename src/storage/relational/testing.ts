import { createHash } from 'node:crypto';
import { createPgliteRelational } from './pglite.ts';
import type { Relational } from './port.ts';
import { createPostgresRelational } from './postgres.ts';

/**
 * For tests of all rooms: the embedded engine in `dir`, or, where CHARTLY_TEST_POSTGRES_URL names a server, a database there that belongs to `dir` and is
 * made when it is missing. So the same tests show the same of both.
 */
export async function openTestRelational(dir: string): Promise<Relational> {
  const url = await testPostgresUrl(dir);
  return url === undefined ? createPgliteRelational({ dir }) : createPostgresRelational({ url });
}

/** The URL of that database; undefined where tests use the embedded engine. */
export async function testPostgresUrl(dir: string): Promise<string | undefined> {
  const url = process.env.CHARTLY_TEST_POSTGRES_URL;
  if (!url) return undefined;
  const name = `test_${createHash('sha256').update(dir).digest('hex').slice(0, 24)}`;
  const server = await createPostgresRelational({ url });
  try {
    const [known] = await server.query('select 1 from pg_database where datname = $1', [name]);
    if (known === undefined) await server.execute(`create database ${name}`);
  } finally {
    await server.close();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}
