// One PostgreSQL for the tests of rooms (see openTestRelational): vitest starts it before them all, and stops it after.
import { startPostgres } from './postgres.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres({ settings: { max_connections: '200' } });
  process.env.CHARTLY_TEST_POSTGRES_URL = server.url;
  return () => server.stop();
}
