// Errors to RFC 9457 problem documents. The only place that knows HTTP statuses.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode, Problem } from '#contracts';
import { ChartlyError, asChartlyError, errorCodes } from '#kit';

export const problemType = 'application/problem+json; charset=utf-8';

const byFastifyCode: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'The body must be application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than this server takes.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'The body is not as long as Content-Length says.'],
  FST_ERR_BAD_URL: ['bad_request', 'The path is not a valid URL path.'],
};

/** Codes whose next action is to wait, with the wait to suggest when the error names none. */
const defaultWaitMs: Partial<Record<ErrorCode, number>> = {
  rate_limited: 1_000,
  backpressure: 1_000,
  storage_unavailable: 5_000,
};

/** What Fastify and anything else throws, as our one error; an unknown error becomes `internal`, its message kept as cause only. */
export function toChartlyError(error: unknown): ChartlyError {
  if (error instanceof ChartlyError) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? byFastifyCode[code] : undefined;
  if (known !== undefined) return new ChartlyError(known[0], known[1], { cause: error });
  if (typeof code === 'string' && code.startsWith('FST_') && Number(statusCode) >= 400 && Number(statusCode) < 500) {
    return new ChartlyError('bad_request', 'The request cannot be read.', { cause: error });
  }
  return asChartlyError(error);
}

/** The HTTP status of a code. */
export function statusOf(code: ErrorCode): number {
  return errorCodes.get(code)?.status ?? 500;
}

/** The problem document of an error. */
export function problemOf(error: ChartlyError, at: { instance?: string; requestId?: string }): Problem {
  return {
    type: `urn:chartly:error:${error.code}`,
    title: errorCodes.get(error.code)?.title ?? 'An error.',
    status: statusOf(error.code),
    code: error.code,
    detail: error.message,
    action: error.action,
    instance: at.instance,
    request_id: at.requestId,
    errors:
      error.details.length === 0
        ? undefined
        : error.details.map(({ pointer, message, file, line, column }) => ({ pointer, message, file, line, column })),
  };
}

/** Sends the problem, with Retry-After and WWW-Authenticate where they belong. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ChartlyError): FastifyReply {
  const waitMs = error.retryAfterMs ?? defaultWaitMs[error.code];
  if (waitMs !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(waitMs / 1000))));
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="chartly"');
  const instance = request.url.split('?', 1)[0]!.slice(0, 512);
  return reply
    .code(statusOf(error.code))
    .header('content-type', problemType)
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problemOf(error, { instance, requestId: request.id })));
}
