/** How much is waiting: for health checks, and as a gauge. */
import { asChartlyError, type Logger } from '#kit';
import type { Metrics } from '#observer';
import type { Row, Sql } from '#storage';
import { handledKinds } from './envelope.ts';

const gaugeEveryMs = 5000;
const sweepEveryMs = 3_600_000;
/** A process that has just started has other things to do. */
const firstSweepAfterMs = 60_000;

/** Jobs not settled yet, by queue; counted from our own steps, because the queue's statistics may be a minute old. */
export async function queueDepths(sql: Sql): Promise<{ queue: string; depth: number }[]> {
  const rows = await sql.query<Row & { step: string; depth: number }>(
    `select s.step, sum(s.jobs_total - s.jobs_done - s.jobs_failed)::int as depth
     from run r join step s using (run_id) where r.state in ('queued', 'running') group by s.step`,
  );
  return handledKinds.map((queue) => ({ queue, depth: rows.find((row) => row.step === queue)?.depth ?? 0 }));
}

export interface Maintenance {
  start(): void;
  /** Ends when what was under way has ended. */
  stop(): Promise<void>;
}

export interface MaintenanceDeps {
  relational: Sql;
  logger: Logger;
  metrics: Metrics;
  /** Carries out retention. */
  sweep: (signal: AbortSignal) => Promise<void>;
}

export function createMaintenance(deps: MaintenanceDeps): Maintenance {
  const { relational, logger, metrics } = deps;
  const timers: NodeJS.Timeout[] = [];
  const stopping = new AbortController();
  let working: Promise<void> = Promise.resolve();

  const then = (work: () => Promise<void>): void => {
    working = working.then(work).catch((error: unknown) => {
      logger.debug('maintenance failed and will be repeated', { code: asChartlyError(error).code });
    });
  };
  const gauge = async (): Promise<void> => {
    for (const { queue, depth } of await queueDepths(relational)) metrics.queueDepth({ queue }, depth);
  };

  return {
    start() {
      const sweep = (): void => then(() => deps.sweep(stopping.signal));
      timers.push(setInterval(() => then(gauge), gaugeEveryMs));
      timers.push(setTimeout(sweep, firstSweepAfterMs), setInterval(sweep, sweepEveryMs));
      for (const timer of timers) timer.unref();
    },
    async stop() {
      stopping.abort();
      // Of a timeout it does the same.
      for (const timer of timers) clearInterval(timer);
      await working;
    },
  };
}
