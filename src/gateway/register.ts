// Declared endpoints to Fastify routes: credential, role, rate, parameters, body, idempotency, answer; in this order.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '#auth';
import { validator } from '#contracts';
import { ChartlyError, canonicalJson, sha256Hex, type RequestContext } from '#kit';
import { authenticate, bearerOf } from './authenticate.ts';
import type { GatewayDeps } from './deps.ts';
import { Download, jsonText, type Call, type Endpoint } from './endpoint.ts';
import { createIdempotency, type Answer } from './idempotency.ts';
import { parseParameters } from './parameters.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Sessions } from './sessions.ts';

const jsonType = 'application/json; charset=utf-8';
const idempotencyKeyForm = /^[\x21-\x7e]{1,255}$/;

/** Adds every endpoint to the app. */
export function registerEndpoints(
  app: FastifyInstance,
  deps: GatewayDeps,
  sessions: Sessions,
  endpoints: readonly Endpoint[],
): void {
  const rate = createRateLimit(deps.clock, deps.rateLimit ?? { perSecond: 200, burst: 400 });
  const once = createIdempotency(deps.relational, deps.clock);
  const principals = new WeakMap<FastifyRequest, Principal>();

  for (const endpoint of endpoints) {
    app.route({
      method: endpoint.method,
      url: endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      // Before the body is read: nobody without a credential makes the server hold one.
      onRequest: async (request) => {
        const principal = await authenticate(deps.auth, sessions, request);
        rate.take(principal.keyId);
        deps.auth.authorize(principal, endpoint.action);
        principals.set(request, principal);
      },
      handler: async (request, reply) => {
        const call = callOf(endpoint, request, reply, principals.get(request)!);
        const run = async (): Promise<unknown> => endpoint.handler(call as Call<never, never, never>);
        if (endpoint.writes === undefined) return answer(endpoint, request, reply, await run());
        return answerOnce(once, endpoint, call, async () => ({
          status: endpoint.response.status ?? 200,
          text: jsonText(await run()),
        }));
      },
    });
  }
}

/** A call before its handler's own types are known. */
type AnyCall = Omit<Call<never, never, never>, 'params' | 'query' | 'body'> & {
  params: object;
  query: object;
  body: unknown;
};

function callOf(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply, principal: Principal): AnyCall {
  const { tenantId, keyId } = principal;
  const context: RequestContext = { tenantId, actor: `key:${keyId}`, requestId: request.id };
  return {
    principal,
    context,
    tenantId,
    params: parseParameters(endpoint.params ?? {}, request.params as Record<string, unknown>, 'path'),
    query: parseParameters(endpoint.query ?? {}, request.query as Record<string, unknown>, 'query'),
    body: checkBody(endpoint, request.body),
    request,
    reply,
  };
}

function checkBody(endpoint: Endpoint, body: unknown): unknown {
  if (endpoint.method === 'GET') return undefined;
  if (endpoint.body === undefined) {
    const empty = body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0);
    if (empty) return undefined;
    throw new ChartlyError('validation_failed', 'This call takes no body.', {
      details: [{ pointer: '', message: 'must be empty' }],
    });
  }
  const check = validator(endpoint.body);
  if (check(body)) return body;
  throw new ChartlyError('validation_failed', 'The body does not satisfy its contract.', {
    details: check.explain(body).map(({ pointer, message }) => ({ pointer, message })),
  });
}

async function answer(
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  value: unknown,
): Promise<FastifyReply> {
  reply.code(endpoint.response.status ?? 200);
  if (!(value instanceof Download)) return reply.header('content-type', jsonType).send(jsonText(value));
  reply.headers(value.headers).header('content-type', value.contentType).header('content-length', String(value.size));
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(value.body instanceof Uint8Array ? value.body : await streamOf(value.body));
}

/** The first chunk is read before the status goes out, so that a blob that cannot be read is a problem, not a torn answer. */
async function streamOf(body: AsyncIterable<Uint8Array>): Promise<Readable> {
  const chunks = body[Symbol.asyncIterator]();
  const first = await chunks.next();
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = first; next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return Readable.from(all(), { objectMode: false });
}

async function answerOnce(
  once: ReturnType<typeof createIdempotency>,
  endpoint: Endpoint,
  call: AnyCall,
  work: () => Promise<Answer>,
): Promise<FastifyReply> {
  const key = call.request.headers['idempotency-key'];
  const { status, text, replayed } =
    key === undefined ? { ...(await work()), replayed: false } : await once(idempotent(endpoint, call, key), work);
  if (replayed) call.reply.header('idempotency-replayed', 'true');
  return call.reply.code(status).header('content-type', jsonType).send(text);
}

function idempotent(endpoint: Endpoint, call: AnyCall, key: string | string[]) {
  if (typeof key !== 'string' || !idempotencyKeyForm.test(key)) {
    throw new ChartlyError('bad_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
  }
  const said = [endpoint.method, call.request.url, canonicalJson(call.body ?? null)].join('\n');
  return {
    tenantId: call.tenantId,
    keyId: call.principal.keyId,
    key,
    bodyHash: sha256Hex(said),
    sealWith: endpoint.writes === 'secret' ? bearerOf(call.request) : undefined,
  };
}
