import { EventEmitter } from 'node:events';
import type { Run } from '#contracts';

/** News of runs within this process. Other processes' changes are found by asking the database. */
export interface RunFeed {
  publish(run: Run): void;
  /** Resolves with the next change of this run, or undefined after `timeoutMs` or when the signal aborts. */
  next(runId: string, timeoutMs: number, signal?: AbortSignal): Promise<Run | undefined>;
}

export function createRunFeed(): RunFeed {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  return {
    publish: (run) => {
      emitter.emit(run.run_id, run);
    },
    next: (runId, timeoutMs, signal) =>
      new Promise((resolve) => {
        const done = (run?: Run): void => {
          clearTimeout(timer);
          emitter.off(runId, done);
          signal?.removeEventListener('abort', aborted);
          resolve(run);
        };
        const aborted = (): void => done();
        const timer = setTimeout(done, timeoutMs);
        emitter.once(runId, done);
        signal?.addEventListener('abort', aborted, { once: true });
        if (signal?.aborted === true) done();
      }),
  };
}
