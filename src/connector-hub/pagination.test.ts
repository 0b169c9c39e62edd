import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Source } from '#contracts';
import { linkTarget } from './link-header.ts';
import type { CapturedPage } from './index.ts';
import {
  createBench,
  failure,
  fetchAll,
  httpSource,
  runId,
  startUpstream,
  taskOf,
  type Bench,
  type Upstream,
} from './testing.ts';

type Pagination = NonNullable<NonNullable<Source['http']>['pagination']>;

const rows = Array.from({ length: 25 }, (_, i) => ({ id: i }));
const size = 10;
let bench: Bench;
let upstream: Upstream;
let extra: Upstream[] = [];
beforeEach(async () => {
  bench = await createBench();
  upstream = await startUpstream((request, response) => {
    const url = new URL(request.url, upstream.url);
    const number = (name: string) => Number(url.searchParams.get(name) ?? 0);
    const start =
      { '/page': (number('page') - 1) * size, '/offset': number('offset') }[url.pathname] ?? number('after');
    const next = start + size < rows.length ? start + size : undefined;
    const body: Record<string, unknown> = { data: { rows: rows.slice(start, start + size) } };
    if (url.pathname === '/cursor') body['next'] = next ?? null;
    if (url.pathname === '/next') body['links'] = { next: next && `/next?after=${next}` };
    if (url.pathname === '/link' && next !== undefined) {
      response.setHeader('link', [
        `</link?after=0>; rel=first`,
        `</link?after=${next}>; title="a, b; rel=x"; rel="next last"`,
      ]);
    }
    response.setHeader('etag', '"e"').end(JSON.stringify(body));
  });
});
afterEach(async () => {
  await Promise.all([upstream, ...extra].map((u) => u.close()));
  extra = [];
  await bench.close();
});

const types: [Pagination, number][] = [
  [{ type: 'none' }, 1],
  [{ type: 'page', param: 'page', records: '$.data.rows', size, size_param: 'limit' }, 3],
  [{ type: 'page', param: 'page', records: '$.data.rows[*]' }, 4],
  [{ type: 'offset', param: 'offset', records: '$.data.rows[*]', size, size_param: 'limit' }, 3],
  [{ type: 'cursor', param: 'after', cursor: '$.next', size, size_param: 'limit' }, 3],
  [{ type: 'link' }, 3],
  [{ type: 'next_url', path: '$.links.next' }, 3],
];

const source = (pagination: Pagination) =>
  httpSource(`${upstream.url}/${pagination.type.replace('_url', '')}?keep=1`, { pagination });

async function idsOf(pages: CapturedPage[]): Promise<number[]> {
  const ids: number[] = [];
  for (const page of pages) {
    for (const row of (JSON.parse(await bench.text(page)) as { data: { rows: { id: number }[] } }).data.rows)
      ids.push(row.id);
  }
  return ids;
}

describe.each(types)('%j', (pagination, count) => {
  test('gives every row once, numbered pages, and requests that tell their names apart', async () => {
    const pages = await fetchAll(bench, source(pagination));
    expect(pages.map((p) => p.raw.page)).toEqual(Array.from({ length: count }, (_, i) => i));
    const wanted = pagination.type === 'none' ? rows.slice(0, size) : rows;
    expect(await idsOf(pages)).toEqual(wanted.map((r) => r.id));
    expect(new Set(pages.map((p) => p.raw.request_key)).size).toBe(count);
    const asked = upstream.seen.map((r) => new URL(r.url, upstream.url).searchParams);
    const ownUrls = ['link', 'next_url'].includes(pagination.type);
    expect(asked.every((p, i) => p.has('keep') === (i === 0 || !ownUrls))).toBe(true);
    expect(asked.every((p) => p.get('limit') === ('size_param' in pagination ? '10' : null))).toBe(true);
  });

  test('goes on after every page that was settled, in the same run only, and forgets at the end', async () => {
    const pages = await fetchAll(bench, source(pagination));
    expect(pages.at(-1)!.state.resume).toBeUndefined();
    for (const [i, page] of pages.slice(0, -1).entries()) {
      const before = upstream.seen.length;
      // As it comes back from the store.
      const state = JSON.parse(JSON.stringify(page.state)) as CapturedPage['state'];
      const rest = await fetchAll(bench, source(pagination), { state });
      expect(rest.map((p) => [p.raw.page, p.raw.sha256])).toEqual(
        pages.slice(i + 1).map((p) => [p.raw.page, p.raw.sha256]),
      );
      expect(upstream.seen.length - before).toBe(count - i - 1);
      const other = await fetchAll(bench, source(pagination), { state, runId: runId.replace(/1$/, '9') });
      expect(other.length).toBe(count);
    }
  });

  test('remembers validators of unpaged requests only', async () => {
    const pages = await fetchAll(bench, source(pagination));
    expect(Object.keys(pages.at(-1)!.state.requests).length).toBe(pagination.type === 'none' ? 1 : 0);
  });

  test('stops at max_pages', async () => {
    if (pagination.type === 'none') return;
    const pages = await fetchAll(bench, source({ ...pagination, max_pages: 2 }));
    expect([pages.length, upstream.seen.length, pages[1]!.state.resume]).toEqual([2, 2, undefined]);
  });
});

async function serve(...args: Parameters<typeof startUpstream>): Promise<Upstream> {
  const other = await startUpstream(...args);
  extra.push(other);
  return other;
}

