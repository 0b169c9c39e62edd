import type { FailureInfo, Job } from '#contracts';

/** Which handler a job goes to; also the name of its queue. */
export type Handled = 'fetch' | 'normalize';
export const handledKinds: readonly Handled[] = ['fetch', 'normalize'];

/** What lies on the queue: the job, and what became of its earlier attempts. */
export interface Envelope {
  job: Job;
  /** One for each attempt that failed with an error, oldest first. */
  errors: FailureInfo[];
  /** Attempts that do not count, because a store was away or the worker was told to stop. */
  waits: number;
  /** The number of crashes after which the job was last made to wait. */
  rested?: number;
}

/** A job in the hands of one worker. `retryCount` tells this attempt from every other one. */
export interface Claim {
  kind: Handled;
  id: string;
  retryCount: number;
  envelope: Envelope;
}

/** Attempts of this job that ended with the death of their worker: started, but neither failed nor postponed. */
export function crashes(claim: Claim): number {
  return Math.max(0, claim.retryCount - claim.envelope.errors.length - claim.envelope.waits);
}
