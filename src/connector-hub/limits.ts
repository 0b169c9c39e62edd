import type { Source } from '#contracts';

/** A source's limits with every default filled in; units as their names say. */
export interface Limits {
  concurrency: number;
  ratePerSecond: number;
  timeoutMs: number;
  deadlineMs: number;
  maxBytes: number;
  attempts: number;
  baseMs: number;
  maxMs: number;
  breakerFailures: number;
  breakerOpenMs: number;
}

const mebibyte = 1024 * 1024;

/** The page of a paged source is held in memory to find the next one, so its size has a cap of its own. */
export const maxPagedBytes = 64 * mebibyte;

/** The defaults stated in contracts/v1/sources/source.json. */
export function limitsOf(source: Source): Limits {
  const { limits = {}, retry = {}, breaker = {} } = source;
  return {
    concurrency: limits.concurrency ?? 4,
    ratePerSecond: limits.rate_per_second ?? 10,
    timeoutMs: limits.timeout_ms ?? 30_000,
    deadlineMs: limits.deadline_ms ?? 300_000,
    maxBytes: limits.max_bytes ?? (source.connector === 'file' ? 65_536 : 256) * mebibyte,
    attempts: retry.attempts ?? 5,
    baseMs: retry.base_ms ?? 500,
    maxMs: retry.max_ms ?? 60_000,
    breakerFailures: breaker.failures ?? 5,
    breakerOpenMs: breaker.open_ms ?? 30_000,
  };
}
