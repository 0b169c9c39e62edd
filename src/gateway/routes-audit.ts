import type { LedgerEntry } from '#audit';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { defaultLimit, page, shaped } from './parameters.ts';

export const entryView = ({ seq, leafHash, entry }: LedgerEntry) => ({
  seq: seq.toString(),
  leaf_hash: leafHash,
  entry,
});

export function auditRoutes({ audit }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listEntries', {
      method: 'GET',
      path: '/v1/audit/entries',
      tag: 'audit',
      summary: 'Entries of the ledger, in order',
      action: 'read',
      query: {
        run: shaped('uuid', 'that speak of this run'),
        limit: page.limit,
        after: shaped('uint64', 'the `next` of the page before: the index of its last entry'),
      },
      response: { description: 'A page of entries', contract: 'api/ledger-entry', list: true },
      handler: async ({ tenantId, query }) => {
        const limit = query.limit ?? defaultLimit;
        const after = query.after === undefined ? undefined : BigInt(query.after);
        const found = await audit.entries(tenantId, { runId: query.run, limit, after });
        return { items: found.map(entryView), next: found.length < limit ? undefined : found.at(-1)!.seq.toString() };
      },
    }),
    endpoint('getCheckpoint', {
      method: 'GET',
      path: '/v1/audit/checkpoint',
      tag: 'audit',
      summary: 'Size and head of the ledger',
      action: 'read',
      response: { description: 'The checkpoint', contract: 'api/checkpoint' },
      handler: async ({ tenantId }) => audit.head(tenantId),
    }),
    endpoint('verify', {
      method: 'POST',
      path: '/v1/audit/verify',
      tag: 'audit',
      summary: 'Verify ledger, payloads and records against each other',
      action: 'read',
      response: { description: 'What was found', contract: 'api/verify-report' },
      handler: async ({ tenantId }) => audit.verify(tenantId),
    }),
  ];
}
