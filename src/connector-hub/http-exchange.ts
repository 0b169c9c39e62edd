/** A request with its redirects, up to a usable answer; every other answer becomes an error that says what may help. */
import { ChartlyError, type Clock } from '#kit';
import type { Answer, CallContext, HttpCaller } from './http-call.ts';
import { domainOf, parseUrl, type HttpRequest } from './request.ts';
import { parseRetryAfter, safeToRepeat, statusRetryable } from './retry.ts';

const maxRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

type Again = (url: URL, trusted: boolean) => HttpRequest;

/**
 * Calls until something else than a redirect comes, and gives 2xx (except 206) and an expected 304 to `consume`. Each hop is
 * admitted by itself. `again` builds the request for a redirect's target: once a redirect has left the first origin,
 * `trusted` is false and no credentials may go along, not even back home.
 * Errors: `upstream_rejected` (4xx), `upstream_error` (5xx, 408, 425, 429, redirect loops), and those of a call.
 */
export async function exchange<T>(
  deps: { caller: HttpCaller; clock: Clock },
  first: HttpRequest,
  again: Again,
  context: CallContext,
  consume: (answer: Answer, url: URL) => Promise<T>,
): Promise<T> {
  let request = first;
  let trusted = true;
  const follow = (url: URL) => {
    trusted &&= url.origin === first.url.origin;
    return again(url, trusted);
  };
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const current = request;
    const done = await deps.caller.call(
      current,
      context,
      async (answer): Promise<{ result: T } | { next: HttpRequest }> => {
        if (redirects.has(answer.status)) {
          const next = redirected(current, answer, follow);
          await answer.drain();
          return { next };
        }
        const failure = statusFailure(current, answer, deps.clock);
        if (failure === undefined) return { result: await consume(answer, current.url) };
        await answer.drain();
        throw failure;
      },
    );
    if ('result' in done) return done.result;
    request = done.next;
  }
  throw new ChartlyError(
    'upstream_error',
    `The upstream ${domainOf(first.url)} redirected more than ${maxRedirects} times.`,
  );
}

function redirected(request: HttpRequest, answer: Answer, again: (url: URL) => HttpRequest): HttpRequest {
  const location = answer.header('location');
  if (location === undefined) {
    throw new ChartlyError('upstream_error', `The upstream ${answer.domain} redirected without saying where.`);
  }
  const url = parseUrl(location, request.url);
  const keepsBody = answer.status === 307 || answer.status === 308;
  if (request.method === 'POST' && keepsBody && url.origin !== request.url.origin) {
    throw new ChartlyError(
      'upstream_rejected',
      `The upstream ${answer.domain} redirected a POST to ${domainOf(url)}; bodies are not sent on.`,
      {
        action: 'Set http.url to the final address if you trust it.',
      },
    );
  }
  const next = again(url);
  // What validates the first address validates the last one: a 304 may come from there.
  for (const name of ['if-none-match', 'if-modified-since']) {
    if (request.headers[name] !== undefined) next.headers[name] = request.headers[name];
  }
  if (request.method === 'POST' && !keepsBody) {
    const { 'content-type': _, ...headers } = next.headers;
    return { url: next.url, method: 'GET', headers };
  }
  return request.method === 'GET' ? { ...next, method: 'GET', body: undefined } : next;
}

function statusFailure(request: HttpRequest, answer: Answer, clock: Clock): ChartlyError | undefined {
  const { status, domain } = answer;
  const conditional =
    request.headers['if-none-match'] !== undefined || request.headers['if-modified-since'] !== undefined;
  if (status === 304 && conditional) return undefined;
  if (status >= 200 && status < 300 && status !== 206) return undefined;
  const message = `The upstream ${domain} answered ${status}.`;
  if (status >= 400 && status < 500 && !statusRetryable(status)) {
    return new ChartlyError('upstream_rejected', message, {
      action:
        status === 401 || status === 403
          ? 'Check the auth section of the source.'
          : 'Check the address and parameters of the source.',
    });
  }
  return new ChartlyError('upstream_error', message, {
    retryable: statusRetryable(status) && safeToRepeat(request.method, { status }),
    retryAfterMs: statusRetryable(status) ? parseRetryAfter(answer.header('retry-after'), clock.now()) : undefined,
  });
}
