import { Worker } from 'node:worker_threads';
import { ChartlyError } from '#kit';
import { fromPostgres } from './postgres-error.ts';
import type { WorkerReply, WorkerRequest, WorkerResult } from './worker-protocol.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** The worker as a function: one call, one answer. Calls run in the order in which they are made. */
export interface PgliteClient {
  call(request: WithoutId<WorkerRequest>): Promise<WorkerResult[]>;
  onNotification(handler: (channel: string, payload: string) => void): void;
  /** Ends the engine cleanly, then the worker. May be called again. */
  close(): Promise<void>;
}

/** Starts the worker and resolves once the engine answers. Errors: `storage_unavailable`, `disk_full`. */
export async function startPgliteClient(dir: string): Promise<PgliteClient> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), { workerData: { dir }, execArgv: [] });
  const pending = new Map<number, PromiseWithResolvers<WorkerResult[]>>();
  let notify: (channel: string, payload: string) => void = () => {};
  let nextId = 1;
  let ended: ChartlyError | undefined;
  let closing: Promise<void> | undefined;
  const started = Promise.withResolvers<void>();

  function end(error: ChartlyError): void {
    ended ??= error;
    started.reject(ended);
    for (const waiting of pending.values()) waiting.reject(ended);
    pending.clear();
  }

  worker.on('message', (reply: WorkerReply) => {
    if ('ready' in reply) return started.resolve();
    if ('notification' in reply) return notify(reply.notification.channel, reply.notification.payload);
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if ('results' in reply) waiting?.resolve(reply.results);
    else waiting?.reject(fromPostgres(reply.failure));
  });
  worker.on('error', (cause) => end(stopped(cause)));
  worker.on('exit', () => end(stopped(undefined)));
  await started.promise;

  function call(request: WithoutId<WorkerRequest>): Promise<WorkerResult[]> {
    if (ended !== undefined) return Promise.reject(ended);
    const id = nextId++;
    const answer = Promise.withResolvers<WorkerResult[]>();
    pending.set(id, answer);
    worker.postMessage({ ...request, id }, []);
    return answer.promise;
  }

  return {
    call,
    onNotification(handler) {
      notify = handler;
    },
    close() {
      closing ??= (async () => {
        if (ended === undefined) await call({ op: 'close' });
        ended ??= new ChartlyError('storage_unavailable', 'The relational store is closed.');
        await worker.terminate();
      })();
      return closing;
    },
  };
}

function stopped(cause: unknown): ChartlyError {
  if ((cause as { code?: unknown } | undefined)?.code === 'ENOSPC') {
    return new ChartlyError('disk_full', 'The disk of the relational store has no room left.', {
      cause,
      retryable: true,
    });
  }
  return new ChartlyError('storage_unavailable', 'The embedded relational engine stopped.', {
    cause,
    retryable: true,
    action: 'Start Chartly again: what was acknowledged is on disk.',
  });
}
