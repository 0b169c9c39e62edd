import type { QueryResult } from '#contracts';
import { ChartlyError } from '#kit';
import type { TopLevelSpec } from 'vega-lite';
import { chartRows, type ChartRow } from './chart-data.ts';
import { layOut } from './chart-layout.ts';
import { inUtc, isObject, type Json, type JsonObject } from './chart-spec.ts';
import { escapeMarkup } from './escape.ts';
import { theme } from './theme.ts';
import { loadVega } from './vega.ts';

export interface ChartOptions {
  /** Drawn above the chart, unless the spec has a title. */
  title?: string;
  /** For those who cannot see the chart. */
  description: string;
  /** Default: none (transparent). */
  background?: string;
  /** Begins every id inside the SVG, so that several can stand in one page. */
  idPrefix: string;
}

/** Messages of Vega about harmless oddities (an unused setting) have nobody to read them. */
const quiet = {
  level: () => quiet,
  error: () => quiet,
  warn: () => quiet,
  info: () => quiet,
  debug: () => quiet,
} as unknown as NonNullable<Parameters<ReturnType<typeof loadVega>['vegaLite']['compile']>[1]>['logger'];

const dataName = 'section_rows';

/** Compiles a chart without data. Throws what Vega-Lite or Vega's expression parser throws. */
export function compileChart(chart: Json, options: ChartOptions, rows: readonly ChartRow[] = []): JsonObject {
  const { vega, vegaLite } = loadVega();
  const { spec } = vegaLite.compile(topLevel(chart as JsonObject, options, rows) as unknown as TopLevelSpec, {
    config: theme,
    logger: quiet,
  });
  vega.parse(spec, undefined, { ast: true });
  return spec as unknown as JsonObject;
}

/**
 * Draws a chart over a result as SVG. The same chart, result and options give the same bytes, on every machine.
 * Nothing is loaded and no text is evaluated as code. Errors: `render_failed`.
 */
export async function renderChart(chart: Json, result: QueryResult, options: ChartOptions): Promise<string> {
  try {
    const rows = chartRows(result, chart);
    const svg = await draw(compileChart(chart, options, rows), rows);
    return describe(stableIds(svg, options.idPrefix), chart, options);
  } catch (error) {
    if (error instanceof ChartlyError) throw error;
    throw new ChartlyError('render_failed', `The chart cannot be drawn: ${reason(error)}`, { cause: error });
  }
}

function topLevel(chart: JsonObject, options: ChartOptions, rows: readonly ChartRow[]): JsonObject {
  const spec = inUtc(chart) as JsonObject;
  delete spec.$schema;
  delete spec.usermeta;
  const title: JsonObject = options.title === undefined ? {} : { title: { text: options.title } };
  return {
    ...title,
    background: options.background ?? null,
    ...layOut(spec, rows),
    description: options.description,
    data: { name: dataName },
  };
}

async function draw(spec: JsonObject, rows: ChartRow[]): Promise<string> {
  const { vega, interpreter } = loadVega();
  const data = (spec.data as JsonObject[]).find((d) => d.name === dataName);
  if (data !== undefined) (data as Record<string, unknown>).values = rows;
  const runtime = vega.parse(spec, undefined, { ast: true });
  const view = new vega.View(runtime, {
    expr: interpreter as never,
    renderer: 'none',
    loader: rejectingLoader,
    logger: quiet as never,
  });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

const refuse = (): Promise<never> => Promise.reject(new ChartlyError('render_failed', 'A chart loads nothing.'));
const rejectingLoader = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {} };

/** Vega numbers clip paths and gradients over the life of the process: number them by their place in this picture. */
function stableIds(svg: string, prefix: string): string {
  const names = new Map<string, string>();
  for (const [, id] of svg.matchAll(/ id="([^"]+)"/g)) names.set(id!, `${prefix}-${names.size}`);
  return svg
    .replaceAll(/ id="([^"]+)"/g, (whole, id: string) => ` id="${names.get(id) ?? whole}"`)
    .replaceAll(/url\(#([^)"]+)\)/g, (whole, id: string) => (names.has(id) ? `url(#${names.get(id)})` : whole));
}

/** For a screen reader the picture is one image with a description; its numbers are in the table beside it. */
function describe(svg: string, chart: Json, options: ChartOptions): string {
  const own = isObject(chart) && typeof chart.description === 'string' ? chart.description : options.description;
  return svg.replace('<svg ', () => `<svg role="img" aria-label="${escapeMarkup(own)}" `);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : 'unknown reason';
}
