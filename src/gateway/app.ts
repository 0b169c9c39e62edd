// The Fastify app: what holds for every request, whatever its route.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { ChartlyError, newUuid, withCallContext } from '#kit';
import type { GatewayDeps } from './deps.ts';
import { setCommonHeaders } from './headers.ts';
import { parseJsonBody } from './json-body.ts';
import { problemOf, problemType, sendProblem, statusOf, toChartlyError } from './problem.ts';
import { requestIdOf, traceIdOf } from './request-id.ts';

const maxBodyBytes = 10 * 1024 * 1024;

/** An app without routes. `isClosing` turns new requests away. */
export function createApp(deps: GatewayDeps, isClosing: () => boolean): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    // Our own answer to requests during the close is a problem document, below.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    requestTimeout: 120_000,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request, reply);
      void sendProblem(request, reply, toChartlyError(error));
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket),
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json$/,
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => parseJsonBody(body),
  );
  app.addHook('onRequest', (request, _reply, done) => {
    const { traceparent } = request.headers;
    const valid = traceIdOf(traceparent) === undefined ? undefined : (traceparent as string);
    withCallContext({ requestId: request.id, traceparent: valid }, done);
  });
  app.addHook('onRequest', async (request) => {
    if (isClosing()) throw new ChartlyError('backpressure', 'The server is stopping.', { retryable: true });
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new ChartlyError('unsupported_media_type', 'A compressed body is not read here.');
    }
  });
  app.addHook('onSend', async (request, reply) => {
    setCommonHeaders(request, reply);
    if (isClosing()) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => observe(deps, request, reply));
  app.setErrorHandler((error, request, reply) => answerError(deps, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      request,
      reply,
      new ChartlyError('not_found', 'There is nothing at this path.', { action: 'See /docs.' }),
    ),
  );
  return app;
}

const methods: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

/** Counts the methods of every route registered after this call; `answer` then gives every known path an answer to the other methods. */
export function otherMethods(app: FastifyInstance): { answer(): void } {
  const taken = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = taken.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name.toUpperCase());
    taken.set(url, known);
  });
  return {
    answer() {
      // The routes added here are seen by the hook too.
      const routes = Array.from(taken);
      for (const [url, known] of routes) {
        const allow = [...known, 'OPTIONS'].sort().join(', ');
        app.options(url, { exposeHeadRoute: false }, async (_request, reply) =>
          reply.code(204).header('allow', allow).send(),
        );
        const rest = methods.filter((name) => name !== 'OPTIONS' && !known.has(name));
        app.route({
          method: rest,
          url,
          exposeHeadRoute: false,
          // Before the body is looked at: what it holds does not matter.
          onRequest: async (request, reply) => {
            reply.header('allow', allow);
            throw new ChartlyError('method_not_allowed', `${request.method} is not possible here, only ${allow}.`);
          },
          handler: async () => undefined,
        });
      }
    },
  };
}

function answerError(deps: GatewayDeps, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toChartlyError(thrown);
  if (statusOf(error.code) >= 500) {
    const fields = {
      request_id: request.id,
      route: request.routeOptions.url,
      code: error.code,
      error: error.cause ?? error,
    };
    deps.observer.metrics.error({ service: 'gateway', code: error.code });
    if (error.retryable && error.code !== 'internal') deps.logger.warn('a request could not be served', fields);
    else deps.logger.error('a request failed', fields);
  }
  return sendProblem(request, reply, error);
}

function observe({ observer, logger }: GatewayDeps, request: FastifyRequest, reply: FastifyReply): void {
  // The route's pattern, never the URL: queries can hold what does not belong in logs, and labels must stay few.
  const route = request.routeOptions.url ?? 'none';
  const { method } = request;
  const status = reply.statusCode;
  observer.metrics.request({ method, route, status }, reply.elapsedTime / 1000);
  const trace = traceIdOf(request.headers.traceparent);
  const fields = { request_id: request.id, method, route, status, duration_ms: Math.round(reply.elapsedTime) };
  logger.debug('request', trace === undefined ? fields : { ...fields, trace_id: trace });
}

/** A request that is not even HTTP: answered on the bare socket. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(new ChartlyError('bad_request', brokenText(error.code)), { requestId: newUuid() });
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  );
}

function brokenText(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return 'The headers are too long.';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'This is not a valid HTTP request.';
}
