import type { Report } from '#contracts';
import type { Layout, Note } from './draft.ts';
import type { Guess } from './roles.ts';

type Section = Report['sections'][number];
type Bucket = NonNullable<Section['query']['bucket']>;

const few = 12;

/** A first report over what a layout gives: how it went over time, by group, and where. */
export function draftReport(id: string, layout: Layout): { report: Report; notes: Note[] } {
  const sections: Section[] = [];
  const notes: Note[] = [];
  const bucket = layout.time === undefined ? undefined : bucketOf(layout.time);
  if (bucket !== undefined) {
    notes.push({
      pointer: `/sections/0/query/bucket`,
      text: 'guess: what the span of the times and their number call for',
    });
    sections.push(layout.kind === 'metric' ? metricSection(layout, bucket) : countSection(layout, bucket));
    if (layout.kind === 'event' && layout.measures.length > 0) sections.push(averageSection(layout, bucket));
  }
  const place = placeOf(layout);
  if (place !== undefined) sections.push(scatter(layout, place, 'map', 'Where'));
  else if (bucket === undefined && layout.measures.length > 1)
    sections.push(scatter(layout, pairOf(layout), 'measures', undefined));
  const group = groupOf(layout.dimensions, Infinity);
  if (group !== undefined && layout.kind !== 'metric') sections.push(topSection(layout, group));
  if (sections.length === 0) sections.push(tableSection(layout));
  return { report: { report: id, title: titleOf(id), sections }, notes };
}

function bucketOf({ time, distinct }: Guess): Bucket {
  const span = time!.maxMs - time!.minMs;
  // No finer than the times themselves, and no more than a line can show.
  const step = Math.max(span / Math.max(1, distinct - 1), span / 1000) * 0.9;
  const day = 86_400_000;
  const sizes: [Bucket, number][] = [
    ['minute', 60_000],
    ['hour', 3_600_000],
    ['day', day],
    ['week', 7 * day],
    ['month', 28 * day],
    ['quarter', 90 * day],
  ];
  return sizes.find(([, size]) => step <= size)?.[0] ?? 'year';
}

/** The text to group by: few values, and those in most rows. */
function groupOf(dimensions: readonly Guess[], most: number): Guess | undefined {
  const fits = dimensions.filter(
    ({ distinct, column, time }) =>
      distinct > 1 && distinct <= most && distinct < column.present / 2 && time === undefined && column.longest <= 60,
  );
  return fits.sort(
    (a, b) => Number(b.distinct <= few) - Number(a.distinct <= few) || b.column.present - a.column.present,
  )[0];
}

