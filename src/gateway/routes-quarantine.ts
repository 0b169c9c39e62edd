import { schemas, type QuarantineRecord, type ReasonCode } from '#contracts';
import type { QuarantineFilter } from '#normalizer';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { choiceOf } from './profile-choice.ts';
import { defaultLimit, oneOf, page, shaped } from './parameters.ts';
import { maySeePayload } from './raw-access.ts';
import { shownRow } from './routes-records.ts';

const reasons = schemas['quarantine/reason-codes'].oneOf.map((reason) => reason.const as ReasonCode);
const states: QuarantineRecord['state'][] = ['open', 'recovered', 'superseded', 'discarded', 'expired'];
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

export function quarantineRoutes(deps: GatewayDeps): Endpoint[] {
  const { normalizer, orchestrator } = deps;
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
      handler: async ({ principal, tenantId, params }) => {
        const { record, bytes, compression, decoded } = await normalizer.quarantinedRow(tenantId, params.quarantine_id);
        const isSeen = await maySeePayload(deps, principal, record.raw_sha256);
        return { record, compression, ...(isSeen ? shownRow(bytes, decoded) : { withheld: true }) };
      },
    }),
    endpoint('previewRecovery', {
      method: 'POST',
      path: '/v1/quarantine/preview',
      tag: 'quarantine',
      summary: 'How many open rows a profile would recover; changes nothing',
      action: 'operate',
      body: 'api/recovery-preview-request',
      response: { description: 'By source', contract: 'api/recovery-preview', list: true },
      handler: async ({ tenantId, body }) => ({
        items: await orchestrator.previewRecovery(tenantId, { sourceId: body.source, profile: choiceOf(body) }),
      }),
    }),
    endpoint('recoverQuarantined', {
      method: 'POST',
      path: '/v1/quarantine/recover',
      tag: 'quarantine',
      summary: 'Normalize the payloads with open rows again, under the active profile version',
      action: 'operate',
      body: 'api/recovery-request',
      response: { status: 202, description: 'The run, queued', contract: 'jobs/run' },
      writes: true,
      handler: async ({ context, body }) => orchestrator.recover(context, body.source, body.reason_code),
    }),
    endpoint('discardQuarantined', {
      method: 'POST',
      path: '/v1/quarantine/discard',
      tag: 'quarantine',
      summary: 'Give the open rows of a source for one reason up, saying why',
      action: 'operate',
      body: 'api/quarantine-discard-request',
      response: { description: 'How many there were', contract: 'api/quarantine-discarded' },
      writes: true,
      handler: async ({ context, body }) => ({
        discarded: await normalizer.discard(
          context,
          { sourceId: body.source, reasonCode: body.reason_code },
          body.reason.trim(),
        ),
      }),
    }),
    endpoint('discardQuarantinedRow', {
      method: 'POST',
      path: '/v1/quarantine/{quarantine_id}/discard',
      tag: 'quarantine',
      summary: 'Give one row up, saying why',
      action: 'operate',
      params: { quarantine_id: shaped('record_id', 'id of the quarantine record') },
      body: 'api/discard-request',
      response: { description: 'How many there were', contract: 'api/quarantine-discarded' },
      writes: true,
      handler: async ({ context, params, body }) => ({
        discarded: await normalizer.discard(context, { quarantineId: params.quarantine_id }, body.reason.trim()),
      }),
    }),
  ];
}
