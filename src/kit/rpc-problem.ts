/** Errors on their way between processes: RFC 9457 problem documents with what a caller needs to decide beside it. */
import type { ErrorCode, Problem } from '#contracts';
import { ChartlyError, errorCodes } from './errors.ts';

interface WireProblem extends Problem {
  retryable: boolean;
  retry_after_ms?: number;
}

export function toProblem(error: ChartlyError, requestId?: string): WireProblem {
  const known = errorCodes.get(error.code)!;
  return {
    type: `urn:chartly:error:${error.code}`,
    title: known.title,
    status: known.status,
    code: error.code,
    detail: error.message,
    action: error.action,
    ...(requestId === undefined ? {} : { request_id: requestId }),
    ...(error.details.length === 0 ? {} : { errors: error.details }),
    retryable: error.retryable,
    ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
  };
}

/** The error as it was thrown there; undefined for what is no problem document of ours. */
export function fromProblem(value: unknown): ChartlyError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const problem = value as Partial<WireProblem>;
  if (typeof problem.code !== 'string' || !errorCodes.has(problem.code)) return undefined;
  return new ChartlyError(problem.code satisfies ErrorCode, problem.detail ?? problem.title ?? '', {
    retryable: problem.retryable === true,
    ...(typeof problem.retry_after_ms === 'number' ? { retryAfterMs: problem.retry_after_ms } : {}),
    ...(Array.isArray(problem.errors) ? { details: problem.errors } : {}),
    ...(typeof problem.action === 'string' ? { action: problem.action } : {}),
  });
}
