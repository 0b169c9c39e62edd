import { schemas, type QuarantineRecord, type ReasonCode } from '#contracts';
import type { QuarantineFilter } from '#normalizer';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { defaultLimit, oneOf, page, shaped } from './parameters.ts';

const reasons = schemas['quarantine/reason-codes'].oneOf.map((reason) => reason.const as ReasonCode);
const states: QuarantineRecord['state'][] = ['open', 'recovered', 'superseded', 'discarded'];
const filters = {
  source: shaped('id', 'of this source'),
  reason: oneOf(reasons, 'for this reason'),
  run: shaped('uuid', 'found by this run'),
  state: oneOf(states, 'in this state (default open)'),
};

interface FilterQuery {
  source?: string;
  reason?: ReasonCode;
  run?: string;
  state?: QuarantineRecord['state'];
}
const filterOf = ({ source, reason, run, state }: FilterQuery): QuarantineFilter => ({
  sourceId: source,
  reasonCode: reason,
  runId: run,
  state,
});

export function quarantineRoutes({ normalizer }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listQuarantine', {
      method: 'GET',
      path: '/v1/quarantine',
      tag: 'quarantine',
      summary: 'Rows that did not become records, newest first',
      action: 'read',
      query: { ...filters, ...page },
      response: { description: 'A page of rows', contract: 'quarantine/quarantine-record', list: true },
      handler: async ({ tenantId, query }) =>
        normalizer.quarantined(tenantId, {
          ...filterOf(query),
          limit: query.limit ?? defaultLimit,
          after: query.after,
        }),
    }),
    endpoint('summarizeQuarantine', {
      method: 'GET',
      path: '/v1/quarantine/summary',
      tag: 'quarantine',
      summary: 'Quarantined rows counted by source and reason',
      action: 'read',
      query: filters,
      response: { description: 'The counts', contract: 'api/quarantine-count', list: true },
      handler: async ({ tenantId, query }) => ({
        items: await normalizer.quarantineSummary(tenantId, filterOf(query)),
      }),
    }),
    endpoint('getQuarantined', {
      method: 'GET',
      path: '/v1/quarantine/{quarantine_id}',
      tag: 'quarantine',
      summary: 'One quarantined row, with its bytes',
      action: 'read',
      params: { quarantine_id: shaped('record_id', 'id of the quarantine record') },
      response: { description: 'The row', contract: 'api/quarantined-row' },
      handler: async ({ tenantId, params }) => {
        const { record, bytes } = await normalizer.quarantinedRow(tenantId, params.quarantine_id);
        return { record, bytes_base64: bytes.toString('base64') };
      },
    }),
  ];
}
