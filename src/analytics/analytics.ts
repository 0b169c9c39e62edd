import type { Audit } from '#audit';
import type { Manifest, QueryResult, Report } from '#contracts';
import { canonicalJson, ChartlyError, type Clock, isoMs, type Logger, sha256Hex } from '#kit';
import type { BlobStore, Cache, CanonicalStore, Relational } from '#storage';
import { cachedReads } from './cached-reads.ts';
import { checkReport, sectionQuery, type Section } from './check-report.ts';
import { compareReports } from './compare-reports.ts';
import { renderBody } from './formats.ts';
import type { Analytics, RenderedReport, ReportFormat } from './index.ts';
import { recordDigests } from './record-digests.ts';
import { runQuery } from './run-query.ts';
import { checkZone } from './time-zone.ts';

export interface AnalyticsDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  cache: Cache;
  audit: Audit;
  logger: Logger;
  clock: Clock;
}

/** A section, what its query gave, and what that rests on. */
export interface SectionResult {
  section: Section;
  result: QueryResult;
  input: Manifest['inputs'][number];
}

/** The manifest as far as it is known before there is an artifact: what formats may print. */
export type Evidence = Omit<Manifest, 'artifact_sha256'>;

export function createAnalytics(deps: AnalyticsDeps): Analytics {
  return {
    query: (tenantId, query) => runQuery(withCache(deps, tenantId), tenantId, query),
    checkReport,
    compare: (task) => compareReports(deps, task),
    render: (tenantId, report, options) => render(withCache(deps, tenantId), tenantId, report, options),
  };
}

function withCache(deps: AnalyticsDeps, tenantId: string): AnalyticsDeps {
  return { ...deps, canonical: cachedReads(deps.canonical, deps.cache, tenantId) };
}

async function render(
  deps: AnalyticsDeps,
  tenantId: string,
  report: Report,
  options: { format: ReportFormat; section?: string },
): Promise<RenderedReport> {
  checkReport(report);
  const sections = chooseSections(report, options);
  // Read before the data: what the ledger says at this size is what the data can rest on, and more data only adds entries.
  const ledger = await deps.audit.head(tenantId);
  const { results, version } = await readSections(deps, tenantId, report, sections);
  const now = isoMs(deps.clock.now());
  const evidence: Evidence = {
    report: report.report,
    report_digest: sha256Hex(canonicalJson(report)),
    tenant_id: tenantId,
    rendered_at: now,
    as_of: results[0]?.result.as_of ?? now,
    timezone: checkZone(report.timezone, '/timezone'),
    format: options.format,
    data_version: version,
    renderer: '',
    inputs: results.map((r) => r.input),
    ledger_size: String(ledger.size),
    ledger_head: ledger.head,
  };
  const { body, contentType, manifest } = await renderBody(report, results, evidence);
  await store(deps, manifest, body, contentType);
  return { body, contentType, manifest };
}

function chooseSections(report: Report, { format, section }: { format: ReportFormat; section?: string }): Section[] {
  const names = report.sections.map((s) => s.id).join(', ');
  const chosen = report.sections.filter((s) => section === undefined || s.id === section);
  if (chosen.length === 0) {
    throw new ChartlyError('not_found', `The report ${report.report} has no such section. It has: ${names}.`);
  }
  const choose = { action: `Name one section: ${names}.` };
  if (format === 'csv' && chosen.length > 1) {
    throw new ChartlyError('validation_failed', `A CSV file holds one section. Name one of: ${names}.`, choose);
  }
  if (format !== 'svg') return chosen;
  const drawn = chosen.filter((s) => s.chart !== undefined);
  if (drawn.length > 0) return drawn;
  throw new ChartlyError('validation_failed', 'There is no chart to draw here: ask for html, csv or json.', {
    action: 'Ask for html, csv or json.',
  });
}

/** All sections as of one data version, when the data hold still for long enough; else as of the version at the start of the last try. */
async function readSections(
  deps: AnalyticsDeps,
  tenantId: string,
  report: Report,
  sections: Section[],
): Promise<{ results: SectionResult[]; version: string }> {
  let version = await deps.canonical.dataVersion(tenantId);
  for (let attempt = 1; ; attempt++) {
    const results: SectionResult[] = [];
    for (const section of sections) results.push(await readSection(deps, tenantId, report, section, version));
    const after = await deps.canonical.dataVersion(tenantId);
    if (after === version || attempt === 3) return { results, version };
    version = after;
  }
}

async function readSection(
  deps: AnalyticsDeps,
  tenantId: string,
  report: Report,
  section: Section,
  version: string,
): Promise<SectionResult> {
  const query = sectionQuery(report, section);
  const [result, sources] = await Promise.all([
    runQuery(deps, tenantId, query, version),
    recordDigests(deps.canonical, tenantId, query),
  ]);
  const { columns, rows, truncated } = result;
  return {
    section,
    result,
    input: {
      section: section.id,
      query_digest: sha256Hex(canonicalJson(query)),
      result_digest: sha256Hex(canonicalJson({ columns, rows, truncated })),
      rows: rows.length,
      sources,
    },
  };
}

/** The same bytes rendered again rest on the newest evidence. */
async function store(deps: AnalyticsDeps, manifest: Manifest, body: Buffer, contentType: string): Promise<void> {
  await deps.blobs.put('artifacts', body);
  await deps.relational.execute(
    `insert into artifact (sha256, tenant_id, report_id, format, content_type, size, manifest, created_at)
     values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
     on conflict (tenant_id, sha256, report_id) do update set manifest = excluded.manifest, created_at = excluded.created_at`,
    [
      manifest.artifact_sha256,
      manifest.tenant_id,
      manifest.report,
      manifest.format,
      contentType,
      body.length,
      JSON.stringify(manifest),
      manifest.rendered_at,
    ],
  );
}
