import { schemas, type Run } from '#contracts';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { defaultLimit, oneOf, page, shaped } from './parameters.ts';

const run = { run_id: shaped('uuid', 'id of the run') };
const states = schemas['jobs/run'].properties.state.enum as Run['state'][];

export function runRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listRuns', {
      method: 'GET',
      path: '/v1/runs',
      tag: 'runs',
      summary: 'Runs, newest first',
      action: 'read',
      query: { source: shaped('id', 'of this source'), state: oneOf(states, 'in this state'), ...page },
      response: { description: 'A page of runs', contract: 'jobs/run', list: true },
      handler: async ({ tenantId, query }) =>
        orchestrator.runs(tenantId, {
          sourceId: query.source,
          state: query.state,
          limit: query.limit ?? defaultLimit,
          after: query.after,
        }),
    }),
    endpoint('getRun', {
      method: 'GET',
      path: '/v1/runs/{run_id}',
      tag: 'runs',
      summary: 'One run, with its steps',
      action: 'read',
      params: run,
      response: { description: 'The run', contract: 'jobs/run' },
      handler: async ({ tenantId, params }) => orchestrator.run(tenantId, params.run_id),
    }),
    endpoint('cancelRun', {
      method: 'POST',
      path: '/v1/runs/{run_id}/cancel',
      tag: 'runs',
      summary: 'Cancel a run',
      action: 'operate',
      params: run,
      response: { description: 'The run as it stands now', contract: 'jobs/run' },
      writes: true,
      handler: async ({ context, params }) => orchestrator.cancel(context, params.run_id),
    }),
    endpoint('retryRun', {
      method: 'POST',
      path: '/v1/runs/{run_id}/retry',
      tag: 'runs',
      summary: 'Ask for a new run of the same source, on its active profile',
      action: 'operate',
      params: run,
      response: { status: 202, description: 'The new run, queued', contract: 'jobs/run' },
      writes: true,
      handler: async ({ context, params }) => orchestrator.retry(context, params.run_id),
    }),
  ];
}
