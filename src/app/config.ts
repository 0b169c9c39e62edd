import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ChartlyError } from '#kit';
import { everyRole, isWhole, urlVariable, type Role } from './roles.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Everything that a deployment may choose. Secrets are not here: they are read where they are used. */
export interface Config {
  /** Where the embedded engines keep their data. */
  dataDir: string;
  /** What relative paths of file sources start from. */
  workspaceDir: string;
  host: string;
  port: number;
  env: string;
  logLevel: LogLevel;
  /** How many payloads are mapped at a time, each in a thread of its own. */
  mappingThreads: number;
  /** Served engines; each one alone may be set. */
  clickhouseUrl: string | undefined;
  /** The URL of a PostgreSQL server, or a reference to it. */
  postgresUrl: string | undefined;
  /** The most connections of this process to it. */
  postgresConnections: number;
  /** The services that this process runs. */
  roles: readonly Role[];
  /** Where services are called that other processes run. */
  serviceUrls: Partial<Record<Role, readonly string[]>>;
  /** Where other processes of the installation call this one. */
  internalHost: string;
  internalPort: number;
  /** Where the embedded canonical engine of the process with the role `storage` is, when several processes use it. */
  canonicalPort: number;
}

type Env = Record<string, string | undefined>;

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];
const notYetServed = ['CHARTLY_S3_URL', 'CHARTLY_REDIS_URL'];

/**
 * Reads CHARTLY_* variables; `overrides` (command line flags) win over them. The table of variables is in README.md.
 * Errors: `config_invalid`, naming the variable.
 */
export function readConfig(env: Env, overrides: Partial<Config> = {}): Config {
  for (const name of notYetServed) {
    if (env[name])
      throw invalid(name, 'is not supported by this version: only PostgreSQL and ClickHouse can be served so far');
  }
  const cwd = process.cwd();
  const path = (value: string): string => (isAbsolute(value) ? value : resolve(cwd, value));
  const logLevel = env.CHARTLY_LOG_LEVEL || 'warn';
  if (!logLevels.includes(logLevel)) throw invalid('CHARTLY_LOG_LEVEL', `must be one of ${logLevels.join(', ')}`);
  const config: Config = {
    dataDir: env.CHARTLY_DATA || join(cwd, '.chartly'),
    workspaceDir: env.CHARTLY_WORKSPACE || cwd,
    host: env.CHARTLY_HOST || '127.0.0.1',
    port: port('CHARTLY_PORT', env.CHARTLY_PORT || '4747'),
    env: env.CHARTLY_ENV || 'local',
    logLevel: logLevel as LogLevel,
    mappingThreads: threads('CHARTLY_MAPPING_THREADS', env.CHARTLY_MAPPING_THREADS),
    clickhouseUrl: serverUrl('CHARTLY_CLICKHOUSE_URL', env.CHARTLY_CLICKHOUSE_URL || undefined),
    postgresUrl: env.CHARTLY_POSTGRES_URL || undefined,
    postgresConnections: connections('CHARTLY_POSTGRES_CONNECTIONS', env.CHARTLY_POSTGRES_CONNECTIONS || '10'),
    roles: everyRole,
    serviceUrls: serviceUrls(env),
    internalHost: env.CHARTLY_INTERNAL_HOST || '127.0.0.1',
    internalPort: port('CHARTLY_INTERNAL_PORT', env.CHARTLY_INTERNAL_PORT || '4748'),
    canonicalPort: port('CHARTLY_CANONICAL_PORT', env.CHARTLY_CANONICAL_PORT || '4749'),
    ...definedOnly(overrides),
  };
  refuseHalf(config);
  return { ...config, dataDir: path(config.dataDir), workspaceDir: path(config.workspaceDir) };
}

function port(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw invalid(name, 'must be a port number');
  return value;
}

/** More than a few threads wait for the store; 0 maps in the service's own thread. */
function threads(name: string, text: string | undefined): number {
  if (text === undefined || text === '') return Math.min(4, availableParallelism());
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 64) throw invalid(name, 'must be a whole number from 0 to 64');
  return value;
}

function connections(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 2 || value > 500) throw invalid(name, 'must be a whole number from 2 to 500');
  return value;
}

// The text itself may hold a password, so it is not repeated.
function serverUrl(name: string, text: string | undefined): string | undefined {
  if (text === undefined || (/^https?:\/\//.test(text) && URL.canParse(text))) return text;
  throw invalid(name, 'must be a URL such as http://USER:PASSWORD@HOST:8123');
}

function serviceUrls(env: Env): Config['serviceUrls'] {
  const found: Config['serviceUrls'] = {};
  for (const role of everyRole) {
    const name = urlVariable(role);
    const text = env[name]?.trim();
    if (!text) continue;
    const urls = text.split(',').map((url) => url.trim().replace(/\/+$/, ''));
    if (!urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url))) {
      throw invalid(name, 'must be URLs such as http://10.0.0.5:4748, with commas between');
    }
    found[role] = urls;
  }
  return found;
}

/** What one process keeps to itself cannot be shared with others. */
function refuseHalf({ roles, postgresUrl }: Config): void {
  if (isWhole(roles) || postgresUrl !== undefined) return;
  throw new ChartlyError(
    'config_invalid',
    'Services in several processes need a PostgreSQL server that all of them use.',
    {
      action: 'Set CHARTLY_POSTGRES_URL, or leave --roles out. See docs/served.md.',
    },
  );
}

function invalid(name: string, what: string): ChartlyError {
  return new ChartlyError('config_invalid', `${name} ${what}.`);
}

function definedOnly<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Partial<T>;
}
