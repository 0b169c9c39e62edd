import type { Query, QueryResult, RecordKind } from '#contracts';
import { canonicalJson, type Clock, sha256Hex } from '#kit';
import type { CanonicalStore } from '#storage';
import { sectionQuery } from './check-report.ts';
import { compareResults } from './compare-results.ts';
import type { CompareTask, SectionChange } from './index.ts';
import { runQuery } from './run-query.ts';

interface Deps {
  canonical: CanonicalStore;
  clock: Clock;
}

/** Runs the queries of the sections that read the source on both stores. */
export async function compareReports(deps: Deps, task: CompareTask): Promise<SectionChange[]> {
  const { tenantId, sourceId, reports, after, cells } = task;
  const before = task.before ?? deps.canonical;
  const named = await namesOf([before, after], tenantId, sourceId);
  const sections = reports
    .flatMap((report) => report.sections.map((section) => ({ report, section, query: sectionQuery(report, section) })))
    .filter(({ query }) => (query.source ?? sourceId) === sourceId && named.some((made) => reads(query, made)));
  // Queries that name no source read the records of others too.
  const names = readNames(sections.map(({ query }) => query));
  const others = { tenantId, exceptSourceId: sourceId, names };
  await task.before?.copy(others);
  await after.copy(others);
  const changes: SectionChange[] = [];
  for (const { report, section, query } of sections) {
    const from = await runQuery({ ...deps, canonical: before }, tenantId, query);
    const to = await runQuery({ ...deps, canonical: after }, tenantId, query);
    const found = compareResults(query, from, to, cells);
    changes.push({
      report: report.report,
      section: section.id,
      rows_before: from.rows.length,
      rows_after: to.rows.length,
      cells_changed: found.changed,
      cells: found.cells,
      digest_before: digestOf(from),
      digest_after: digestOf(to),
    });
  }
  return changes;
}

interface Made {
  kind: RecordKind;
  name: string;
}

function reads(query: Query, { kind, name }: Made): boolean {
  return query.kind === kind && [query.name].flat().includes(name);
}

/** What queries that name no source read: of the source's records and others'. */
function readNames(queries: readonly Query[]): Made[] {
  const names = new Map<string, Made>();
  for (const { source, kind, name } of queries) {
    for (const one of source === undefined ? [name].flat() : []) names.set(`${kind} ${one}`, { kind, name: one });
  }
  return [...names.values()];
}

/** The kinds and names of the source's records, in any of the stores. */
async function namesOf(stores: readonly CanonicalStore[], tenantId: string, sourceId: string): Promise<Made[]> {
  const names = new Map<string, Made>();
  for (const store of stores) {
    const { rows } = await store.read({
      text: `SELECT DISTINCT toString(kind), toString(name) FROM records FINAL
             WHERE tenant_id = {tenant:String} AND source_id = {source:String} ORDER BY 1, 2`,
      params: { tenant: tenantId, source: sourceId },
    });
    for (const [kind, name] of rows as [RecordKind, string][]) names.set(`${kind} ${name}`, { kind, name });
  }
  return [...names.values()];
}

function digestOf({ columns, rows, truncated }: QueryResult): string {
  return sha256Hex(canonicalJson({ columns, rows, truncated }));
}
