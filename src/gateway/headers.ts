import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Pages and renderings are shown by browsers, and hold text that came from upstreams: nothing in them may run or load. Inline styles and data
 * images are what a self-contained page needs.
 */
export const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** The reference page: its scripts come from this server alone. The renderer sets styles and images inline. */
export const docsPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What every answer carries. A route that set one of these itself keeps its own. */
export function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  const set = (name: string, value: string): void => {
    if (!reply.hasHeader(name)) reply.header(name, value);
  };
  set('x-request-id', request.id);
  set('x-content-type-options', 'nosniff');
  set('referrer-policy', 'same-origin');
  set('cross-origin-resource-policy', 'same-origin');
  set('x-frame-options', 'DENY');
  set('content-security-policy', request.url.startsWith('/docs') ? docsPolicy : pagePolicy);
  if (!request.url.startsWith('/docs')) set('cache-control', 'no-store');
}
