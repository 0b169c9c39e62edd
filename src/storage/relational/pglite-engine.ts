import { Worker } from 'node:worker_threads';
import { ChartlyError } from '#kit';
import { diskFull, fromPostgres } from './postgres-error.ts';
import type { PostgresFailure } from './postgres-failure.ts';
import { isOutOfRoom } from './room.ts';
import type { StatementResult } from './session.ts';
import type { WorkerReply, WorkerRequest } from './worker-protocol.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
export type EngineRequest = WithoutId<WorkerRequest>;

/** One life of the engine in its worker, as a function: one call, one answer. Calls run in the order in which they are made. */
export interface PgliteEngine {
  /** Errors: those of PostgreSQL; `disk_full` or `storage_unavailable` once the engine is gone. */
  call(request: EngineRequest): Promise<StatementResult[]>;
  /** Resolves with the reason once the engine is gone and its worker has let go of the directory, however that came. */
  readonly gone: Promise<ChartlyError>;
  /** Ends the engine cleanly, then the worker. */
  close(): Promise<void>;
}

/** Opening recovers what a crash left, which takes seconds at most; without this an engine that hangs would do so for ever. */
const startTimeoutMs = 60_000;
/** The last checkpoint of an engine may find the disk full and hang. Nothing is lost with it: the log has what it would have written. */
const closeTimeoutMs = 10_000;
/** How long one statement may take on a full disk, where the engine may wait for ever for a lock of its own. */
const patienceMs = 5_000;

/** Starts a worker and resolves once the engine answers. Errors: `storage_unavailable`, `disk_full`. */
export async function startPgliteEngine(
  dir: string,
  notify: (channel: string, payload: string) => void,
): Promise<PgliteEngine> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), { workerData: { dir }, execArgv: [] });
  const pending = new Map<number, PromiseWithResolvers<StatementResult[]>>();
  const started = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<ChartlyError>();
  let nextId = 1;
  let ended: ChartlyError | undefined;
  // When the engine last began or ended a request.
  let movedAt = 0;

  function end(reason: ChartlyError): void {
    if (ended !== undefined) return;
    ended = reason;
    started.reject(reason);
    for (const waiting of pending.values()) waiting.reject(reason);
    pending.clear();
    clearInterval(watch);
    void worker.terminate().then(() => gone.resolve(reason));
  }

  const watch = setInterval(() => {
    const waits = pending.size > 0 && performance.now() - movedAt > patienceMs;
    if (waits && isOutOfRoom(dir)) end(diskFull(new Error('a statement did not end')));
  }, 1_000).unref();

  worker.on('message', (reply: WorkerReply) => {
    if ('ready' in reply) return started.resolve();
    if ('notification' in reply) return notify(reply.notification.channel, reply.notification.payload);
    if ('failure' in reply && reply.failure.fatal) return end(deadlyFailure(reply.failure));
    movedAt = performance.now();
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if ('results' in reply) waiting?.resolve(reply.results);
    else waiting?.reject(fromPostgres(reply.failure));
  });
  worker.on('error', (cause) => end(stopped(cause, dir)));
  worker.on('exit', () => end(stopped(undefined, dir)));

  function call(request: EngineRequest): Promise<StatementResult[]> {
    if (ended !== undefined) return Promise.reject(ended);
    if (pending.size === 0) movedAt = performance.now();
    const id = nextId++;
    const answer = Promise.withResolvers<StatementResult[]>();
    pending.set(id, answer);
    worker.postMessage({ ...request, id }, []);
    return answer.promise;
  }

  const timer = setTimeout(() => end(stopped(new Error('no answer in time'), dir)), startTimeoutMs);
  try {
    await started.promise;
  } catch (error) {
    // Whoever tries again must not meet this worker in the directory.
    await gone.promise;
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    call,
    gone: gone.promise,
    async close() {
      const timer = setTimeout(() => end(closed()), closeTimeoutMs);
      await call({ op: 'close' }).catch(() => {});
      clearTimeout(timer);
      end(closed());
      await gone.promise;
    },
  };
}

export function closed(): ChartlyError {
  return new ChartlyError('storage_unavailable', 'The relational store is closed.');
}

/** After such a failure the engine may hang at the next statement: it can only be started anew. */
function deadlyFailure(failure: PostgresFailure): ChartlyError {
  const error = fromPostgres(failure);
  return error.code === 'disk_full' ? error : stopped(error.cause, undefined);
}

function stopped(cause: unknown, dir: string | undefined): ChartlyError {
  const full = (cause as { code?: unknown } | undefined)?.code === 'ENOSPC' || (dir !== undefined && isOutOfRoom(dir));
  if (full) return diskFull(cause);
  return new ChartlyError('storage_unavailable', 'The embedded relational engine stopped.', {
    cause,
    retryable: true,
    action: 'Nothing: it is started again by itself, and what was acknowledged is on disk.',
  });
}
