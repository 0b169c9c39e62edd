import { PgBoss } from 'pg-boss';
import type { Job } from '#contracts';
import { asChartlyError, type Logger } from '#kit';
import type { Relational, Sql } from '#storage';
import { bossDatabase, bossTransaction } from './boss-database.ts';
import { handledKinds, type Claim, type Envelope, type Handled } from './envelope.ts';

export interface QueueTiming {
  /** A worker not heard of for so long is dead (seconds, at least 10). */
  heartbeatSeconds: number;
  /** How often dead workers are looked for (seconds, at least 1). */
  monitorSeconds: number;
}

/**
 * The transport. Every method that takes `tx` commits with it. A claim names one attempt: once that attempt is over (settled, postponed, cancelled, or taken
 * over because its worker seemed dead), every method that takes the claim answers false and changes nothing.
 */
export interface Queue {
  /** Creates the schema and every queue: sending to a queue unknown to this process inside a transaction would hang on the embedded engine. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** False when a job of this id is on the queue, or was until a short time ago. */
  send(tx: Sql, envelope: Envelope): Promise<boolean>;
  /** Sends normalize jobs, whose ids nobody has used before, in few statements. */
  sendNew(tx: Sql, jobs: readonly Job[]): Promise<void>;
  /** Up to `limit` jobs that are due, oldest first; of fetch jobs never two of one source at a time. */
  take(kind: Handled, limit: number): Promise<Claim[]>;
  complete(tx: Sql, claim: Claim): Promise<boolean>;
  /** Puts the job back, to be taken again at `atMs`, with another envelope. */
  postpone(tx: Sql, claim: Claim, envelope: Envelope, atMs: number): Promise<boolean>;
  /** Tells that the worker lives; inside a transaction it also holds the claim until the commit. */
  touch(claim: Claim, tx?: Sql): Promise<boolean>;
  /** Ends every job of a run that is not over. */
  cancelRun(tx: Sql, runId: string): Promise<void>;
  /** Forgets a job that is over, so that its id may be sent again. */
  forget(tx: Sql, kind: Handled, jobId: string): Promise<void>;
  /** Puts back what no living worker can hold. Only for a process that knows to be alone. */
  releaseOrphans(): Promise<number>;
}

const schema = 'pgboss';
const keepFinishedSeconds = 3600;
const jobsPerInsert = 1000;
const startAttempts = 4;
// Our own policy decides when a job is given up (policy.ts), so that waits and crashes are not mistaken for failures.
const retryLimit = 1_000_000;

/** Creates the queue over the relational plane; nothing runs before `start`. */
export function createQueue(deps: { relational: Relational; logger: Logger; timing: QueueTiming }): Queue {
  const { relational, logger, timing } = deps;
  const boss = new PgBoss({
    db: bossDatabase(relational),
    backend: relational.engine,
    schema,
    schedule: false,
    superviseIntervalSeconds: timing.monitorSeconds,
    monitorIntervalSeconds: timing.monitorSeconds,
    maintenanceIntervalSeconds: 600,
    registerInstance: false,
    openTelemetry: { enabled: false },
  });
  boss.on('error', (error) => {
    logger.warn('queue maintenance failed and will be repeated', { code: asChartlyError(error).code, error });
  });
  boss.on('warning', (warning) => logger.debug('queue warning', { warning: warning.message }));

  const attempt = (claim: Claim): { id: string; retryCount: number } => ({
    id: claim.id,
    retryCount: claim.retryCount,
  });

  return {
    async start() {
      // Of several processes that make the schema at once all but one fail, and find it made when they try again.
      await boss.start({ attempts: startAttempts });
      for (const name of handledKinds) {
        const options = {
          retryLimit,
          retryDelay: 0,
          heartbeatSeconds: timing.heartbeatSeconds,
          expireInSeconds: 86_000,
          deleteAfterSeconds: keepFinishedSeconds,
        };
        await boss.createQueue(name, { ...options, policy: name === 'fetch' ? 'singleton' : 'standard' });
        await boss.updateQueue(name, options);
      }
      // Fills the library's cache of queues outside of any transaction.
      for (const name of handledKinds) await boss.findJobs(name, { limit: 1 });
    },

    stop: () => boss.stop({ graceful: false, close: false }),

    async send(tx, envelope) {
      const { job } = envelope;
      const id = await boss.send(job.kind, envelope, {
        id: job.job_id,
        db: bossTransaction(tx),
        ...(job.kind === 'fetch' ? { singletonKey: `${job.tenant_id}/${job.source_id}` } : {}),
      });
      return id !== null;
    },

    async sendNew(tx, jobs) {
      for (let at = 0; at < jobs.length; at += jobsPerInsert) {
        const part = jobs.slice(at, at + jobsPerInsert);
        const envelopes = part.map((job) => ({
          id: job.job_id,
          data: { job, errors: [], waits: 0 } satisfies Envelope,
        }));
        await boss.insert('normalize', envelopes, { db: bossTransaction(tx) });
      }
    },

    async take(kind, limit) {
      const jobs = await boss.fetch<Envelope>(kind, { batchSize: limit, includeMetadata: true });
      return jobs.map((job) => ({ kind, id: job.id, retryCount: job.retryCount, envelope: job.data }));
    },

    async complete(tx, claim) {
      return hitOne(await boss.complete(claim.kind, attempt(claim), null, { db: bossTransaction(tx) }));
    },

    async postpone(tx, claim, envelope, atMs) {
      const db = bossTransaction(tx);
      if (!hitOne(await boss.fail(claim.kind, attempt(claim), null, { db }))) return false;
      await boss.update(claim.kind, envelope, { id: claim.id, startAfter: new Date(atMs), db });
      return true;
    },

    async touch(claim, tx) {
      const options = tx === undefined ? {} : { db: bossTransaction(tx) };
      return hitOne(await boss.touch(claim.kind, attempt(claim), options));
    },

    async cancelRun(tx, runId) {
      const jobs = await tx.query<{ id: string; name: string }>(
        `select id, name from ${schema}.job where name in ('fetch', 'normalize') and state < 'completed' and data->'job'->>'run_id' = $1`,
        [runId],
      );
      for (const name of handledKinds) {
        const ids = jobs.filter((job) => job.name === name).map((job) => job.id);
        if (ids.length > 0) await boss.cancel(name, ids, { db: bossTransaction(tx) });
      }
    },

    async forget(tx, kind, jobId) {
      await boss.deleteJob(kind, jobId, { db: bossTransaction(tx) });
    },

    async releaseOrphans() {
      const jobs = await relational.query<{ id: string; name: string }>(
        `select id, name from ${schema}.job where name in ('fetch', 'normalize') and state = 'active'`,
      );
      for (const name of handledKinds) {
        const ids = jobs.filter((job) => job.name === name).map((job) => job.id);
        if (ids.length > 0) await boss.fail(name, ids, null);
      }
      return jobs.length;
    },
  };
}

/** The library's answer says how many jobs it met, though its types do not. */
function hitOne(response: unknown): boolean {
  return (response as { affected: number }).affected === 1;
}
