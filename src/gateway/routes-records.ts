import type { Lineage } from '#audit';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { shaped } from './parameters.ts';
import { entryView } from './routes-audit.ts';

export function recordRoutes({ audit }: GatewayDeps): Endpoint[] {
  return [
    endpoint('getLineage', {
      method: 'GET',
      path: '/v1/records/{record_id}/lineage',
      tag: 'records',
      summary: 'From a record back to its bytes, and forward to its ledger entries',
      action: 'read',
      params: { record_id: shaped('record_id', 'id of the record') },
      response: { description: 'The lineage', contract: 'api/lineage' },
      handler: async ({ tenantId, params }) => lineageView(await audit.lineage(tenantId, params.record_id)),
    }),
  ];
}

function lineageView({ record, raw, profile, run, batch, entries }: Lineage) {
  const { bytes, ...rest } = raw;
  return {
    record,
    raw: { ...rest, bytes_base64: bytes?.toString('base64') },
    profile,
    run,
    batch,
    entries: entries.map(entryView),
  };
}
