import type { Query, Report } from '#contracts';
import { ChartlyError, type ErrorDetail } from '#kit';
import { unknownFields } from './chart-fields.ts';
import { refusals, type Json } from './chart-spec.ts';
import { compileQuery } from './compile-query.ts';
import { demand, invalidAll } from './invalid.ts';
import { compileChart } from './render-chart.ts';
import { checkZone } from './time-zone.ts';

export type Section = Report['sections'][number];

/** The query of a section as it is run: in the report's time zone unless it names its own. */
export function sectionQuery(report: Report, section: Section): Query {
  return { ...section.query, timezone: section.query.timezone ?? report.timezone ?? 'UTC' };
}

/** Throws `validation_failed` naming everything in a report that cannot work. */
export function checkReport(report: Report): void {
  demand('reports/report', report);
  const details: ErrorDetail[] = collect(() => void checkZone(report.timezone, '/timezone'));
  const seen = new Set<string>();
  for (const [i, section] of report.sections.entries()) {
    const pointer = `/sections/${i}`;
    if (seen.has(section.id))
      details.push({ pointer: `${pointer}/id`, message: `Two sections are called ${section.id}.` });
    seen.add(section.id);
    details.push(...checkSection(section, pointer));
  }
  if (details.length > 0) throw invalidAll(details);
}

function checkSection(section: Section, pointer: string): ErrorDetail[] {
  let columns: string[] = [];
  const details = collect(() => {
    columns = compileQuery('default', section.query, `${pointer}/query`).columns.map((c) => c.name);
  });
  if (section.chart === undefined) return details;
  const chart = section.chart as Json;
  const at = `${pointer}/chart`;
  const refused = refusals(chart, at);
  if (details.length > 0 || refused.length > 0) return [...details, ...refused];
  const unknown = unknownFields(chart, columns, at);
  return unknown.length > 0 ? unknown : compiles(chart, at);
}

function compiles(chart: Json, pointer: string): ErrorDetail[] {
  try {
    compileChart(chart, { description: '', idPrefix: 'check' });
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 300) : 'unknown reason';
    return [{ pointer, message: `Not a chart that Vega-Lite can draw: ${why}` }];
  }
}

function collect(work: () => void): ErrorDetail[] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof ChartlyError) return error.details;
    throw error;
  }
}
