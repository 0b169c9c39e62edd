import type { FastifyRequest } from 'fastify';
import type { Auth, Principal } from '#auth';
import { ChartlyError } from '#kit';
import { sessionCookie, type Sessions } from './sessions.ts';

/**
 * Who asks: the API key of `Authorization: Bearer`, or, for requests that only read, the browser's session. A cookie never writes, so no other
 * site can make a browser write. Errors: `unauthorized`.
 */
export async function authenticate(auth: Auth, sessions: Sessions, request: FastifyRequest): Promise<Principal> {
  const secret = bearerOf(request);
  if (secret !== undefined) return auth.authenticate(secret);
  const principal = await sessionOf(sessions, request);
  if (principal === undefined) throw new ChartlyError('unauthorized', 'The request carries no API key.');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new ChartlyError('unauthorized', 'A browser session can read only; this call needs an API key.');
  }
  return principal;
}

/** The session of the request's cookie, if it lives. */
export async function sessionOf(sessions: Sessions, request: FastifyRequest): Promise<Principal | undefined> {
  const id = sessionCookie(request.headers.cookie);
  return id === undefined ? undefined : sessions.find(id);
}

/** The credential of the Authorization header. Errors: `unauthorized` when the header holds something else. */
export function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header);
  if (match === null) throw new ChartlyError('unauthorized', 'The Authorization header is not `Bearer KEY`.');
  return match[1]!;
}
