import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { ChartlyError } from '#kit';

/** Where a PostgreSQL server is, and as whom to speak with it. */
export interface PostgresAddress {
  host: string;
  port: number;
  database: string;
  user: string | undefined;
  password: string | undefined;
  ssl: false | ConnectionOptions;
  enableChannelBinding: boolean;
  /** What may be said of it: never the password. */
  name: string;
}

const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'channel_binding', 'host', 'port', 'user'];
const modes = ['disable', 'require', 'verify-ca', 'verify-full'];

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, with the meaning that PostgreSQL's own programs give it: `require` encrypts, `verify-ca`
 * and `verify-full` also check the server's certificate (`sslrootcert`: whose word counts), and a certificate to check by makes `require` check. Without
 * `sslmode` nothing is encrypted. Errors: `config_invalid`, which never repeats the text: it may hold a password.
 */
export function parsePostgresUrl(text: string): PostgresAddress {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw invalid('is not a URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE');
  }
  const url = new URL(text);
  for (const name of url.searchParams.keys()) {
    if (!parameters.includes(name)) throw invalid(`has a parameter that is not known: ${name}`);
  }
  const given = (name: string): string | undefined => url.searchParams.get(name) || undefined;
  // A directory, as `host`, is that of a socket: it cannot stand before the path of a URL.
  const host = given('host') ?? decode(url.hostname).replace(/^\[|\]$/g, '');
  const user = given('user') ?? (decode(url.username) || undefined);
  const database = decode(url.pathname.slice(1)) || user;
  const port = Number(given('port') ?? (url.port || '5432'));
  if (host === '') throw invalid('names no host');
  if (database === undefined) throw invalid('names no database');
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('has a port that is none');
  return {
    host,
    port,
    database,
    user,
    password: decode(url.password) || undefined,
    ssl: tls(given),
    enableChannelBinding: given('channel_binding') === 'require' || given('channel_binding') === 'prefer',
    name: `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`,
  };
}

function tls(given: (name: string) => string | undefined): false | ConnectionOptions {
  const mode = given('sslmode') ?? 'disable';
  if (!modes.includes(mode)) throw invalid(`has an sslmode that is none of ${modes.join(', ')}`);
  if (mode === 'disable') return false;
  const file = (name: string): Buffer | undefined => {
    const path = given(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw invalid(`names a file as ${name} that cannot be read`, cause);
    }
  };
  const ca = file('sslrootcert');
  return {
    ca,
    cert: file('sslcert'),
    key: file('sslkey'),
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    // Whose name the certificate bears counts for `verify-full` alone.
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('has a % that stands for nothing: write %25');
  }
}

function invalid(what: string, cause?: unknown): ChartlyError {
  return new ChartlyError('config_invalid', `The URL of the PostgreSQL server ${what}.`, {
    cause,
    action: 'Correct CHARTLY_POSTGRES_URL.',
  });
}
