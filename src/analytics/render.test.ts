import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAudit } from '#audit';
import { type Report, validator } from '#contracts';
import { canonicalJson, type ChartlyError, sha256Hex, silentLogger } from '#kit';
import {
  type BlobStore,
  type CanonicalRecord,
  createFileBlobStore,
  openTestRelational,
  type Relational,
  createMemoryCache,
} from '#storage';
import { createAnalytics } from './analytics.ts';
import type { Analytics } from './index.ts';
import { recordDigests } from './record-digests.ts';
import { record, startTestEngine, type TestEngine } from './test-kit.ts';

let engine: TestEngine;
let relational: Relational;
let blobs: BlobStore;
let analytics: Analytics;
let records: CanonicalRecord[];

beforeAll(async () => {
  engine = await startTestEngine();
  relational = await openTestRelational(join(engine.dir, 'pg'));
  await relational.migrate();
  blobs = createFileBlobStore({ dir: join(engine.dir, 'blobs') });
  const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) };
  const audit = createAudit({ relational, blobs, canonical: engine.canonical, clock, logger: silentLogger });
  const cache = createMemoryCache();
  const { canonical } = engine;
  analytics = createAnalytics({ relational, blobs, canonical, cache, audit, logger: silentLogger, clock });
  records = Array.from({ length: 400 }, (_, i) =>
    record({
      name: 'price',
      tsMs: Date.UTC(2024, 0, 1) + (i >> 1) * 86_400_000,
      value: i,
      dimensions: { symbol: i % 2 ? 'A&B <i>' : 'C' },
      // Hashes that end in zero bytes: an engine that takes them for padding gives another digest.
      ...(i < 20 ? { recordHash: `${sha256Hex(String(i)).slice(0, 62 - i)}${'0'.repeat(2 + i)}` } : {}),
    }),
  );
  await engine.write('prices', records.slice(0, 300));
  await engine.write('more-prices', records.slice(300));
});

afterAll(async () => {
  await relational?.close();
  await engine?.close();
});

const report: Report = {
  report: 'prices',
  title: 'Prices of <A&B>',
  description: 'What "they" cost.',
  timezone: 'Europe/Berlin',
  sections: [
    {
      id: 'lines',
      title: 'By month',
      text: 'Mean & more.',
      query: {
        kind: 'metric',
        name: 'price',
        bucket: 'month',
        group_by: ['dimensions.symbol'],
        aggregates: [{ fn: 'avg', field: 'value', as: 'price' }],
      },
      chart: {
        mark: 'line',
        encoding: {
          x: { field: 'bucket', type: 'temporal' },
          y: { field: 'price', type: 'quantitative' },
          color: { field: 'symbol', type: 'nominal' },
        },
      },
    },
    { id: 'rows', query: { kind: 'metric', name: 'price', select: ['ts', 'dimensions.symbol', 'value'], limit: 7 } },
    {
      id: 'nothing',
      query: { kind: 'metric', name: 'nothing', aggregates: [{ fn: 'sum', field: 'value', as: 's' }], bucket: 'day' },
      chart: { mark: 'bar', encoding: { y: { field: 's', type: 'quantitative' } } },
    },
  ],
};

test.each(['json', 'svg', 'html'] as const)(
  '%s: the same data give the same bytes; artifact and manifest are kept',
  async (format) => {
    const first = await analytics.render('default', report, { format });
    const again = await analytics.render('default', report, { format });
    expect(again.body.equals(first.body)).toBe(true);
    const { manifest } = first;
    const valid = validator('reports/manifest');
    expect(valid(manifest) ? [] : valid.violations()).toEqual([]);
    expect(manifest.artifact_sha256).toBe(sha256Hex(first.body));
    expect(manifest.report_digest).toBe(sha256Hex(canonicalJson(report)));
    expect((await blobs.readAll('artifacts', manifest.artifact_sha256)).equals(first.body)).toBe(true);
    const rows = await relational.query(
      'select manifest, format, size from artifact where tenant_id = $1 and sha256 = $2',
      ['default', manifest.artifact_sha256],
    );
    expect(rows).toEqual([{ manifest, format, size: String(first.body.length) }]);
  },
);

