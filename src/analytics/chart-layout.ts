// What Vega-Lite leaves to the author: the size of the picture, a legend that leaves room for the plot, and clipping.
import type { ChartRow } from './chart-data.ts';
import { isObject, type Json, type JsonObject } from './chart-spec.ts';
import { textWidth } from './text-width.ts';

const width = 720;
const height = 320;

/** The chart with sensible defaults where its author gave none. `rows` are empty when only its validity is asked. */
export function layOut(chart: JsonObject, rows: readonly ChartRow[]): JsonObject {
  const clipped = clipWhereCut(chart);
  const legend = legendAbove(clipped, rows);
  return { ...size(clipped, legend?.rows ?? 1), ...clipped, ...legend?.chart };
}

/** One picture is as wide as the page, whatever its axes and legend need; facets and the like grow with their parts. */
function size(chart: JsonObject, legendRows: number): JsonObject {
  if (!('mark' in chart) && !('layer' in chart)) return {};
  const encoding = encodingOf(chart);
  if (['row', 'column', 'facet'].some((channel) => channel in encoding)) return {};
  const steps = chart.height === undefined && isObject(encoding.y) && isDiscrete(encoding.y);
  const autosize = { type: steps ? 'fit-x' : 'fit', contains: 'padding' };
  return steps ? { width, autosize } : { width, height: height + 16 * (legendRows - 1), autosize };
}

/** Names of a few groups stand above the plot in columns of equal width; many, or a scale of colours, beside it. */
function legendAbove(chart: JsonObject, rows: readonly ChartRow[]): { chart: JsonObject; rows: number } | undefined {
  const encoding = encodingOf(chart);
  const color = encoding.color;
  if (!isObject(color) || typeof color.field !== 'string' || !isDiscrete(color) || !('mark' in chart)) return undefined;
  if (
    ['size', 'shape', 'opacity', 'strokeDash'].some(
      (channel) => isObject(encoding[channel]) && 'field' in encoding[channel],
    )
  )
    return undefined;
  const legend = color.legend ?? {};
  if (color.legend === null || !isObject(legend) || legend.orient !== undefined) return undefined;
  const { field } = color;
  const labels = [...new Set(rows.map((row) => String(row[field] ?? 'null')))];
  if (labels.length > 12) return undefined;
  const widest = Math.max(0, ...labels.map((label) => textWidth(label, 11))) + 34;
  const columns = Math.max(1, Math.min(labels.length, Math.floor((width - 60) / widest)));
  const lines = Math.ceil(labels.length / columns);
  const titleOrient = lines > 1 ? 'top' : 'left';
  const above = { orient: 'top', direction: 'horizontal', titleOrient, offset: 8, columns, ...legend };
  return { chart: { encoding: { ...encoding, color: { ...color, legend: above } } }, rows: Math.max(1, lines) };
}

/** Marks beyond a domain that the author cut would otherwise be drawn over the axes. */
function clipWhereCut(chart: JsonObject): JsonObject {
  const encoding = encodingOf(chart);
  const cut = [encoding.x, encoding.y].some(
    (c) =>
      isObject(c) &&
      isObject(c.scale) &&
      ['domain', 'domainMin', 'domainMax'].some((key) => key in (c.scale as JsonObject)),
  );
  if (!cut) return chart;
  if (typeof chart.mark === 'string') return { ...chart, mark: { type: chart.mark, clip: true } };
  return isObject(chart.mark) ? { ...chart, mark: { clip: true, ...chart.mark } } : chart;
}

function encodingOf(chart: JsonObject): JsonObject {
  return isObject(chart.encoding) ? chart.encoding : {};
}

function isDiscrete(channel: { [key: string]: Json }): boolean {
  return channel.type === 'nominal' || channel.type === 'ordinal';
}
