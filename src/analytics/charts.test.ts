import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { QueryResult, Report } from '#contracts';
import type { ChartlyError } from '#kit';
import { chartRows } from './chart-data.ts';
import type { Json, JsonObject } from './chart-spec.ts';
import { checkReport } from './check-report.ts';
import { toCsv } from './csv.ts';
import { lttb } from './lttb.ts';
import { renderChart } from './render-chart.ts';

const options = { description: 'A chart', idPrefix: 'x' };

function resultOf(
  columns: [string, QueryResult['columns'][number]['type']][],
  rows: QueryResult['rows'],
  timezone = 'UTC',
): QueryResult {
  return {
    columns: columns.map(([name, type]) => ({ name, type })),
    rows,
    as_of: '2026-01-01T00:00:00.000Z',
    timezone,
    data_version: '1',
    truncated: false,
  };
}

const lineChart: JsonObject = {
  mark: 'line',
  encoding: {
    x: { field: 'bucket', type: 'temporal' },
    y: { field: 'price', type: 'quantitative' },
    color: { field: 'symbol', type: 'nominal' },
  },
};

const day = (i: number) => new Date(Date.UTC(2024, 0, 1) + i * 86_400_000).toISOString();
const prices = resultOf(
  [
    ['bucket', 'time'],
    ['symbol', 'text'],
    ['price', 'number'],
  ],
  Array.from({ length: 60 }, (_, i) => [day(i >> 1), i % 2 ? 'B' : 'A', i === 8 ? null : i]),
);

describe('drawing', () => {
  test('the same input gives the same bytes, also side by side with other charts', async () => {
    const first = await renderChart(lineChart, prices, options);
    const clipped: Json = { ...lineChart, mark: { type: 'line', clip: true } };
    const together = await Promise.all([
      renderChart(clipped, prices, options),
      renderChart(lineChart, prices, options),
      renderChart(clipped, prices, options),
    ]);
    expect(together[1]).toBe(first);
    expect(together[0]).toBe(together[2]);
    expect(together[0]).toMatch(/id="x-0"/);
    expect(first).toMatch(/^<svg role="img" aria-label="A chart" .*<\/svg>$/s);
  });

  test('text is escaped', async () => {
    const evil = `</svg><script>alert("1")</script><img src=x onerror='a'>&`;
    const result = resultOf(
      [
        ['bucket', 'time'],
        ['symbol', 'text'],
        ['price', 'number'],
      ],
      [
        [day(0), evil, 1],
        [day(1), evil, 2],
      ],
    );
    const svg = await renderChart(lineChart, result, { ...options, title: evil, description: evil });
    expect(svg).not.toMatch(/<script|<img|<\/svg>.+/s);
    expect(svg).toContain('&lt;script');
  });

  test('the axis reads as the calendar of the zone', async () => {
    const months = (zone: string, hour: number) =>
      resultOf(
        [
          ['bucket', 'time'],
          ['symbol', 'text'],
          ['price', 'number'],
        ],
        [1, 2, 3].map((m) => [new Date(Date.UTC(2024, m, 1, hour)).toISOString(), 'A', m]),
        zone,
      );
    const utc = await renderChart(lineChart, months('UTC', 0), options);
    expect(await renderChart(lineChart, months('America/Phoenix', 7), options)).toBe(utc);
  });

  test('an expression runs in the interpreter and reaches nothing', async () => {
    const chart = {
      ...lineChart,
      transform: [{ calculate: "datum.price.constructor.constructor('return process.pid')()", as: 'pid' }],
    };
    const outcome: unknown = await renderChart(chart, prices, options).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'render_failed' });
  });

  test('no rows, one row, only nulls', async () => {
    for (const rows of [[], [[day(0), 'A', 1]], [[day(0), null, null]]] as QueryResult['rows'][]) {
      expect(await renderChart(lineChart, { ...prices, rows }, options)).toContain('</svg>');
    }
  });
});

