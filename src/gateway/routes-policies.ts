import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

export function policyRoutes({ orchestrator, normalizer }: GatewayDeps): Endpoint[] {
  return [
    endpoint('scan', {
      method: 'POST',
      path: '/v1/scans',
      tag: 'policies',
      summary: 'Look through captured payloads for personal data, some seconds at a time; the ledger says so',
      action: 'operate',
      body: 'api/scan-request',
      response: { description: 'What was found, masked; with `next`, ask again for the rest', contract: 'api/scan' },
      handler: async ({ context, body, request }) => {
        const { source: sourceId, detectors, from, to, after } = body;
        const gone = new AbortController();
        // Nobody waits for the answer any more.
        request.raw.once('close', () => request.raw.destroyed && gone.abort());
        return orchestrator.scan(context, { sourceId, detectors, from, to, after }, gone.signal);
      },
    }),
    endpoint('reveal', {
      method: 'POST',
      path: '/v1/reveals',
      tag: 'policies',
      summary: 'What an encrypted value or a token of a policy stands for; the ledger says who asked, and why',
      action: 'administer',
      body: 'api/reveal-request',
      response: { description: 'The value', contract: 'api/revealed' },
      handler: async ({ context, body }) => ({
        value: await normalizer.reveal(context, body.value, body.reason.trim()),
      }),
    }),
  ];
}
