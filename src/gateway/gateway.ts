import type { AddressInfo } from 'node:net';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { Principal } from '#auth';
import { ChartlyError } from '#kit';
import { createApp, otherMethods } from './app.ts';
import type { GatewayDeps } from './deps.ts';
import type { Endpoint } from './endpoint.ts';
import { openApiDocument } from './openapi.ts';
import { registerEndpoints } from './register.ts';
import { artifactRoutes } from './routes-artifacts.ts';
import { auditRoutes } from './routes-audit.ts';
import { deadLetterRoutes } from './routes-dlq.ts';
import { documentRoutes } from './routes-documents.ts';
import { driftRoutes } from './routes-drift.ts';
import { referenceRoutes } from './routes-references.ts';
import { healthRoutes, registerProbes } from './routes-health.ts';
import { keyRoutes } from './routes-keys.ts';
import { registerPages } from './routes-pages.ts';
import { quarantineRoutes } from './routes-quarantine.ts';
import { recordRoutes } from './routes-records.ts';
import { policyRoutes } from './routes-policies.ts';
import { replayRoutes } from './routes-replays.ts';
import { retentionRoutes } from './routes-retention.ts';
import { reportRoutes } from './routes-reports.ts';
import { runRoutes } from './routes-runs.ts';
import { sourceRoutes } from './routes-sources.ts';
import { createSessions } from './sessions.ts';

export type { GatewayDeps } from './deps.ts';

export interface Gateway {
  /** Starts to listen and returns the URL to use. Errors: `port_in_use`; `config_invalid` for a host or port that cannot be taken. */
  listen(options: { host: string; port: number }): Promise<string>;
  /** A one-use ticket (10 minutes) for `/session?ticket=…`: opens a browser session of this principal. */
  createTicket(principal: Principal): string;
  /** Takes no more requests, lets running ones end (at most 10 s), closes all connections. May be called twice. */
  close(): Promise<void>;
  app: FastifyInstance;
}

const closeWithinMs = 10_000;

/** The HTTP door over the services. Nothing listens until `listen`. */
export function createGateway(deps: GatewayDeps): Gateway {
  let closing: Promise<void> | undefined;
  const app = createApp(deps, () => closing !== undefined);
  const sessions = createSessions(deps.auth, deps.clock);
  const endpoints = allEndpoints(deps);
  const document = openApiDocument(endpoints, deps.version);

  void app.register(swagger, { mode: 'static', specification: { document: document as never } });
  void app.register(async (scope) => {
    const others = otherMethods(scope);
    registerEndpoints(scope, deps, sessions, endpoints);
    registerProbes(scope, deps);
    await registerPages(scope, deps, sessions);
    scope.get('/openapi.json', async (_request, reply) => reply.header('cache-control', 'no-cache').send(document));
    others.answer();
  });
  // Its assets bring routes of their own making; reading is all they do.
  void app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { validatorUrl: null, deepLinking: true, persistAuthorization: false },
    // The bar would offer to load any other document.
    theme: { title: 'Chartly API', css: [{ filename: 'chartly.css', content: '.topbar { display: none }' }] },
  });

  return {
    app,
    createTicket: (principal) => sessions.createTicket(principal),
    async listen({ host, port }) {
      try {
        await app.listen({ host, port });
      } catch (error) {
        throw listenError(error, host, port);
      }
      return urlOf(app.server.address() as AddressInfo);
    },
    close() {
      closing ??= closeApp(app);
      return closing;
    },
  };
}

function allEndpoints(deps: GatewayDeps): Endpoint[] {
  return [
    sourceRoutes,
    documentRoutes,
    referenceRoutes,
    runRoutes,
    deadLetterRoutes,
    quarantineRoutes,
    driftRoutes,
    replayRoutes,
    retentionRoutes,
    policyRoutes,
    reportRoutes,
    artifactRoutes,
    recordRoutes,
    auditRoutes,
    keyRoutes,
    healthRoutes,
  ].flatMap((routes) => routes(deps));
}

async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), closeWithinMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

function listenError(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE')
    return new ChartlyError('port_in_use', `Port ${port} on ${host} is taken.`, { cause: error });
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new ChartlyError('config_invalid', `This process may not listen on ${host}, port ${port}.`, {
      cause: error,
    });
  }
  return error;
}

/** An address that a browser on this machine can open: a wildcard is no address. */
function urlOf({ address, port, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `http://127.0.0.1:${port}`;
  return family === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}