describe('checkReport', () => {
  const report = (chart: JsonObject, query: object = {}): Report => ({
    report: 'r',
    title: 'R',
    sections: [
      {
        id: 'a',
        query: {
          kind: 'metric',
          name: 'price',
          bucket: 'day',
          group_by: ['dimensions.symbol'],
          aggregates: [{ fn: 'avg', field: 'value', as: 'price' }],
          ...query,
        },
        chart,
      },
    ],
  });
  const pointersOf = (r: Report): (string | undefined)[] => {
    try {
      checkReport(r);
      return [];
    } catch (error) {
      expect((error as ChartlyError).code).toBe('validation_failed');
      return (error as ChartlyError).details.map((d) => d.pointer);
    }
  };
  const encoding = lineChart.encoding as JsonObject;

  test('a chart over its columns, layered or transformed, passes', () => {
    expect(pointersOf(report(lineChart))).toEqual([]);
    expect(pointersOf(report({ encoding, layer: [{ mark: 'line' }, { mark: { type: 'point', size: 4 } }] }))).toEqual(
      [],
    );
    expect(
      pointersOf(
        report({
          ...lineChart,
          transform: [{ window: [{ op: 'mean', field: 'price', as: 'smooth' }], frame: [-3, 3] }],
          encoding: { ...encoding, y: { field: 'smooth', type: 'quantitative' } },
        }),
      ),
    ).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ['data by URL', { ...lineChart, data: { url: 'file:///etc/passwd' } }, '/data'],
    ['data of its own', { layer: [{ ...lineChart, data: { values: [] } }] }, '/layer/0/data'],
    [
      'a look-up in other data',
      { ...lineChart, transform: [{ lookup: 'symbol', from: { data: { url: 'x' }, key: 'k' } }] },
      '/transform/0/from/data',
    ],
    ['an unknown mark', { ...lineChart, mark: 'lines' }, '/mark'],
    ['an unknown mark in a layer', { layer: [{ ...lineChart, mark: { type: 'lines' } }] }, '/layer/0/mark'],
    ['an image mark', { ...lineChart, mark: 'image' }, '/mark'],
    ['an image mark in a layer', { layer: [{ ...lineChart, mark: { type: 'image' } }] }, '/layer/0/mark/type'],
    ['an image by URL', { ...lineChart, encoding: { ...encoding, url: { field: 'symbol' } } }, '/encoding/url'],
    ['a link', { ...lineChart, encoding: { ...encoding, href: { field: 'symbol' } } }, '/encoding/href'],
    ['a control', { ...lineChart, params: [{ name: 'p', bind: { input: 'range' } }] }, '/params/0/bind'],
    ['an endless picture', { ...lineChart, width: 1e9 }, '/width'],
    [
      'an unknown column',
      { ...lineChart, encoding: { ...encoding, y: { field: 'prize', type: 'quantitative' } } },
      '/encoding/y/field',
    ],
    ['a broken expression', { ...lineChart, transform: [{ filter: 'datum.price >' }] }, ''],
  ])('%s is refused', (_, chart, at) => {
    expect(pointersOf(report(chart))).toEqual([`/sections/0/chart${at}`]);
  });

  test('faults of a query are found under their section', () => {
    expect(pointersOf(report(lineChart, { order_by: [{ column: 'nope' }] }))).toEqual([
      '/sections/0/query/order_by/0/column',
    ]);
    const twice = report(lineChart);
    twice.sections.push(twice.sections[0]!);
    expect(pointersOf({ ...twice, timezone: 'Nowhere/Land' })).toEqual(['/timezone', '/sections/1/id']);
  });
});

describe('thinning long lines', () => {
  test('keeps the ends, the extremes of a spike and the order', () => {
    const n = 50_000;
    const x = Float64Array.from({ length: n }, (_, i) => i);
    const y = Float64Array.from({ length: n }, (_, i) => (i === 31_337 ? 100 : Math.sin(i / 500)));
    const kept = lttb(x, y, 2000);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([2000, 0, n - 1]);
    expect(kept).toContain(31_337);
    expect(kept.every((index, i) => i === 0 || index > kept[i - 1]!)).toBe(true);
  });

  test('any line keeps within its points', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 300 }),
        fc.integer({ min: 3, max: 320 }),
        (values, threshold) => {
          const kept = lttb(Float64Array.from(values.keys()), Float64Array.from(values), threshold);
          expect(kept.length).toBe(Math.min(threshold, values.length));
          expect(new Set(kept).size).toBe(kept.length);
          expect([kept[0], kept.at(-1)]).toEqual([0, values.length - 1]);
        },
      ),
    );
  });

  const long = resultOf(
    [
      ['bucket', 'time'],
      ['symbol', 'text'],
      ['price', 'number'],
    ],
    Array.from({ length: 12_000 }, (_, i) => [day(i >> 1), i % 2 ? 'B' : 'A', i === 501 ? null : Math.cos(i)]),
  );

  test('each series on its own, gaps kept', () => {
    const rows = chartRows(long, lineChart);
    expect(Map.groupBy(rows, (r) => r.symbol).get('A')?.length).toBe(2000);
    expect(rows.filter((r) => r.price === null).length).toBe(1);
  });

  test('stacked areas keep the same places in all series', () => {
    const rows = chartRows(long, { ...lineChart, mark: 'area' });
    const [a, b] = ['A', 'B'].map((s) => rows.filter((r) => r.symbol === s).map((r) => r.bucket));
    expect(a).toEqual(b);
    expect(a!.length).toBe(2000);
  });

  test('charts that compute on their rows get them all', () => {
    const computed: Json = {
      ...lineChart,
      encoding: {
        ...(lineChart.encoding as JsonObject),
        y: { aggregate: 'sum', field: 'price', type: 'quantitative' },
      },
    };
    expect(chartRows(long, computed).length).toBe(12_000);
    expect(chartRows(long, { ...lineChart, mark: 'point' }).length).toBe(12_000);
  });
});

test('CSV holds any text, and tells an empty text from no value', () => {
  const result = resultOf(
    [
      ['a b', 'text'],
      ['n', 'number'],
      ['t', 'time'],
    ],
    [
      ['x,"y"\r\nz', 0.1, day(0)],
      ['', null, null],
      [null, -1e21, null],
    ],
  );
  expect(toCsv(result).toString()).toBe(
    `a b,n,t\r\n"x,""y""\r\nz",0.1,2024-01-01T00:00:00.000Z\r\n"",,\r\n,-1e+21,\r\n`,
  );
});
