/** Takes jobs of one kind off the queue and runs them, a bounded number at a time. */
import { asChartlyError, type Logger } from '#kit';
import type { Claim, Handled } from './envelope.ts';
import type { Queue } from './queue.ts';
import type { AbortReason } from './run-job.ts';

export interface WorkerDeps {
  kind: Handled;
  concurrency: number;
  queue: Queue;
  /** See runJob. */
  run: (claim: Claim, signal: AbortSignal) => Promise<number>;
  logger: Logger;
  pollMs: number;
  heartbeatMs: number;
}

export interface Worker {
  start(): void;
  /** Takes nothing more, waits up to `graceMs` for what runs, then aborts it and waits until it has let go. */
  stop(graceMs: number): Promise<void>;
  /** There may be something to take. Cheap. */
  nudge(): void;
  /** Aborts this run's jobs. */
  abortRun(runId: string): void;
}

interface Running {
  claim: Claim;
  controller: AbortController;
  done: Promise<void>;
}

export function createWorker(deps: WorkerDeps): Worker {
  const { kind, concurrency, queue, logger } = deps;
  const running = new Set<Running>();
  let state: 'idle' | 'open' | 'closed' = 'idle';
  let taking: Promise<void> | undefined;
  let again = false;
  let pausedUntil = 0;
  let poll: NodeJS.Timeout | undefined;

  function nudge(): void {
    again = true;
    taking ??= takeAll().finally(() => {
      taking = undefined;
      if (again && state === 'open') nudge();
    });
  }

  async function takeAll(): Promise<void> {
    while (again) {
      again = false;
      const free = concurrency - running.size;
      if (state !== 'open' || free <= 0 || Date.now() < pausedUntil) return;
      try {
        const claims = await queue.take(kind, free);
        for (const claim of claims) launch(claim);
        // A full batch says that there is more; of one source's fetch jobs a batch holds only the first.
        if (claims.length > 0) again = true;
      } catch (error) {
        pausedUntil = Date.now() + 1000;
        logger.warn('jobs cannot be taken from the queue; trying again', { kind, code: asChartlyError(error).code });
      }
    }
  }

  function launch(claim: Claim): void {
    const controller = new AbortController();
    const job: Running = { claim, controller, done: Promise.resolve() };
    running.add(job);
    job.done = heldAlive(job).finally(() => {
      running.delete(job);
      nudge();
    });
  }

  async function heldAlive({ claim, controller }: Running): Promise<void> {
    const heart = setInterval(() => void beat(claim, controller), deps.heartbeatMs);
    try {
      const pauseMs = await deps.run(claim, controller.signal);
      if (pauseMs > 0) pausedUntil = Math.max(pausedUntil, Date.now() + pauseMs);
    } finally {
      clearInterval(heart);
    }
  }

  async function beat(claim: Claim, controller: AbortController): Promise<void> {
    try {
      if (!(await queue.touch(claim))) controller.abort('run over' satisfies AbortReason);
    } catch (error) {
      logger.debug('heartbeat failed', { job_id: claim.id, code: asChartlyError(error).code });
    }
  }

  return {
    start() {
      state = 'open';
      poll = setInterval(nudge, deps.pollMs);
      nudge();
    },
    async stop(graceMs) {
      state = 'closed';
      clearInterval(poll);
      await taking;
      const all = Promise.all([...running].map((job) => job.done));
      await Promise.race([all, delay(graceMs)]);
      for (const job of running) job.controller.abort('stopping' satisfies AbortReason);
      await all;
    },
    nudge,
    abortRun(runId) {
      for (const { claim, controller } of running) {
        if (claim.envelope.job.run_id === runId) controller.abort('run over' satisfies AbortReason);
      }
    },
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
