/**
 * Queries and reports over live canonical records. Users' text never becomes SQL: it stands in bound parameters. Every query is limited
 * to the caller's tenant. The same records and the same query give the same bytes.
 */
import type { Manifest, Query, QueryResult, Report } from '#contracts';

export type ReportFormat = Manifest['format'];

export interface RenderedReport {
  body: Buffer;
  contentType: string;
  manifest: Manifest;
}

export interface Analytics {
  /** Errors: `validation_failed` (unknown column or alias), `query_too_heavy`, `storage_unavailable`. */
  query(tenantId: string, query: Query): Promise<QueryResult>;
  /** Throws `validation_failed` with pointers when a query or a chart of the report cannot work (charts are compiled; loads are refused). */
  checkReport(report: Report): void;
  /** Renders, stores the artifact (blob bucket `artifacts`) and its manifest. `section` limits csv and svg to one section. Errors: as query, `render_failed`, `not_found`. */
  render(
    tenantId: string,
    report: Report,
    options: { format: ReportFormat; section?: string },
  ): Promise<RenderedReport>;
}

export { createAnalytics } from './analytics.ts';
