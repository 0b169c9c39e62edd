import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

export function retentionRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('retain', {
      method: 'POST',
      path: '/v1/retention',
      tag: 'sources',
      summary: 'Carry out the retention of profiles now, or say what would go',
      action: 'operate',
      body: 'api/retention-request',
      response: { description: 'By source', contract: 'api/retention', list: true },
      writes: true,
      handler: async ({ tenantId, body }) => ({
        items: await orchestrator.retain(tenantId, { sourceId: body.source, dryRun: body.dry_run }),
      }),
    }),
  ];
}
