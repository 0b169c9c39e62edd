import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { choiceOf } from './profile-choice.ts';

export function replayRoutes({ orchestrator }: GatewayDeps): Endpoint[] {
  return [
    endpoint('replay', {
      method: 'POST',
      path: '/v1/replays',
      tag: 'replays',
      summary: 'Normalize what was captured before again, or say what that would change',
      action: 'operate',
      body: 'api/replay-request',
      response: { description: 'The run, queued, or the preview', contract: 'api/replay' },
      writes: true,
      handler: async ({ context, tenantId, body }) => {
        const { source: sourceId, profile_version: profileVersion, from, to, profile } = body;
        const request = { sourceId, profileVersion, from, to };
        if (body.preview !== true) return { run: await orchestrator.replay(context, request) };
        return { preview: await orchestrator.previewReplay(tenantId, { ...request, profile }) };
      },
    }),
    endpoint('diffProfiles', {
      method: 'POST',
      path: '/v1/profiles/diff',
      tag: 'replays',
      summary: 'How two versions of a profile differ on the payloads of a source; changes nothing',
      action: 'operate',
      body: 'api/profile-diff-request',
      response: { description: 'What changes from the first to the second', contract: 'api/replay-preview' },
      handler: async ({ tenantId, body }) =>
        orchestrator.diffProfiles(tenantId, {
          // The contract says that there is exactly one of them.
          a: choiceOf(body.a)!,
          b: choiceOf(body.b)!,
          sourceId: body.source,
        }),
    }),
  ];
}
