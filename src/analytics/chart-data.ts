import type { QueryResult } from '#contracts';
import { isoMs } from '#kit';
import { isObject, type Json, type JsonObject } from './chart-spec.ts';
import { lttb } from './lttb.ts';
import { wallClock } from './time-zone.ts';

export type ChartRow = Record<string, string | number | null>;

/** Points of one line beyond which a picture of ours shows no difference. */
const maxPoints = 2000;

/** A result's rows as a chart reads them: times as the zone's wall clock, long lines thinned without changing their shape. */
export function chartRows(result: QueryResult, chart: Json): ChartRow[] {
  const local = wallClock(result.timezone);
  const names = result.columns.map((c) => c.name);
  const times = result.columns.map((c) => c.type === 'time');
  const rows = result.rows.map((row) => {
    const object: ChartRow = {};
    for (let i = 0; i < names.length; i++) {
      const cell = row[i]!;
      object[names[i]!] = times[i] && typeof cell === 'string' ? isoMs(local(Date.parse(cell))) : cell;
    }
    return object;
  });
  const line = rows.length > maxPoints ? plainLine(chart) : undefined;
  return line === undefined ? rows : thin(rows, line);
}

interface Line {
  x: string;
  y: string;
  series: string | undefined;
  stacked: boolean;
}

/** The fields of a chart that draws its rows as lines or areas over time or a number, without computing on them; else undefined. */
function plainLine(chart: Json): Line | undefined {
  if (!isObject(chart) || 'transform' in chart || 'layer' in chart || !isObject(chart.encoding ?? null))
    return undefined;
  const mark = isObject(chart.mark) ? chart.mark.type : chart.mark;
  if (mark !== 'line' && mark !== 'area') return undefined;
  const { x, y, color, detail, row, column, facet, ...rest } = chart.encoding as JsonObject;
  const channels = [x, y, color, detail, ...Object.values(rest)];
  if ((row ?? column ?? facet) !== undefined || channels.some(computes)) return undefined;
  const fx = fieldOf(x, ['temporal', 'quantitative']);
  const fy = fieldOf(y, ['quantitative']);
  if (fx === undefined || fy === undefined) return undefined;
  const series = [
    ...new Set(
      [color, detail, ...Object.values(rest)].map((c) => fieldOf(c)).filter((f) => f !== undefined && f !== fy),
    ),
  ];
  if (series.length > 1) return undefined;
  return { x: fx, y: fy, series: series[0], stacked: mark === 'area' && series.length > 0 };
}

function computes(channel: Json | undefined): boolean {
  if (!isObject(channel)) return channel !== undefined;
  return ['aggregate', 'bin', 'timeUnit', 'impute'].some((key) => (channel[key] ?? null) !== null);
}

function fieldOf(channel: Json | undefined, types?: string[]): string | undefined {
  if (!isObject(channel) || typeof channel.field !== 'string') return undefined;
  return types === undefined || (typeof channel.type === 'string' && types.includes(channel.type))
    ? channel.field
    : undefined;
}

function thin(rows: ChartRow[], line: Line): ChartRow[] {
  const groups = Map.groupBy(rows, (row) => (line.stacked || line.series === undefined ? '' : `${row[line.series]}`));
  const kept = new Set<ChartRow>();
  for (const group of groups.values())
    for (const row of line.stacked ? thinStack(group, line) : thinLine(group, line)) kept.add(row);
  return rows.filter((row) => kept.has(row));
}

const position = (value: string | number | null | undefined): number =>
  typeof value === 'string' ? Date.parse(value) : (value ?? Number.NaN);

function thinLine(rows: ChartRow[], { x, y }: Line): ChartRow[] {
  if (rows.length <= maxPoints) return rows;
  // A gap (no value) is part of the shape: such rows stay.
  const gaps = rows.filter((row) => row[y] === null);
  const points = rows
    .filter((row) => row[y] !== null && row[x] !== null)
    .map((row) => ({ row, at: position(row[x]) }))
    .sort((a, b) => a.at - b.at);
  const xs = Float64Array.from(points, (p) => p.at);
  const ys = Float64Array.from(points, (p) => p.row[y] as number);
  return [...gaps, ...Array.from(lttb(xs, ys, maxPoints), (i) => points[i]!.row)];
}

/** Stacked areas need the same places in every series: those that keep the shape of the total. */
function thinStack(rows: ChartRow[], { x, y }: Line): ChartRow[] {
  const totals = new Map<number, number>();
  for (const row of rows) {
    const at = position(row[x]);
    totals.set(at, (totals.get(at) ?? 0) + ((row[y] as number | null) ?? 0));
  }
  const points = [...totals].sort((a, b) => a[0] - b[0]);
  const xs = Float64Array.from(points, (p) => p[0]);
  const kept = new Set(
    Array.from(
      lttb(
        xs,
        Float64Array.from(points, (p) => p[1]),
        maxPoints,
      ),
      (i) => xs[i]!,
    ),
  );
  return rows.filter((row) => kept.has(position(row[x])));
}
