// The main job on real data: every source of the demo, ingested over HTTP, twice; every count compared with the data files.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo, type DemoResult } from '#app';
import { expected } from './expected.ts';

describe('the demo', () => {
  let dataDir: string;
  let demo: DemoResult;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'chartly-demo-'));
    demo = await runDemo({ dataDir, port: 0 });
  });

  afterAll(async () => {
    await demo.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function get<T>(path: string): Promise<T> {
    const response = await fetch(`${demo.url}/v1/${path}`, { headers: { authorization: `Bearer ${demo.apiKey}` } });
    expect(response.status, path).toBe(200);
    return (await response.json()) as T;
  }

  it('has a source for every expectation, and an expectation for every source', () => {
    expect(demo.sources.map((s) => s.source).sort()).toEqual(Object.keys(expected).sort());
  });

  it.for(Object.keys(expected))('counts %s exactly', (name) => {
    const source = demo.sources.find((s) => s.source === name)!;
    const want = expected[name]!;
    expect(source.state, source.error).toBe('succeeded');
    expect(source.stored).toBe(want.records);
    expect(source.counts).toMatchObject({
      rows: want.rows,
      records: want.records,
      quarantined: want.quarantined,
      deduplicated: want.deduplicated,
      skipped: 0,
      candidates: want.records + want.quarantined + want.deduplicated,
    });
  });

  it('has one quarantine row for each failing candidate and rule', async () => {
    const { items } = await get<{ items: { source_id: string; count: number }[] }>('quarantine/summary');
    const bySource: Record<string, number> = {};
    for (const { source_id, count } of items) bySource[source_id] = (bySource[source_id] ?? 0) + count;
    const want = Object.entries(expected).filter(([, e]) => e.quarantineRows > 0);
    expect(bySource).toEqual(Object.fromEntries(want.map(([name, e]) => [name, e.quarantineRows])));
  });

  it('verifies: ledger, blobs and records', async () => {
    const response = await fetch(`${demo.url}/v1/audit/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${demo.apiKey}` },
    });
    const report = (await response.json()) as { ok: boolean; records: number; findings: unknown[] };
    expect(report.findings).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.records).toBe(Object.values(expected).reduce((sum, e) => sum + e.records, 0));
  });

  it.for(['json', 'svg', 'html'] as const)('renders every report as %s', async (format) => {
    for (const { id } of demo.reports) {
      const url = `${demo.url}/v1/reports/${id}/render?format=${format}`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${demo.apiKey}` } });
      expect(response.status, id).toBe(200);
      expect((await response.text()).length, id).toBeGreaterThan(500);
    }
  });

  it('adds nothing when it runs again', async () => {
    await demo.stop();
    demo = await runDemo({ dataDir, port: 0 });
    for (const source of demo.sources) {
      const want = expected[source.source]!;
      expect(source.state, source.source).toBe('succeeded');
      expect(source.stored, source.source).toBe(want.records);
      expect(source.counts, source.source).toMatchObject({
        rows: want.rows,
        records: want.records,
        quarantined: want.quarantined,
      });
    }
  });
});
