import type { DriftEvent } from '#contracts';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { defaultLimit, oneOf, page, shaped } from './parameters.ts';

const states: DriftEvent['state'][] = ['open', 'accepted', 'ignored'];
const severities: DriftEvent['severity'][] = ['info', 'warning', 'breaking'];
const params = { drift_id: shaped('record_id', 'id of the drift event') };

export function driftRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listDrift', {
      method: 'GET',
      path: '/v1/drift',
      tag: 'drift',
      summary: 'How rows came to look other than they did, newest first',
      action: 'read',
      query: {
        source: shaped('id', 'of this source'),
        state: oneOf(states, 'in this state (default open)'),
        severity: oneOf(severities, 'so grave'),
        ...page,
      },
      response: { description: 'A page of events', contract: 'telemetry/drift-event', list: true },
      handler: async ({ tenantId, query }) =>
        orchestrator.drifts(tenantId, {
          sourceId: query.source,
          state: query.state,
          severity: query.severity,
          limit: query.limit ?? defaultLimit,
          after: query.after,
        }),
    }),
    endpoint('getDrift', {
      method: 'GET',
      path: '/v1/drift/{drift_id}',
      tag: 'drift',
      summary: 'One change, with a proposal for the profile',
      action: 'read',
      params,
      response: { description: 'The event', contract: 'telemetry/drift-event' },
      handler: async ({ tenantId, params }) => orchestrator.drift(tenantId, params.drift_id),
    }),
    endpoint('acceptDrift', {
      method: 'POST',
      path: '/v1/drift/{drift_id}/accept',
      tag: 'drift',
      summary: 'Take the change for known; what it held back goes on',
      action: 'operate',
      params,
      response: { description: 'The event as it is now', contract: 'api/drift-decision' },
      writes: true,
      handler: async ({ context, params }) => orchestrator.acceptDrift(context, params.drift_id),
    }),
    endpoint('ignoreDrift', {
      method: 'POST',
      path: '/v1/drift/{drift_id}/ignore',
      tag: 'drift',
      summary: 'Leave the change as it is',
      action: 'operate',
      params,
      response: { description: 'The event as it is now', contract: 'api/drift-decision' },
      writes: true,
      handler: async ({ context, params }) => orchestrator.ignoreDrift(context, params.drift_id),
    }),
  ];
}
