import type { Endpoint } from './endpoint.ts';
import { endpoint } from './endpoint.ts';
import type { GatewayDeps } from './deps.ts';
import { ChartlyError } from '#kit';
import { oneOf, shaped } from './parameters.ts';

const source = { source_id: shaped('id', 'name of the source') };

export function sourceRoutes({ orchestrator, canonical }: GatewayDeps): Endpoint[] {
  const documents = async (tenantId: string) =>
    (await orchestrator.sources(tenantId)).map(({ source, version, digest, appliedAt, stoppedBy }) => ({
      source,
      version,
      digest,
      applied_at: appliedAt,
      ...(stoppedBy === undefined ? {} : { stopped_by: stoppedBy }),
    }));

  return [
    endpoint('listSources', {
      method: 'GET',
      path: '/v1/sources',
      tag: 'sources',
      summary: 'The sources as applied',
      action: 'read',
      response: { description: 'Every source', contract: 'api/source-document', list: true },
      handler: async ({ tenantId }) => ({ items: await documents(tenantId) }),
    }),
    endpoint('getSource', {
      method: 'GET',
      path: '/v1/sources/{source_id}',
      tag: 'sources',
      summary: 'One source',
      action: 'read',
      params: source,
      response: { description: 'The source', contract: 'api/source-document' },
      handler: async ({ tenantId, params }) => {
        const found = (await documents(tenantId)).find((item) => item.source.source === params.source_id);
        if (found === undefined) throw new ChartlyError('not_found', `There is no source ${params.source_id}.`);
        return found;
      },
    }),
    endpoint('ingestSource', {
      method: 'POST',
      path: '/v1/sources/{source_id}/ingest',
      tag: 'sources',
      summary: 'Ask for a run of a source',
      action: 'operate',
      params: source,
      query: { trigger: oneOf(['api', 'cli'], 'who asks (default api)') },
      response: { status: 202, description: 'The run, queued', contract: 'jobs/run' },
      writes: true,
      handler: async ({ context, params, query }) =>
        orchestrator.ingest(context, params.source_id, query.trigger ?? 'api'),
    }),
    endpoint('totals', {
      method: 'GET',
      path: '/v1/totals',
      tag: 'sources',
      summary: 'What became of every row, by source',
      action: 'read',
      response: { description: 'Totals of every source', contract: 'api/source-totals', list: true },
      handler: async ({ tenantId }) => ({ items: await totalsOf({ orchestrator, canonical }, tenantId) }),
    }),
  ];
}

const nothing = { rows: 0, candidates: 0, records: 0, quarantined: 0, deduplicated: 0, skipped: 0, bytes: 0 };

/** Totals over all runs beside the live records, for every source that has either. */
export async function totalsOf(
  { orchestrator, canonical }: Pick<GatewayDeps, 'orchestrator' | 'canonical'>,
  tenantId: string,
) {
  const [totals, stored] = await Promise.all([orchestrator.totals(tenantId), canonical.countBySource(tenantId)]);
  const ids = [...new Set([...totals.keys(), ...stored.keys()])].sort();
  return ids.map((id) => ({ source_id: id, counts: totals.get(id) ?? nothing, stored: stored.get(id) ?? 0 }));
}