describe('pages that mislead', () => {
  const cursor: Pagination = { type: 'cursor', param: 'c', cursor: '$.next' };

  test('a cursor that comes back ends in an error instead of for ever', async () => {
    const u = await serve((request, response) =>
      response.end(JSON.stringify({ next: request.url.includes('c=a') ? 'b' : 'a' })),
    );
    const error = await failure(fetchAll(bench, httpSource(u.url, { pagination: cursor })));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: false });
    expect(u.seen.length).toBe(3);
  });

  test.each(['{"next": ', 'null x', '\xff\xfe'])(
    'a page that is not JSON (%j) is tried again, and then an error that says where its bytes are',
    async (body) => {
      const u = await serve((_, response) => response.end(Buffer.from(body, 'latin1')));
      const error = await failure(
        fetchAll(bench, httpSource(u.url, { pagination: cursor }, { retry: { attempts: 2, base_ms: 1 } })),
      );
      expect(error).toMatchObject({ code: 'upstream_error', retryable: true });
      expect(JSON.stringify((error as never as { details: unknown }).details)).toContain(bench.stored[0]);
      expect(u.seen.length).toBe(2);
    },
  );

  test('a number too large for JavaScript goes back as it came', async () => {
    const u = await serve((request, response) =>
      response.end(request.url.includes('c=') ? '{"next":null}' : '{"x":0.5,"next":12345678901234567890}'),
    );
    await fetchAll(bench, httpSource(u.url, { pagination: cursor }));
    expect(u.seen[1]!.url).toBe('/?c=12345678901234567890');
  });

  test.each([
    ['{"next":{"a":1}}', 'upstream_error'],
    ['{"next":""}', 1],
    ['{"next":false}', 1],
    ['{"next":0}', 2],
    ['[]', 1],
  ])('%s as the cursor', async (body, result) => {
    const u = await serve((request, response) => response.end(request.url.includes('c=0') ? '{}' : body));
    const pages = fetchAll(bench, httpSource(u.url, { pagination: cursor }));
    const outcome = await pages.then(
      (p) => p.length,
      (e: { code: string }) => e.code,
    );
    expect(outcome).toBe(result);
  });

  test('the page that must be read to find the next has a cap of its own', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const u = await serve(async (_, response) => {
      const closed = once(response, 'close');
      for (let i = 0; i < 65 && !response.destroyed; i++) {
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), closed]);
      }
      response.end('{}');
    });
    const error = await failure(fetchAll(bench, httpSource(u.url, { pagination: cursor })));
    expect([error.code, bench.stored]).toEqual(['upstream_too_large', []]);
  });

  test('the next page on another origin gets no credentials', async () => {
    const other = await serve((_, response) => response.end('{}'));
    const home = await serve((_, response) => response.end(JSON.stringify({ next: `${other.url}/p2` })));
    const source = httpSource(home.url, {
      pagination: { type: 'next_url', path: '$.next' },
      headers: { 'x-api-key': 'k3y' },
      auth: { type: 'api_key', in: 'query', name: 'key', value: 'qu3ry' },
    });
    expect((await fetchAll(bench, source)).length).toBe(2);
    expect(home.seen[0]!.url).toBe('/?key=qu3ry');
    expect(JSON.stringify(other.seen)).not.toMatch(/k3y|qu3ry/);
  });

  test('a JSONPath that does not compile is an error before any request', async () => {
    const task = taskOf(httpSource(upstream.url, { pagination: { type: 'next_url', path: '$[' } }));
    expect((await failure(Array.fromAsync(bench.hub.fetch(task)))).code).toBe('validation_failed');
    expect(upstream.seen).toEqual([]);
  });
});

describe('the Link header', () => {
  test.each([
    ['<https://a/?p=2>; rel="next"', 'https://a/?p=2'],
    ['<https://a/?p=1,2;x>; rel=next', 'https://a/?p=1,2;x'],
    ['</a>; rel="prev", </b>; rel="NEXT"', '/b'],
    ['</a>; title="<x>; rel=\\"next\\", y"; rel=prev, </b>; REL = next', '/b'],
    ['</a>; rel=prev; rel=next', undefined],
    ['</a>; crossorigin; rel="up next"', '/a'],
    ['</a>; rel="nextish"', undefined],
    ['</a>', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, target) => expect(linkTarget(header, 'next')).toBe(target));

  test('is found among any others', () => {
    const text = fc.stringMatching(/^[a-z,;= ]{0,12}$/);
    const link = fc.record({ target: fc.webUrl(), title: text, rel: fc.constantFrom('prev', 'last', 'self') });
    fc.assert(
      fc.property(fc.array(link), fc.array(link), fc.webUrl(), (before, after, target) => {
        const show = (l: { target: string; title: string; rel: string }) =>
          `<${l.target}>; title="${l.title}"; rel="${l.rel}"`;
        const header = [...before.map(show), `<${target}>; rel="next"`, ...after.map(show)].join(', ');
        expect(linkTarget(header, 'next')).toBe(target);
      }),
      { numRuns: 40 },
    );
  });

  test('no text makes it slow or throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void linkTarget(text, 'next')));
    expect(linkTarget(`<a>${'; x'.repeat(50_000)}"`, 'next')).toBeUndefined();
  });
});
