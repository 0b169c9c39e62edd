import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

export function documentRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('applyDocuments', {
      method: 'POST',
      path: '/v1/apply',
      tag: 'documents',
      summary: 'Validate documents together, and register new versions of them',
      action: 'operate',
      body: 'api/apply-request',
      response: { description: 'What became of each document', contract: 'api/applied-document', list: true },
      writes: true,
      handler: async ({ context, body }) => ({
        items: await orchestrator.apply(context, body.documents, { dryRun: body.dry_run ?? false }),
      }),
    }),
    endpoint('listProfiles', {
      method: 'GET',
      path: '/v1/profiles',
      tag: 'documents',
      summary: 'The profile versions as applied',
      action: 'read',
      response: { description: 'Every version of every profile', contract: 'api/profile-document', list: true },
      handler: async ({ tenantId }) => ({
        items: (await orchestrator.profiles(tenantId)).map(({ profile, digest, ordinal, active, appliedAt }) => ({
          profile,
          digest,
          ordinal,
          active,
          applied_at: appliedAt,
        })),
      }),
    }),
  ];
}
