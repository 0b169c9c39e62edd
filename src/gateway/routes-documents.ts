import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { shaped } from './parameters.ts';

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
        items: await orchestrator.apply(context, body.documents, { dryRun: body.dry_run, stage: body.stage }),
      }),
    }),
    endpoint('listProfiles', {
      method: 'GET',
      path: '/v1/profiles',
      tag: 'documents',
      summary: 'The registered profile versions',
      action: 'read',
      response: { description: 'Every version of every profile', contract: 'api/profile-document', list: true },
      handler: async ({ tenantId }) => ({
        items: (await orchestrator.profiles(tenantId)).map(({ appliedAt, activatedAt, ...version }) => ({
          ...version,
          applied_at: appliedAt,
          activated_at: activatedAt,
        })),
      }),
    }),
    endpoint('promoteProfile', {
      method: 'POST',
      path: '/v1/profiles/{profile_id}/promote',
      tag: 'documents',
      summary: 'Make a registered version of a profile the active one, or say what that would change',
      action: 'operate',
      params: { profile_id: shaped('id', 'name of the profile') },
      body: 'api/promote-request',
      response: { description: 'What became of it', contract: 'api/promotion' },
      writes: true,
      handler: async ({ context, tenantId, params, body }) => {
        const request = { profileId: params.profile_id, version: body.version };
        if (body.dry_run !== true) return orchestrator.promote(context, { ...request, replay: body.replay });
        const { promotion, previews } = await orchestrator.previewPromotion(tenantId, request);
        return { ...promotion, previews };
      },
    }),
  ];
}
