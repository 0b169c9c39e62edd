import type { DeadLetter } from '#contracts';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { defaultLimit, oneOf, page, shaped } from './parameters.ts';

const job = { job_id: shaped('uuid', 'id of the dead job') };
const states: DeadLetter['state'][] = ['open', 'retried', 'discarded'];

export function deadLetterRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listDeadLetters', {
      method: 'GET',
      path: '/v1/dlq',
      tag: 'dead letters',
      summary: 'Jobs that their retry policy gave up on, newest first',
      action: 'read',
      query: { state: oneOf(states, 'in this state (default open)'), ...page },
      response: { description: 'A page of dead letters', contract: 'jobs/dead-letter', list: true },
      handler: async ({ tenantId, query }) =>
        orchestrator.deadLetters(tenantId, {
          state: query.state,
          limit: query.limit ?? defaultLimit,
          after: query.after,
        }),
    }),
    endpoint('retryDeadLetter', {
      method: 'POST',
      path: '/v1/dlq/{job_id}/retry',
      tag: 'dead letters',
      summary: 'Put the job back on its queue',
      action: 'operate',
      params: job,
      response: { description: 'What became of it', contract: 'api/dead-letter-state' },
      writes: true,
      handler: async ({ context, params }) => {
        await orchestrator.retryDeadLetter(context, params.job_id);
        return { job_id: params.job_id, state: 'retried' };
      },
    }),
    endpoint('discardDeadLetter', {
      method: 'POST',
      path: '/v1/dlq/{job_id}/discard',
      tag: 'dead letters',
      summary: 'Give the job up, saying why',
      action: 'operate',
      params: job,
      body: 'api/discard-request',
      response: { description: 'What became of it', contract: 'api/dead-letter-state' },
      writes: true,
      handler: async ({ context, params, body }) => {
        await orchestrator.discardDeadLetter(context, params.job_id, body.reason.trim());
        return { job_id: params.job_id, state: 'discarded' };
      },
    }),
  ];
}
