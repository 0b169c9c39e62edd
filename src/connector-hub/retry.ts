import type { ChartlyError } from '#kit';

const retryableStatus = new Set([408, 425, 429]);
/** Answers that say that nothing was done: even a POST may be repeated. */
const untouchedStatus = new Set([408, 425, 429, 503]);
/** Failures before a byte of the request went out. */
const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether the same request may be answered better later. */
export function statusRetryable(status: number): boolean {
  return status >= 500 || retryableStatus.has(status);
}

/** A POST is repeated only when it is certain that the upstream did nothing with it; a GET always may be. */
export function safeToRepeat(method: string, failure: { status?: number; networkCode?: string }): boolean {
  if (method !== 'POST') return true;
  if (failure.status !== undefined) return untouchedStatus.has(failure.status);
  return failure.networkCode !== undefined && unsentCodes.has(failure.networkCode);
}

/** Milliseconds that a Retry-After header asks for: seconds, or an HTTP date. Undefined when there is none or it says nothing. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Dates only in the forms that HTTP has: Date.parse alone takes "-5" or "1.5" for a year.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Exponential backoff with jitter: half to whole of base·2^(attempt−1), at most `maxMs`. `attempt` counts from 1. */
export function backoffMs(attempt: number, baseMs: number, maxMs: number, random: () => number = Math.random): number {
  return Math.min(maxMs, baseMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
}

/** Failures of ours, and refusals: trying again at once helps nobody. */
const notInPlace = new Set(['breaker_open', 'cancelled', 'disk_full', 'storage_unavailable', 'internal']);

/**
 * How long to wait before the next try of a page, or undefined when there is to be none: not retryable, no tries left, or
 * the upstream asks for more time than is waited for in place (then the error carries that time to the caller).
 */
export function nextTryMs(
  error: ChartlyError,
  attempt: number,
  policy: { attempts: number; baseMs: number; maxMs: number },
): number | undefined {
  if (!error.retryable || notInPlace.has(error.code) || attempt >= policy.attempts) return undefined;
  if (error.retryAfterMs === undefined) return backoffMs(attempt, policy.baseMs, policy.maxMs);
  return error.retryAfterMs <= policy.maxMs ? error.retryAfterMs : undefined;
}
