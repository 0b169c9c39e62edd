import type { Lineage } from '#audit';
import type { DecodedRow } from '#normalizer';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { shaped } from './parameters.ts';
import { maySeePayload } from './raw-access.ts';
import { entryView } from './routes-audit.ts';

export function recordRoutes(deps: GatewayDeps): Endpoint[] {
  const { audit, normalizer } = deps;
  return [
    endpoint('getLineage', {
      method: 'GET',
      path: '/v1/records/{record_id}/lineage',
      tag: 'records',
      summary: 'From a record back to its bytes, and forward to its ledger entries',
      action: 'read',
      params: { record_id: shaped('record_id', 'id of the record') },
      response: { description: 'The lineage', contract: 'api/lineage' },
      handler: async ({ principal, tenantId, params }) => {
        const lineage = await audit.lineage(tenantId, params.record_id);
        const { bytes, sha256, byte_start: start, byte_end: end, row } = lineage.raw;
        const ref = { sha256, profile: lineage.profile, start, end, row };
        if (!(await maySeePayload(deps, principal, sha256))) return lineageView(withheld(lineage), undefined);
        const decoded = bytes === undefined ? undefined : await normalizer.decodedRow(tenantId, ref);
        return lineageView(lineage, decoded);
      },
    }),
  ];
}

function withheld({ raw, ...rest }: Lineage): Lineage & { raw: { withheld: true } } {
  return { ...rest, raw: { ...raw, bytes: undefined, withheld: true } };
}

function lineageView({ record, raw, profile, run, batch, entries }: Lineage, decoded: DecodedRow | undefined) {
  const { bytes, ...rest } = raw;
  return {
    record,
    raw: { ...rest, ...shownRow(bytes, decoded) },
    profile,
    run,
    batch,
    entries: entries.map(entryView),
  };
}

/** The bytes of a row, or where they say nothing to a reader the row that was read from them. */
export function shownRow(
  bytes: Buffer | undefined,
  decoded: DecodedRow | undefined,
): { bytes_base64?: string | undefined; decoded_row?: DecodedRow } {
  return decoded === undefined ? { bytes_base64: bytes?.toString('base64') } : { decoded_row: decoded };
}
