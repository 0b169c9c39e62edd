/**
 * Queries and reports over live canonical records. Users' text never becomes SQL: it stands in bound parameters. Every query is limited
 * to the caller's tenant. The same records and the same query give the same bytes.
 */
import type { Manifest, Query, QueryResult, Report } from '#contracts';
import type { CanonicalFork } from '#storage';

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
  /**
   * What reports would say if the records of a source were as they are in a fork of the store: every section that reads records of the
   * source, with the cells that differ. Takes the other sources' records that the queries need over into the fork. Errors: as query.
   */
  compare(task: CompareTask): Promise<SectionChange[]>;
}

export interface CompareTask {
  tenantId: string;
  sourceId: string;
  reports: readonly Report[];
  /** Default: the live records. */
  before?: CanonicalFork;
  after: CanonicalFork;
  /** How many changed cells of a section are listed; all are counted. */
  cells: number;
}

export type Cell = string | number | null;

export interface SectionChange {
  report: string;
  section: string;
  rows_before: number;
  rows_after: number;
  cells_changed: number;
  /** `row` names the row by its groups, or by its record; a row that only one side has gives its cells too. */
  cells: { row: Record<string, Cell>; column: string; before: Cell; after: Cell }[];
  /** As `result_digest` in a report's manifest. */
  digest_before: string;
  digest_after: string;
}

export { createAnalytics } from './analytics.ts';
export { createRemoteAnalytics } from './remote.ts';
export { analyticsRoutes } from './routes.ts';
