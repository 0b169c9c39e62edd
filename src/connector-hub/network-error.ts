import { ChartlyError } from '#kit';
import { safeToRepeat } from './retry.ts';

const timeouts = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const invalid = new Set(['UND_ERR_INVALID_ARG', 'ERR_INVALID_CHAR', 'ERR_INVALID_ARG_VALUE']);

/**
 * What went wrong on the way, in words that name the domain and nothing else of the request. `phase`: whether the answer's
 * head had arrived.
 */
export function networkError(error: unknown, domain: string, method: string, phase: 'head' | 'body'): ChartlyError {
  const own = ownError(error);
  if (own !== undefined) return own;
  const code = codeOf(error);
  if (invalid.has(code)) {
    // No cause: the library may quote what it refuses.
    return new ChartlyError('validation_failed', `The request to ${domain} cannot be sent as the source describes it.`);
  }
  const retryable = safeToRepeat(method, phase === 'head' ? { networkCode: code } : {});
  const options = { cause: error, retryable };
  if (timeouts.has(code))
    return new ChartlyError('upstream_timeout', `The upstream ${domain} did not accept a connection in time.`, options);
  if (isTlsCode(code)) {
    const message = `The upstream ${domain} cannot be trusted: its TLS certificate or handshake fails (${code}).`;
    return new ChartlyError('upstream_unreachable', message, { cause: error });
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
    return new ChartlyError('upstream_error', `The upstream ${domain} does not speak valid HTTP.`, options);
  if (phase === 'body')
    return new ChartlyError('upstream_error', `The answer of ${domain} ended early; nothing of it was kept.`, options);
  return new ChartlyError(
    'upstream_unreachable',
    `The upstream ${domain} cannot be reached (${code || 'connection lost'}).`,
    options,
  );
}

function ownError(error: unknown): ChartlyError | undefined {
  for (let e = error, depth = 0; e instanceof Error && depth < 5; e = e.cause, depth++) {
    if (e instanceof ChartlyError) return e;
  }
  return undefined;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function isTlsCode(code: string): boolean {
  return /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code);
}
