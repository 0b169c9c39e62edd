import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { demoDataFile, startDemoUpstream, type DemoUpstream } from './demo-upstream.ts';

let upstream: DemoUpstream;
beforeEach(async () => {
  upstream = await startDemoUpstream();
});
afterEach(() => upstream.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(upstream.url + path, { headers });

test('serves the data files byte for byte', async () => {
  for (const [path, file] of [
    ['/stocks.csv', 'stocks.csv'],
    ['/employment.csv', 'us-employment.csv'],
    ['/co2.csv', 'co2-concentration.csv'],
    ['/movies.json', 'movies.json'],
    ['/earthquakes.geojson', 'earthquakes.json'],
  ] as const) {
    const body = Buffer.from(await (await get(path)).arrayBuffer());
    expect(body.equals(await readFile(demoDataFile(file)))).toBe(true);
  }
  expect((await get('/co2.csv', { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBe('gzip');
  expect((await get('/co2.csv', { 'accept-encoding': 'identity' })).headers.get('content-encoding')).toBeNull();
});

test('honours ETag', async () => {
  const etag = (await get('/earthquakes.geojson')).headers.get('etag')!;
  expect((await get('/earthquakes.geojson', { 'if-none-match': etag })).status).toBe(304);
  expect((await get('/earthquakes.geojson', { 'if-none-match': '"other"' })).status).toBe(200);
});

test('refuses weather twice and airports once', async () => {
  const statuses = async (path: string) => [
    (await get(path)).status,
    (await get(path)).status,
    (await get(path)).status,
  ];
  expect(await statuses('/weather.csv')).toEqual([503, 503, 200]);
  const refused = await get('/airports.csv');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect(await statuses('/airports.csv')).toEqual([200, 200, 200]);
});

test('pages flights by cursor, every row once', async () => {
  const rows = JSON.parse(await readFile(demoDataFile('flights-5k.json'), 'utf8')) as { date: string }[];
  const seen: { id: number; date: string }[] = [];
  let cursor: string | null = '';
  let pages = 0;
  while (cursor !== null) {
    const page = (await (await get(`/flights?cursor=${cursor}&limit=1000`)).json()) as {
      flights: typeof seen;
      next_cursor: string | null;
    };
    seen.push(...page.flights);
    cursor = page.next_cursor;
    pages++;
  }
  expect(pages).toBe(5);
  expect(seen.map((f) => f.id)).toEqual(rows.map((_, i) => i + 1));
  expect(seen.map((f) => f.date)).toEqual(rows.map((r) => r.date));
  expect((await get('/flights?cursor=x')).status).toBe(400);
});

test('lists its endpoints, and says when it has no such one or its port is taken', async () => {
  expect(await (await get('/')).text()).toContain('/flights');
  expect((await get('/nope')).status).toBe(404);
  expect((await get('/constructor')).status).toBe(404);
  await expect(startDemoUpstream({ port: Number(new URL(upstream.url).port) })).rejects.toMatchObject({
    code: 'port_in_use',
  });
});
