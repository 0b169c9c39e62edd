import pg from 'pg';
import { ChartlyError, type Logger } from '#kit';
import { cannotConnect, wordOf } from './postgres-driver.ts';
import { createPostgresSession } from './postgres-session.ts';
import { parsePostgresUrl } from './postgres-url.ts';
import type { Session } from './session.ts';

export interface PoolOptions {
  url: string;
  /** The most connections at a time; whoever finds none free waits. */
  connections: number;
  /** How long the server may work on one statement. */
  statementTimeoutMs: number;
  logger: Logger;
}

/** Connections to one server, made when they are needed and kept for a while. */
export interface PostgresPool {
  /**
   * Lends a connection for the time of `work`. Errors: `config_invalid` when the server refuses to speak with us, `storage_unavailable` when it cannot be
   * reached, when no connection comes free in time, or once the pool is closed.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Lends nothing more, waits until what was lent is back, and closes all connections. Repeatable. */
  close(): Promise<void>;
}

const connectTimeoutMs = 10_000;
/** Whoever waits longer than this for a free connection stands behind something that does not end. */
const waitTimeoutMs = 120_000;
const idleTimeoutMs = 30_000;
/** How long a transaction may be open without a statement: its locks hold up everybody else. */
const idleInTransactionMs = 120_000;
/** The server ends a slow statement itself, and says so. */
const graceMs = 5_000;
const closeTimeoutMs = 5_000;
const oldestVersion = 130_000;

/** Nothing is connected before it is needed. Errors: `config_invalid` for a URL that is none. */
export function createPostgresPool(options: PoolOptions): PostgresPool {
  const { name, ...address } = parsePostgresUrl(options.url);
  const patienceMs = options.statementTimeoutMs + graceMs;
  const permits = createPermits(options.connections);
  const open = new Set<pg.PoolClient>();
  let closing: Promise<void> | undefined;

  const pool = new pg.Pool({
    ...address,
    max: options.connections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'chartly',
    // Waited for, although its type does not say so.
    onConnect: (client): unknown => prepare(client, options.statementTimeoutMs, name),
  });
  pool.on('connect', (client) => open.add(client));
  pool.on('remove', (client) => open.delete(client));
  pool.on('error', (error) => {
    options.logger.debug('an idle connection to the relational store was lost', { code: wordOf(error) });
  });

  async function connect(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      throw cannotConnect(error, name);
    }
  }

  async function close(): Promise<void> {
    await permits.drain();
    const ended = pool.end();
    // A server that does not answer does not say goodbye either.
    const timer = setTimeout(() => {
      for (const client of open) client.connection.stream.destroy();
    }, closeTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  return {
    async use(work) {
      await permits.take();
      try {
        const session = createPostgresSession(await connect(), patienceMs);
        try {
          return await work(session);
        } finally {
          session.release();
        }
      } finally {
        permits.give();
      }
    },
    close: () => (closing ??= close()),
  };
}

/** Every connection speaks as the port promises, whatever the server, the database or the role are set to. */
async function prepare(client: pg.ClientBase, statementTimeoutMs: number, name: string): Promise<void> {
  const settings = {
    timezone: 'UTC',
    datestyle: 'ISO',
    intervalstyle: 'postgres',
    bytea_output: 'hex',
    extra_float_digits: '1',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    statement_timeout: String(statementTimeoutMs),
    idle_in_transaction_session_timeout: String(idleInTransactionMs),
  };
  const sets = Object.entries(settings).map(([key, value]) => `set ${key} to '${value}'`);
  const text = `${sets.join('; ')};
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
    select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby`;
  const timer = setTimeout(() => (client as pg.Client).connection.stream.destroy(), connectTimeoutMs);
  // Several statements give several results, which the driver's types do not know.
  const results = (await client.query(text).finally(() => clearTimeout(timer))) as unknown as pg.QueryResult[];
  const { version, standby } = results.at(-1)!.rows[0] as { version: number; standby: boolean };
  if (version < oldestVersion) {
    throw new ChartlyError('config_invalid', `The PostgreSQL server at ${name} is too old (${version}).`, {
      action: 'Use PostgreSQL 13 or newer.',
    });
  }
  if (standby) {
    throw new ChartlyError('storage_unavailable', `The PostgreSQL server at ${name} is a standby.`, {
      retryable: true,
      action: 'Point CHARTLY_POSTGRES_URL at the primary server, or wait until this one is promoted.',
    });
  }
}

interface Permits {
  /** Errors: `storage_unavailable` after a long wait, or once they are drained. */
  take(): Promise<void>;
  give(): void;
  /** Gives out no more, but to those who wait already; resolves when all are back. */
  drain(): Promise<void>;
}

/** The driver's own pool would leave whoever waits for a connection waiting for ever once it is closed. */
function createPermits(count: number): Permits {
  const waiting = new Set<() => void>();
  const drained = Promise.withResolvers<void>();
  let free = count;
  let draining = false;

  function give(): void {
    const [next] = waiting;
    if (next !== undefined) return next();
    free++;
    if (draining && free === count) drained.resolve();
  }
  return {
    async take() {
      if (draining) throw new ChartlyError('storage_unavailable', 'The relational store is closed.');
      if (free > 0) {
        free--;
        return;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        waiting.delete(go);
        reject(busy(count));
      }, waitTimeoutMs);
      const go = (): void => {
        waiting.delete(go);
        clearTimeout(timer);
        resolve();
      };
      waiting.add(go);
      await promise;
    },
    give,
    drain() {
      draining = true;
      if (free === count) drained.resolve();
      return drained.promise;
    },
  };
}

function busy(count: number): ChartlyError {
  return new ChartlyError('storage_unavailable', `All ${count} connections to the PostgreSQL server are busy.`, {
    retryable: true,
    action: 'Look for slow statements there, or raise CHARTLY_POSTGRES_CONNECTIONS.',
  });
}
