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
  let timers: NodeJS.Timeout[] = [];
  let stopping = new AbortController();
  /** One kind of work after the other, and no two of one kind at a time. */
  const inTurn = (work: () => Promise<void>): { start: () => void; ended: () => Promise<void> } => {
    let working: Promise<void> = Promise.resolve();
    const start = (): void => {
      working = working.then(work).catch((error: unknown) => {
        logger.debug('maintenance failed and will be repeated', { code: asChartlyError(error).code });
      });
    };
    return { start, ended: () => working };
  };
  const gauge = inTurn(async () => {
    for (const { queue, depth } of await queueDepths(relational)) metrics.queueDepth({ queue }, depth);
  });
  const sweep = inTurn(() => deps.sweep(stopping.signal));

  return {
    start() {
      stopping = new AbortController();
      timers = [
        setInterval(gauge.start, gaugeEveryMs),
        setTimeout(sweep.start, firstSweepAfterMs),
        setInterval(sweep.start, sweepEveryMs),
      ];
      for (const timer of timers) timer.unref();
    },
    async stop() {
      stopping.abort();
      // Of a timeout it does the same.
      for (const timer of timers) clearInterval(timer);
      await Promise.all([gauge.ended(), sweep.ended()]);
    },
  };
}
