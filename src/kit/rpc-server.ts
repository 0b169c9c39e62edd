/**
 * The listener that the processes of one installation call each other on. Every call shows the shared secret. A call whose caller hangs up is aborted;
 * while one works, the caller hears now and then that it does.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { withCallContext } from './call-context.ts';
import { asChartlyError, ChartlyError } from './errors.ts';
import { newUuid } from './ids.ts';
import type { Logger } from './logger.ts';
import { runCall, type RpcService } from './rpc-call.ts';
import {
  framesType,
  problemsType,
  readLines,
  turnedAwayHeader,
  writeFrame,
  aliveEveryMs,
  type Frame,
} from './rpc-frames.ts';
import { toProblem } from './rpc-problem.ts';
import { showsSecret } from './rpc-secret.ts';

export interface RpcServerDeps {
  secret: string;
  services: readonly RpcService[];
  logger: Logger;
  probes: Probes;
}

/** What machines ask a process without the secret. */
export interface Probes {
  /** Each part that the process needs, and whether it answers. */
  dependencies(): Promise<{ dependency: string; ok: boolean }[]>;
  metrics(): Promise<{ contentType: string; body: string }>;
}

export interface RpcServer {
  /** Answers from then on; gives its URL. Errors: `port_in_use`, `config_invalid`. */
  listen(at: { host: string; port: number }): Promise<string>;
  /** Turns new calls away, so that callers go elsewhere, lets running ones end within `graceMs`, then aborts them. Repeatable. */
  close(graceMs: number): Promise<void>;
}

const path = /^\/internal\/v1\/([a-z-]+)\/([A-Za-z]+)$/;

export function createRpcServer(deps: RpcServerDeps): RpcServer {
  const running = new Set<{ controller: AbortController; done: Promise<void> }>();
  let closing: Promise<void> | undefined;

  const server = createServer((request, response) => {
    const probe = probeOf(request);
    if (probe !== undefined) return void probe(deps.probes, response, closing !== undefined);
    const controller = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    const call = { controller, done: Promise.resolve() };
    running.add(call);
    call.done = serve(deps, request, response, controller, closing !== undefined).finally(() => running.delete(call));
  });
  // A stream's request is open for as long as its consumer takes.
  server.requestTimeout = 0;
  server.headersTimeout = 10_000;
  server.keepAliveTimeout = 30_000;

  async function close(graceMs: number): Promise<void> {
    const patience = setTimeout(() => {
      for (const { controller } of running) controller.abort();
    }, graceMs);
    // Not `server.close` at once: who calls meanwhile is to be told to go elsewhere, and not to find nobody.
    while (running.size > 0) await Promise.all([...running].map(({ done }) => done));
    clearTimeout(patience);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  return {
    listen: (at) => listen(server, at),
    close: (graceMs) => (closing ??= close(graceMs)),
  };
}

async function serve(
  deps: RpcServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  controller: AbortController,
  closing: boolean,
): Promise<void> {
  const requestId = header(request, 'x-request-id') ?? newUuid();
  const answer = createAnswer(response, requestId);
  try {
    if (!showsSecret(request.headers.authorization, deps.secret)) {
      throw new ChartlyError('unauthorized', 'The call does not show the secret of this installation.', {
        action: 'Give all processes the same CHARTLY_SERVICE_SECRET.',
      });
    }
    if (closing) return answer.turnAway();
    const [, service, method] = path.exec(request.method === 'POST' ? (request.url ?? '') : '') ?? [];
    const found = deps.services.find(({ name }) => name === service)?.method(method ?? '');
    if (found === undefined) {
      throw new ChartlyError(
        'not_found',
        `This process has no ${method ?? 'such method'} of ${service ?? 'a service'}.`,
        {
          action: 'Check that the CHARTLY_…_URL variables name processes with these roles, all of one version.',
        },
      );
    }
    const traceparent = header(request, 'traceparent');
    const lines = readLines(request);
    await withCallContext({ requestId, traceparent }, () => runCall(found, lines, answer.send, controller.signal));
    answer.end();
  } catch (thrown) {
    const error = asChartlyError(thrown);
    if (error.code === 'internal') {
      deps.logger.error('a call between services failed', { request_id: requestId, error: error.cause ?? error });
    }
    answer.fail(error);
  }
}

interface Answer {
  send: (frame: Frame) => void;
  end(): void;
  fail(error: ChartlyError): void;
  turnAway(): void;
}

function createAnswer(response: ServerResponse, requestId: string): Answer {
  const write = (text: string): void => {
    if (response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { 'content-type': framesType, 'x-request-id': requestId });
    response.write(text);
  };
  const alive = setInterval(() => write('\n'), aliveEveryMs);
  alive.unref();
  response.on('close', () => clearInterval(alive));
  const problem = (error: ChartlyError, headers: Record<string, string> = {}): void => {
    clearInterval(alive);
    if (response.destroyed) return;
    const document = toProblem(error, requestId);
    const text = JSON.stringify(document);
    if (response.headersSent) return void response.end(writeFrame({ kind: 'problem', text }));
    // What the caller still sends is not read: the connection cannot be used again.
    response.writeHead(document.status, { 'content-type': problemsType, connection: 'close', ...headers }).end(text);
  };
  return {
    send: (frame) => write(writeFrame(frame)),
    end: () => {
      clearInterval(alive);
      response.end();
    },
    fail: (error) => problem(error),
    turnAway: () =>
      problem(new ChartlyError('service_unavailable', 'The process is stopping.', { retryable: true }), {
        [turnedAwayHeader]: '1',
      }),
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value.length <= 256 ? value : undefined;
}

type Probe = (probes: Probes, response: ServerResponse, closing: boolean) => Promise<void>;

const asked: Record<string, Probe> = {
  async '/healthz'(_probes, response) {
    reply(response, 200, { status: 'ok' });
  },
  async '/readyz'(probes, response, closing) {
    const dependencies = await probes.dependencies();
    const ready = !closing && dependencies.every(({ ok }) => ok);
    reply(response, ready ? 200 : 503, { status: closing ? 'stopping' : ready ? 'ready' : 'not ready', dependencies });
  },
  async '/metrics'(probes, response) {
    const { contentType, body } = await probes.metrics();
    response.writeHead(200, { 'content-type': contentType }).end(body);
  },
};

function probeOf(request: IncomingMessage): Probe | undefined {
  const url = request.url ?? '';
  const probe = request.method === 'GET' && Object.hasOwn(asked, url) ? asked[url] : undefined;
  return (
    probe &&
    ((probes, response, closing) =>
      probe(probes, response, closing).catch((error: unknown) => {
        reply(response, 500, toProblem(asChartlyError(error)));
      }))
  );
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const text = taken
        ? `Port ${port} on ${host} is taken.`
        : `This process may not listen on ${host}, port ${port}.`;
      const action = 'Set CHARTLY_INTERNAL_PORT and CHARTLY_INTERNAL_HOST to others.';
      reject(new ChartlyError(taken ? 'port_in_use' : 'config_invalid', text, { cause, action }));
    });
    server.listen(port, host, resolve);
  });
  const { address, family, port: own } = server.address() as AddressInfo;
  const name = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${name}:${own}`;
}
