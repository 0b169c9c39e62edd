import { schemas, type ErrorCode } from '#contracts';

/** What a code means, its HTTP status and the next action, as stated in contracts/v1/errors/codes.json. */
export const errorCodes: ReadonlyMap<ErrorCode, { title: string; status: number; action: string }> = new Map(
  schemas['errors/codes'].oneOf.map((c) => [
    c.const as ErrorCode,
    { title: c.description, status: c['x-status'], action: c['x-action'] },
  ]),
);

/** Where exactly an input is wrong. Never holds the value itself. */
export interface ErrorDetail {
  message: string;
  pointer?: string;
  file?: string;
  line?: number;
  column?: number;
}

/**
 * The one error that rooms throw on purpose. `message` says in plain words what happened, without secrets or
 * personal data; `retryable` says whether the same call may succeed later; `retryAfterMs` when.
 */
export class ChartlyError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: ErrorDetail[];
  /** Overrides the code's general next action with a more exact one. */
  readonly action: string;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      cause?: unknown;
      retryable?: boolean;
      retryAfterMs?: number;
      details?: ErrorDetail[];
      action?: string;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ChartlyError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? [];
    this.action = options.action ?? errorCodes.get(code)!.action;
  }
}

/** Wraps anything thrown: a full disk becomes `disk_full`, an unknown error `internal`; a ChartlyError stays itself. */
export function asChartlyError(error: unknown): ChartlyError {
  if (error instanceof ChartlyError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ChartlyError('disk_full', 'The disk has no room left.', { cause: error, retryable: true });
  }
  return new ChartlyError('internal', 'An unexpected failure.', { cause: error, retryable: true });
}
