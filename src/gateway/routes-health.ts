import type { FastifyInstance } from 'fastify';
import { ChartlyError } from '#kit';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { healthOf, storeHealth } from './health.ts';

export function healthRoutes(deps: GatewayDeps): Endpoint[] {
  return [
    endpoint('getHealth', {
      method: 'GET',
      path: '/v1/health',
      tag: 'operation',
      summary: 'Whether the parts of the house answer',
      action: 'read',
      response: { description: 'The parts as they stand', contract: 'api/health' },
      handler: async () => healthOf(deps),
    }),
  ];
}

/** What machines ask without a key: alive, ready, metrics. */
export function registerProbes(app: FastifyInstance, deps: GatewayDeps): void {
  const { observer, orchestrator, hub } = deps;
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async () => {
    const silent = (await storeHealth(deps)).filter(({ ok }) => !ok).map(({ store }) => store);
    if (silent.length === 0) return { status: 'ready' };
    throw new ChartlyError('storage_unavailable', `Not ready: no answer from ${silent.join(', ')}.`, {
      retryable: true,
    });
  });
  app.get('/metrics', async (_request, reply) => {
    // A scrape must come back even when the queue does not answer: then the last depths stand.
    const { queues } = await orchestrator.health().catch(() => ({ queues: [] }));
    for (const { queue, depth } of queues) observer.metrics.queueDepth({ queue }, depth);
    const levels = { closed: 0, half_open: 1, open: 2 } as const;
    for (const { domain, breaker } of await hub.health().catch(() => []))
      observer.metrics.breakerState({ domain }, levels[breaker]);
    const { contentType, body } = await observer.exposition();
    return reply.header('content-type', contentType).send(body);
  });
}
