import type { FailureInfo } from '#contracts';
import { isoMs, type ChartlyError } from '#kit';
import { crashes, type Claim } from './envelope.ts';

/** What to do with an attempt that failed. */
export type Verdict =
  /** Not the job's fault: the attempt does not count. */
  { kind: 'wait'; delayMs: number } | { kind: 'retry'; delayMs: number } | { kind: 'dead' };

export interface RetryPolicy {
  /** Attempts that may fail with an error before the job is given up. */
  attempts: number;
  /** First pause (milliseconds); it doubles with every attempt, up to `maxMs`. */
  baseMs: number;
  maxMs: number;
  /** Workers that may die in the job before it is held to be the killer. */
  crashes: number;
}

/** Crashes are forgiven often, since a worker that is killed from outside looks the same as one that its job kills. */
export const defaultPolicy: RetryPolicy = { attempts: 5, baseMs: 500, maxMs: 60_000, crashes: 20 };

/** Errors that are not the job's fault. */
export const storeIsAway: ReadonlySet<string> = new Set(['storage_unavailable', 'service_unavailable', 'disk_full']);

/** Decides by the error and by what the earlier attempts came to. `random` is in [0, 1). */
export function judge(claim: Claim, error: ChartlyError, policy: RetryPolicy, random = Math.random()): Verdict {
  if (storeIsAway.has(error.code)) {
    return { kind: 'wait', delayMs: error.retryAfterMs ?? backoff(claim.envelope.waits, 1000, 30_000, random) };
  }
  const failures = claim.envelope.errors.length + 1;
  if (!error.retryable || failures >= policy.attempts) return { kind: 'dead' };
  const pause = backoff(failures - 1, policy.baseMs, policy.maxMs, random);
  return { kind: 'retry', delayMs: Math.max(pause, error.retryAfterMs ?? 0) };
}

export function isPoisoned(claim: Claim, policy: RetryPolicy): boolean {
  return crashes(claim) > policy.crashes;
}

/**
 * How long a job that several workers died in waits before the next one takes it; 0 when it need not, or has done so since the last crash. A random time, so that
 * healthy work gets its turn, and so that the killer and those that only died with it come back apart.
 */
export function restAfterCrashes(claim: Claim, random = Math.random()): number {
  const died = crashes(claim);
  if (died < 3 || claim.envelope.rested === died) return 0;
  return Math.round(Math.min(5000, 250 * 2 ** Math.min(died - 2, 16)) * random);
}

function backoff(earlier: number, baseMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(earlier, 16));
  return Math.round(full / 2 + (full / 2) * random);
}

/** An error as the histories of jobs and runs keep it. */
export function failureInfo(error: ChartlyError, atMs: number, attempt?: number): FailureInfo {
  return {
    code: error.code,
    message: error.message,
    action: error.action,
    at: isoMs(atMs),
    ...(attempt === undefined ? {} : { attempt }),
  };
}
