/** One transaction and what is to be told once it has committed: nobody hears of a change that did not happen. */
import type { JobStatus, Run } from '#contracts';
import type { Clock, Logger } from '#kit';
import type { Relational, Sql } from '#storage';
import type { Handled } from './envelope.ts';
import type { RunFeed } from './run-feed.ts';

export interface Unit {
  tx: Sql;
  /** Now, in milliseconds: one moment for all rows of the unit. */
  now: number;
  /** The run as it stands after this unit. */
  runChanged(run: Run): void;
  /** New jobs are due. */
  nudge(kind: Handled): void;
  status(change: Omit<JobStatus, 'ts'>): void;
  after(callback: () => void): void;
}

export type Transact = <T>(work: (unit: Unit) => Promise<T>) => Promise<T>;

export function createTransact(deps: {
  relational: Relational;
  clock: Clock;
  logger: Logger;
  feed: RunFeed;
  nudge: (kind: Handled) => void;
}): Transact {
  return async (work) => {
    const after: (() => void)[] = [];
    const now = deps.clock.now();
    const result = await deps.relational.transaction((tx) =>
      work({
        tx,
        now,
        runChanged: (run) => after.push(() => deps.feed.publish(run)),
        nudge: (kind) => after.push(() => deps.nudge(kind)),
        status: (change) => after.push(() => logStatus(deps.logger, change)),
        after: (callback) => after.push(callback),
      }),
    );
    for (const callback of after) callback();
    return result;
  };
}

/** As the contract telemetry/job-status has it; the line's own `ts` is the event's. */
function logStatus(logger: Logger, status: Omit<JobStatus, 'ts'>): void {
  // Jobs come by the thousand; runs are what an operator follows.
  const level = status.job_id === undefined && status.step === undefined ? 'info' : 'debug';
  logger[level]('job status', { ...status });
}
