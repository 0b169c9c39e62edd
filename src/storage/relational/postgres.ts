import { silentLogger, type Logger } from '#kit';
import { migrate } from './migrate.ts';
import type { Relational } from './port.ts';
import { createPostgresPool, type PostgresPool } from './postgres-pool.ts';
import { rowsOf, runAlone, runScript, sqlOf, type Session } from './session.ts';
import { createTransactions } from './transactions.ts';

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, as parsePostgresUrl reads it. */
  url: string;
  /** The most connections at a time (default 10). */
  connections?: number;
  /** How long the server may work on one statement (milliseconds, default 60,000); then it fails with `storage_unavailable`. */
  statementTimeoutMs?: number;
  /** Hears of lost connections. */
  logger?: Logger;
}

/** Migrations, and the wait for another process that carries them out, may take longer than anything else. */
const migrationTimeoutMs = 3_600_000;

/**
 * Opens the relational plane on a PostgreSQL server. When a connection is lost, what was under way on it fails with `storage_unavailable`, and the next call
 * makes another one. What fails so may have been committed: the server's word was lost, not its work. Errors: `config_invalid` when the URL is
 * wrong or the server refuses user, password or database; `storage_unavailable` when it does not answer.
 */
export async function createPostgresRelational(options: PostgresOptions): Promise<Relational> {
  const { url, connections = 10, statementTimeoutMs = 60_000, logger = silentLogger } = options;
  const pool = createPostgresPool({ url, connections, statementTimeoutMs, logger });
  const statements = statementsOver(pool);
  const relational: Relational = {
    engine: 'postgres',
    ...statements,
    async migrate() {
      // On a connection of its own, with more patience.
      const own = createPostgresPool({ url, connections: 1, statementTimeoutMs: migrationTimeoutMs, logger });
      try {
        await migrate(statementsOver(own));
      } finally {
        await own.close();
      }
    },
    async health() {
      await statements.query('select 1');
    },
    close: () => pool.close(),
  };
  try {
    const [row] = await statements.query<{ fsync: string }>(`select current_setting('fsync') as fsync`);
    if (row?.fsync === 'off') {
      logger.warn('the PostgreSQL server has fsync off: what it acknowledges does not survive a power cut');
    }
    return relational;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

function statementsOver(pool: PostgresPool): Pick<Relational, 'query' | 'execute' | 'transaction' | 'script'> {
  const transactions = createTransactions();

  async function outside<T>(work: (session: Session) => Promise<T>): Promise<T> {
    transactions.refuseInside();
    return pool.use(work);
  }

  return {
    ...sqlOf((text, params) => outside((session) => runAlone(session, text, params))),
    transaction: (work) => outside((session) => transactions.run(session, work)),
    script: async (text) => rowsOf(await outside((session) => runScript(session, text))),
  };
}
