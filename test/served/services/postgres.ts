import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { programOf, startService, type Service } from './service.ts';

const user = 'chartly';
/** Has characters that a URL must quote. */
const password = 'p@ss/word%';

interface PostgresOptions {
  settings?: Record<string, string>;
  /** Files: what the server shows to those who ask for TLS. */
  tls?: { key: string; certificate: string };
}

/** A PostgreSQL server with an empty database, whose user may make others. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Service> {
  const initdb = await programOf('initdb', debianPlaces, 'postgresql');
  const urlOf = (port: number): string =>
    `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const settings = Object.entries({
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // What a process had written survives its death; these servers need not survive that of their machine.
    fsync: 'off',
    ...(options.tls === undefined ? {} : { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' }),
    ...options.settings,
  });
  return startService({
    name: 'postgres',
    async prepare(dir, asUser) {
      await writeFile(join(dir, 'password'), password, { mode: 0o644 });
      const rest = ['--pwfile', join(dir, 'password'), '--encoding', 'UTF8', '--locale', 'C', '--no-sync'];
      await asUser(initdb, '--pgdata', join(dir, 'data'), '--username', user, '--auth', 'scram-sha-256', ...rest);
      if (options.tls === undefined) return;
      // The server insists that nobody else can read its key.
      await writeFile(join(dir, 'key'), await readFile(options.tls.key), { mode: 0o644 });
      await asUser('install', '-m', '600', join(dir, 'key'), join(dir, 'data/server.key'));
      await writeFile(join(dir, 'data/server.crt'), await readFile(options.tls.certificate), { mode: 0o644 });
    },
    command: (dir, port) => [
      join(dirname(initdb), 'postgres'),
      '-D',
      join(dir, 'data'),
      '-p',
      String(port),
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    url: urlOf,
    async ready(port) {
      const client = new pg.Client({ connectionString: urlOf(port), connectionTimeoutMillis: 2000 });
      client.on('error', () => {});
      await client.connect();
      await client.end();
      return true;
    },
    // Ends sessions instead of waiting for them.
    stopSignal: 'SIGINT',
  });
}

/** Debian puts the server's programs beside the path, by version; the newest comes first. */
function debianPlaces(): string[] {
  const root = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(root, version, 'bin/initdb'));
  } catch {
    return [];
  }
}

let databases = 0;

/** The URL of a new, empty database of the server. */
export async function newDatabase(server: Service): Promise<string> {
  const name = `test_${process.pid}_${databases++}`;
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}