test('the manifest names the records that each query read, by source', async () => {
  const { manifest } = await analytics.render('default', report, { format: 'json' });
  const digest = (part: CanonicalRecord[]) => {
    const hash = createHash('sha256');
    for (const hex of part.map((r) => r.recordHash).sort()) hash.update(hex, 'hex');
    return hash.digest('hex');
  };
  const sources = [
    {
      source_id: 'more-prices',
      records: 100,
      records_digest: digest(records.slice(300)),
      profiles: ['more-prices-profile@1.0.0'],
    },
    {
      source_id: 'prices',
      records: 300,
      records_digest: digest(records.slice(0, 300)),
      profiles: ['prices-profile@1.0.0'],
    },
  ];
  expect(manifest.inputs.map((i) => [i.section, i.rows, i.sources])).toEqual([
    ['lines', 14, sources],
    ['rows', 7, sources],
    ['nothing', 0, []],
  ]);
  for (const page of [399, 150, 60]) {
    expect(
      await recordDigests(engine.canonical, 'default', { kind: 'metric', name: 'price' }, { whole: 1, page }),
    ).toEqual(sources);
  }
});

test('html: one page without script or load, everything escaped', async () => {
  const html = (await analytics.render('default', report, { format: 'html' })).body.toString();
  expect(html).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|javascript:|src=|@import|url\((?!#)|<i>/i);
  expect(html).toContain("default-src 'none'");
  expect(html).toContain('<h1>Prices of &lt;A&amp;B&gt;</h1>');
  expect(html).toContain('What &quot;they&quot; cost.');
  expect(html).toContain('No records answer this question yet.');
  expect(html).toContain('Cut at the first 7 rows');
  expect(html).toContain('A&amp;B &lt;i&gt;');
  // The bucket starts at midnight in Berlin, and reads so.
  expect(html).toContain('<time datetime="2024-01-31T23:00:00.000Z">2024-02-01</time>');
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]);
  expect(new Set(ids).size).toBe(ids.length);
});

test('json holds the results of the query itself', async () => {
  const json = JSON.parse((await analytics.render('default', report, { format: 'json' })).body.toString());
  const query = { ...report.sections[1]!.query, timezone: 'Europe/Berlin' };
  expect(json.sections[1]).toEqual({ id: 'rows', title: null, result: await analytics.query('default', query) });
  expect(json.sections[1].result.truncated).toBe(true);
});

test('csv and svg of one section', async () => {
  const csv = await analytics.render('default', report, { format: 'csv', section: 'rows' });
  expect(csv.body.toString().split('\r\n').slice(0, 3)).toEqual([
    'ts,symbol,value',
    ...['C,0', 'A&B <i>,1'].map((rest) => `2024-01-01T00:00:00.000Z,${rest}`).sort((a, b) => order(a) - order(b)),
  ]);
  const svg = await analytics.render('default', report, { format: 'svg', section: 'lines' });
  expect(svg.body.toString()).toMatch(/^<svg .*By month.*<\/svg>$/s);
  expect(svg.manifest.inputs.map((i) => i.section)).toEqual(['lines']);
});

// Two records of one instant stand in the order of their ids.
function order(line: string): number {
  const value = Number(line.at(-1));
  return [records[0]!, records[1]!]
    .sort((a, b) => (a.recordId < b.recordId ? -1 : 1))
    .findIndex((r) => r.value === value);
}

test.each([
  [{ format: 'csv' }, 'validation_failed', 'lines, rows, nothing'],
  [{ format: 'csv', section: 'nope' }, 'not_found', 'lines, rows, nothing'],
  [{ format: 'svg', section: 'rows' }, 'validation_failed', 'Ask for html'],
] as const)('%o is refused with %s', async (options, code, hint) => {
  const error = (await analytics.render('default', report, options).catch((e: unknown) => e)) as ChartlyError;
  expect(error.code).toBe(code);
  expect(`${error.message} ${error.action}`).toContain(hint);
});

test('another tenant sees nothing of it', async () => {
  const json = JSON.parse((await analytics.render('another', report, { format: 'json' })).body.toString());
  expect(json.sections.map((s: { result: { rows: unknown[] } }) => s.result.rows)).toEqual([[], [], []]);
});
