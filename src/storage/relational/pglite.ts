import { silentLogger, type Logger } from '#kit';
import { migrate } from './migrate.ts';
import { startPgliteClient, type PgliteCalls } from './pglite-client.ts';
import type { Param, Relational } from './port.ts';
import { createRoomGuard } from './room.ts';
import {
  affectedBy,
  createMutex,
  rowsOf,
  runAlone,
  runScript,
  sqlOf,
  type Session,
  type StatementResult,
} from './session.ts';
import { createTransactions } from './transactions.ts';

/** The embedded engine, with what a queue needs to be told of new jobs at once. */
export interface PgliteRelational extends Relational {
  /** Calls `handler` for each committed NOTIFY on the channel, until the returned function is called. */
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;
}

export interface PgliteOptions {
  /** Data directory; made when missing. Nobody else may have it open: the engine itself does not check. */
  dir: string;
  /** Changed rows after which the store is vacuumed in the next quiet moment; the engine does not do it by itself. */
  vacuumEvery?: number;
  /** Hears of the engine's death and its return. */
  logger?: Logger;
}

/**
 * Opens the embedded PostgreSQL in a worker thread. Should the engine die later, a full disk being the usual cause, it is
 * started again for as long as it takes; meanwhile statements fail with `disk_full` or `storage_unavailable`. Errors: `storage_unavailable`, `disk_full`.
 */
export async function createPgliteRelational(options: PgliteOptions): Promise<PgliteRelational> {
  const listening = new Map<string, Set<(payload: string) => void>>();
  const client = await startPgliteClient({
    dir: options.dir,
    logger: options.logger ?? silentLogger,
    notify(channel, payload) {
      for (const handler of listening.get(channel) ?? []) handler(payload);
    },
  });
  const guard = createRoomGuard(options.dir);
  const exclusively = createMutex();
  const upkeep = createUpkeep(options.vacuumEvery ?? 20_000, () =>
    exclusively(async () => {
      // Outside a server nothing makes checkpoints either: without them the log grows until the store is closed.
      guard('vacuum');
      await client.call({ op: 'query', text: 'vacuum (analyze)', params: [] });
      await client.call({ op: 'query', text: 'checkpoint', params: [] });
    }),
  );
  const transactions = createTransactions(upkeep.changed);
  const session = sessionOf(client);

  /** Waits for its turn. */
  function outside<T>(work: () => Promise<T>): Promise<T> {
    transactions.refuseInside();
    return exclusively(work);
  }

  const statement = async (text: string, params?: readonly Param[]): Promise<StatementResult[]> =>
    outside(async () => {
      guard(text);
      return runAlone(session, text, params);
    });

  const relational: PgliteRelational = {
    engine: 'pglite',
    ...sqlOf(statement, upkeep.changed),
    async script(text) {
      const results = await outside(async () => {
        guard(text);
        return runScript(session, text);
      });
      upkeep.changed(affectedBy(results));
      return rowsOf(results);
    },
    transaction: async (work) =>
      outside(async () => {
        guard('begin');
        // On the engine as it lives now: half of a transaction must not run on its successor.
        return transactions.run(sessionOf(client.life()), work);
      }),
    async migrate() {
      await migrate(relational);
    },
    async health() {
      guard('write');
      await statement('select 1');
    },
    async listen(channel, handler) {
      const handlers = listening.get(channel) ?? new Set();
      listening.set(channel, handlers.add(handler));
      await outside(() => client.call({ op: 'listen', channel }));
      return async () => {
        handlers.delete(handler);
        if (handlers.size === 0) await outside(() => client.call({ op: 'unlisten', channel }));
      };
    },
    async close() {
      upkeep.stop();
      await exclusively(() => client.close());
    },
  };
  return relational;
}

function sessionOf(calls: PgliteCalls): Session {
  return {
    query: (text, params) => calls.call({ op: 'query', text, params }),
    script: (text) => calls.call({ op: 'script', text }),
  };
}

/** Calls `run` once enough rows have changed, at most every 30 s, and never keeps the process alive for it. */
function createUpkeep(every: number, run: () => Promise<void>): { changed: (rows: number) => void; stop: () => void } {
  let rows = 0;
  let timer: NodeJS.Timeout | undefined;
  let notBefore = 0;
  return {
    changed(more) {
      rows += more;
      if (rows < every || timer !== undefined) return;
      timer = setTimeout(
        () => {
          rows = 0;
          notBefore = Date.now() + 30_000;
          // Upkeep that fails costs speed alone, and whatever broke it will show in the next statement.
          void run()
            .catch(() => {})
            .finally(() => (timer = undefined));
        },
        Math.max(1000, notBefore - Date.now()),
      ).unref();
    },
    stop() {
      clearTimeout(timer);
    },
  };
}
