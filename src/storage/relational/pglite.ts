import { AsyncLocalStorage } from 'node:async_hooks';
import { ChartlyError, silentLogger, type Logger } from '#kit';
import { migrate } from './migrate.ts';
import { startPgliteClient, type PgliteCalls, type PgliteClient } from './pglite-client.ts';
import type { Param, Relational, Row, Sql } from './port.ts';
import { createRoomGuard } from './room.ts';
import type { WorkerResult } from './worker-protocol.ts';

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
  const current = new AsyncLocalStorage<{ open: boolean }>();

  /** Waits for its turn. Inside a transaction that would be for ever: then it fails instead. */
  function outside<T>(work: () => Promise<T>): Promise<T> {
    if (current.getStore()?.open === true) {
      throw new ChartlyError('internal', 'A statement inside a transaction did not use the transaction it was given.');
    }
    return exclusively(work);
  }

  async function runScript(text: string): Promise<WorkerResult[]> {
    guard(text);
    try {
      return await client.call({ op: 'script', text });
    } catch (error) {
      // A failed `begin; …; commit` would leave its aborted transaction to everybody else.
      await client.call({ op: 'script', text: 'rollback' }).catch(() => {});
      throw error;
    }
  }

  const statement = async (text: string, params: readonly Param[] = []): Promise<WorkerResult[]> =>
    outside(async () => {
      if (isScript(text, params)) return runScript(text);
      guard(text);
      return client.call({ op: 'query', text, params });
    });

  const relational: PgliteRelational = {
    engine: 'pglite',
    ...sqlOf(statement, upkeep.changed),
    async script(text) {
      const results = await outside(() => runScript(text));
      upkeep.changed(affectedBy(results));
      return results.flatMap(toObjects);
    },
    transaction: async (work) =>
      outside(async () => {
        guard('begin');
        return runTransaction(client, work, current, upkeep.changed);
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

async function runTransaction<T>(
  client: PgliteClient,
  work: (tx: Sql) => Promise<T>,
  current: AsyncLocalStorage<{ open: boolean }>,
  changed: (rows: number) => void,
): Promise<T> {
  const state = { open: true };
  const life = client.life();
  // Not awaited: calls run in order, so the first statement need not wait for this answer.
  const begun = life.call({ op: 'script', text: 'begin' });
  const tx = sqlOf(async (text, params = []) => {
    if (!state.open) throw new ChartlyError('internal', 'A transaction was used after its end.');
    return life.call(isScript(text, params) ? { op: 'script', text } : { op: 'query', text, params });
  }, changed);
  try {
    const [result] = await Promise.all([current.run(state, () => work(tx)), begun]);
    state.open = false;
    await commit(life);
    return result;
  } catch (error) {
    state.open = false;
    await life.call({ op: 'script', text: 'rollback' }).catch(() => {});
    throw error;
  }
}

/** PostgreSQL answers COMMIT of a failed transaction with a rollback and no error: that must not pass for success. */
async function commit(life: PgliteCalls): Promise<void> {
  const [result] = await life.call({ op: 'script', text: 'commit' });
  if (result?.command === 'ROLLBACK') {
    throw new ChartlyError(
      'internal',
      'A transaction went on after one of its statements had failed; it was rolled back.',
    );
  }
}

function sqlOf(
  run: (text: string, params?: readonly Param[]) => Promise<WorkerResult[]>,
  changed: (rows: number) => void,
): Sql {
  async function counted(text: string, params?: readonly Param[]): Promise<[WorkerResult[], number]> {
    const results = await run(text, params);
    const affected = affectedBy(results);
    changed(affected);
    return [results, affected];
  }
  return {
    async query<T extends Row = Row>(text: string, params?: readonly Param[]) {
      const [results] = await counted(text, params);
      return results.flatMap(toObjects) as T[];
    },
    async execute(text, params) {
      return (await counted(text, params))[1];
    },
  };
}

function affectedBy(results: readonly WorkerResult[]): number {
  let affected = 0;
  for (const result of results) affected += result.affected;
  return affected;
}

function toObjects({ columns, rows }: WorkerResult): Row[] {
  return rows.map((values) => {
    const row: Row = {};
    for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i];
    return row;
  });
}

/** Several statements at once, or none that could be prepared: a semicolon before the end, and no parameters. */
function isScript(text: string, params: readonly Param[]): boolean {
  return params.length === 0 && /;\s*\S/.test(text);
}

/** Runs one piece of work after another, in the order of their arrival. */
function createMutex(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
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
