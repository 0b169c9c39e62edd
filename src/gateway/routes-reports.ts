import { schemas } from '#contracts';
import type { ReportFormat } from '#analytics';
import { canonicalJson, sha256Hex } from '#kit';
import type { GatewayDeps } from './deps.ts';
import { Download, endpoint, type Endpoint } from './endpoint.ts';
import { oneOf, shaped } from './parameters.ts';

const report = { report_id: shaped('id', 'name of the report') };
const formats = schemas['reports/manifest'].properties.format.enum as ReportFormat[];
const media = ['text/html', 'image/svg+xml', 'text/csv', 'application/json'];

export function reportRoutes(deps: GatewayDeps): Endpoint[] {
  const { orchestrator, analytics } = deps;
  return [
    endpoint('query', {
      method: 'POST',
      path: '/v1/query',
      tag: 'reports',
      summary: 'Ask the canonical plane',
      action: 'read',
      body: 'reports/query',
      response: { description: 'Rows, and what they rest on', contract: 'reports/query-result' },
      handler: async ({ tenantId, body }) => analytics.query(tenantId, body),
    }),
    endpoint('listReports', {
      method: 'GET',
      path: '/v1/reports',
      tag: 'reports',
      summary: 'The reports as applied',
      action: 'read',
      response: { description: 'Every report', contract: 'api/report-document', list: true },
      handler: async ({ tenantId }) => ({
        items: (await orchestrator.reports(tenantId)).map(({ report, version, digest, appliedAt }) => ({
          report,
          version,
          digest,
          applied_at: appliedAt,
        })),
      }),
    }),
    endpoint('getReport', {
      method: 'GET',
      path: '/v1/reports/{report_id}',
      tag: 'reports',
      summary: 'One report',
      action: 'read',
      params: report,
      response: { description: 'The report', contract: 'reports/report' },
      handler: async ({ tenantId, params }) => orchestrator.report(tenantId, params.report_id),
    }),
    ...(['GET', 'POST'] as const).map((method) => renderRoute(method, deps)),
  ];
}

function renderRoute(method: 'GET' | 'POST', { orchestrator, analytics }: GatewayDeps): Endpoint {
  return endpoint(method === 'GET' ? 'renderReport' : 'renderReportNow', {
    method,
    path: '/v1/reports/{report_id}/render',
    tag: 'reports',
    summary: 'Render a report; the rendering and its manifest are kept as an artifact',
    action: 'read',
    params: report,
    query: {
      format: oneOf(formats, 'default html'),
      section: shaped('id', 'one section alone (csv and svg)'),
    },
    response: {
      description: 'The rendering',
      media,
      headers: {
        'X-Chartly-Artifact-Sha256': 'SHA-256 of the body; get it again from /v1/artifacts/{sha256}',
        'X-Chartly-Manifest-Sha256': 'SHA-256 of the canonical JSON of the manifest',
      },
    },
    handler: async ({ tenantId, params, query }) => {
      const spec = await orchestrator.report(tenantId, params.report_id);
      const options = { format: query.format ?? 'html', section: query.section };
      const { body, contentType, manifest } = await analytics.render(tenantId, spec, options);
      return new Download({
        body,
        contentType,
        size: body.length,
        headers: {
          'x-chartly-artifact-sha256': manifest.artifact_sha256,
          'x-chartly-manifest-sha256': sha256Hex(canonicalJson(manifest)),
        },
      });
    },
  });
}