function titleOf(name: string): string {
  const text = name.replaceAll(/[_.-]+/g, ' ').trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const timeAxis = { field: 'bucket', type: 'temporal', title: null };

function metricSection(layout: Layout, bucket: Bucket): Section {
  const wide = layout.series.length > 0;
  const group = wide ? undefined : groupOf(layout.dimensions, 2000);
  const by = wide ? 'series' : group?.name;
  const count = wide ? layout.series.length : (group?.distinct ?? 1);
  return {
    id: 'over-time',
    title: `${titleOf(layout.name)} by ${bucket}`,
    query: {
      kind: 'metric',
      name: layout.name,
      bucket,
      ...(by === undefined ? {} : { group_by: [{ field: `dimensions.${by}`, as: 'series' }] }),
      aggregates: [{ fn: 'avg', field: 'value', as: 'average' }],
      ...(count > few ? { top: { n: few, group: 'series', by: 'average' } } : {}),
    },
    chart: {
      mark: { type: 'line' },
      encoding: {
        x: timeAxis,
        y: { field: 'average', type: 'quantitative', title: titleOf(layout.name), scale: { zero: false } },
        ...(by === undefined ? {} : { color: { field: 'series', type: 'nominal', title: titleOf(by) } }),
      },
    },
  };
}

function countSection(layout: Layout, bucket: Bucket): Section {
  return {
    id: 'count',
    title: `${titleOf(layout.name)} by ${bucket}`,
    query: { kind: 'event', name: layout.name, bucket, aggregates: [{ fn: 'count', as: 'events' }] },
    chart: {
      mark: { type: 'bar' },
      encoding: { x: timeAxis, y: { field: 'events', type: 'quantitative', title: 'Events' } },
    },
  };
}

function averageSection(layout: Layout, bucket: Bucket): Section {
  const measure =
    layout.measures.find(({ name }) => !/^(?:lat|lon|lng|latitude|longitude)$/.test(name)) ?? layout.measures[0]!;
  const group = groupOf(layout.dimensions, few);
  return {
    id: 'average',
    title: `${titleOf(measure.name)}, mean by ${bucket}`,
    query: {
      kind: 'event',
      name: layout.name,
      bucket,
      ...(group === undefined ? {} : { group_by: [{ field: `dimensions.${group.name}`, as: 'series' }] }),
      aggregates: [{ fn: 'avg', field: `measures.${measure.name}`, as: 'average' }],
    },
    chart: {
      mark: { type: 'line' },
      encoding: {
        x: timeAxis,
        y: { field: 'average', type: 'quantitative', title: titleOf(measure.name), scale: { zero: false } },
        ...(group === undefined ? {} : { color: { field: 'series', type: 'nominal', title: titleOf(group.name) } }),
      },
    },
  };
}

type Pair = [x: Guess, y: Guess];

function placeOf({ kind, measures }: Layout): Pair | undefined {
  if (kind === 'metric') return undefined;
  const x = measures.find(({ name }) => /^(?:lon|lng|longitude)$/.test(name));
  const y = measures.find(({ name }) => /^(?:lat|latitude)$/.test(name));
  return x === undefined || y === undefined ? undefined : [x, y];
}

/** A year goes along the bottom. */
function pairOf({ measures }: Layout): Pair {
  const x = measures.find(({ time }) => time !== undefined) ?? measures[0]!;
  return [x, measures.find((measure) => measure !== x)!];
}

function scatter(layout: Layout, [x, y]: Pair, id: string, title: string | undefined): Section {
  const group = groupOf(layout.dimensions, few);
  const axis = (name: string): object => ({
    field: name,
    type: 'quantitative',
    title: titleOf(name),
    scale: { zero: false },
  });
  return {
    id,
    title: title ?? `${titleOf(y.name)} against ${titleOf(x.name)}`,
    query: {
      kind: layout.kind,
      name: layout.name,
      select: [
        { field: `measures.${x.name}`, as: x.name },
        { field: `measures.${y.name}`, as: y.name },
        ...(group === undefined ? [] : [{ field: `dimensions.${group.name}`, as: group.name }]),
      ],
      limit: 10_000,
    },
    chart: {
      mark: x.time !== undefined && group === undefined ? { type: 'line' } : { type: 'circle', opacity: 0.6 },
      encoding: {
        x: axis(x.name),
        y: axis(y.name),
        ...(group === undefined ? {} : { color: { field: group.name, type: 'nominal', title: titleOf(group.name) } }),
      },
    },
  };
}

function topSection(layout: Layout, group: Guess): Section {
  return {
    id: 'groups',
    title: `The most frequent by ${titleOf(group.name).toLowerCase()}`,
    query: {
      kind: layout.kind,
      name: layout.name,
      group_by: [{ field: `dimensions.${group.name}`, as: 'label' }],
      aggregates: [{ fn: 'count', as: 'records' }],
      top: { n: 15, group: 'label', by: 'records' },
    },
    chart: {
      mark: { type: 'bar' },
      encoding: {
        x: { field: 'records', type: 'quantitative', title: 'Records' },
        y: { field: 'label', type: 'nominal', sort: '-x', title: null },
      },
    },
  };
}

function tableSection(layout: Layout): Section {
  const columns = [
    ...layout.dimensions.slice(0, 6).map(({ name }) => ({ field: `dimensions.${name}`, as: name })),
    ...layout.measures.slice(0, 4).map(({ name }) => ({ field: `measures.${name}`, as: `${name}_` })),
  ];
  return {
    id: 'rows',
    title: 'The first rows',
    query: { kind: layout.kind, name: layout.name, select: columns.length > 0 ? columns : ['record_id'], limit: 100 },
    table: true,
  };
}
