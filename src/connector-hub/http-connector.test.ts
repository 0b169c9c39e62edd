import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#kit';
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

let bench: Bench;
let upstream: Upstream;
let open: Upstream[] = [];
beforeEach(async () => {
  bench = await createBench();
});
afterEach(async () => {
  await Promise.all(open.map((u) => u.close()));
  open = [];
  await bench.close();
});
async function serve(...args: Parameters<typeof startUpstream>): Promise<Upstream> {
  upstream = await startUpstream(...args);
  open.push(upstream);
  return upstream;
}

describe('a plain request', () => {
  test('stores the bytes and says where they are', async () => {
    await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end('a,b\n1,2\n'),
    );
    const [page, ...more] = await fetchAll(bench, httpSource(`${upstream.url}/x.csv`, { params: { q: 'a b', n: 2 } }));
    expect(more).toEqual([]);
    expect(page!.unchanged).toBe(false);
    expect(page!.raw).toMatchObject({
      tenant_id: 'default',
      source_id: 'src',
      run_id: runId,
      bucket: 'raw',
      sha256: sha256Hex('a,b\n1,2\n'),
      size: 8,
      content_type: 'text/csv; charset=utf-8',
      request_key: `GET ${upstream.url}/x.csv?q=a+b&n=2`,
      page: 0,
    });
    expect(await bench.text(page!)).toBe('a,b\n1,2\n');
    expect(upstream.seen[0]!.url).toBe('/x.csv?q=a+b&n=2');
    expect(bench.metrics).toEqual([
      { name: 'upstreamCall', labels: { domain: upstream.url.slice(7), outcome: 'ok' }, value: expect.any(Number) },
    ]);
  });

  test('takes the content type of the source, else of the upstream, else of the path', async () => {
    await serve((_, response) => response.end('{}'));
    const type = async (path: string, content_type?: string) =>
      (await fetchAll(bench, httpSource(upstream.url + path, {}, { content_type })))[0]!.raw.content_type;
    expect(await type('/a.json')).toBe('application/json');
    expect(await type('/a')).toBe('application/octet-stream');
    expect(await type('/a.json', 'text/csv')).toBe('text/csv');
  });

  test('an empty body is a payload of no bytes', async () => {
    await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 0 }).end());
    const [page] = await fetchAll(bench, httpSource(upstream.url));
    expect(page!.raw.size).toBe(0);
  });

  test('POST sends its body as JSON', async () => {
    await serve((_, response) => response.end('[]'));
    await fetchAll(bench, httpSource(upstream.url, { method: 'POST', body: { since: '2024' } }));
    expect(upstream.seen[0]).toMatchObject({ method: 'POST', body: '{"since":"2024"}' });
    expect(upstream.seen[0]!.headers['content-type']).toBe('application/json');
  });
});

describe('content codings', () => {
  const text = JSON.stringify(Array.from({ length: 5000 }, (_, i) => ({ i, name: `row ${i}` })));
  const codings: [string, (data: string) => Buffer][] = [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['gzip, br', (data) => brotliCompressSync(gzipSync(data))],
    ['identity', (data) => Buffer.from(data)],
  ];
  test.each(codings)('%s is undone before the bytes are stored', async (encoding, encode) => {
    await serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(encode(text)));
    const [page] = await fetchAll(bench, httpSource(upstream.url));
    expect(await bench.text(page!)).toBe(text);
    expect(page!.raw.size).toBe(text.length);
    expect(String(upstream.seen[0]!.headers['accept-encoding'])).toContain('zstd');
  });

  test.each(codings.slice(0, 5))('%s that ends early is an error and is not stored', async (encoding, encode) => {
    const whole = encode(text);
    await serve((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(whole.subarray(0, -20)));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry: { attempts: 2, base_ms: 1 } })));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true });
    expect([upstream.seen.length, bench.stored]).toEqual([2, []]);
  });

  test('an unknown coding is an error', async () => {
    await serve((_, response) => response.writeHead(200, { 'content-encoding': 'compress' }).end('abc'));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry: { attempts: 1 } })));
    expect(error.code).toBe('upstream_error');
    expect(bench.stored).toEqual([]);
  });
});

describe('caps and times', () => {
  test('a bomb is stopped by its decoded size', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(200_000);
    await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { limits: { max_bytes: 1_000_000 } })));
    expect(error).toMatchObject({ code: 'upstream_too_large', retryable: false });
    expect([upstream.seen.length, bench.stored]).toEqual([1, []]);
  });

  test('a bomb is stopped also when the upstream then falls silent', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).write(bomb.subarray(0, -100)));
    const limits = { max_bytes: 1000, timeout_ms: 20_000 };
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { limits })));
    expect([error.code, bench.stored]).toEqual(['upstream_too_large', []]);
  });

  test('connections serve page after page', async () => {
    await serve((_, response, ordinal) =>
      response.writeHead([200, 404, 302, 304, 503, 200][ordinal]!, { location: '/x', etag: '"1"' }).end(),
    );
    const source = httpSource(upstream.url);
    const [page] = await fetchAll(bench, source);
    await failure(fetchAll(bench, source));
    await fetchAll(bench, source, { state: page!.state });
    await fetchAll(bench, source);
    expect(upstream.seen.length).toBe(6);
    // The pool may open a second one for a request that comes in the same turn as the end of the one before.
    expect(upstream.connections()).toBeLessThanOrEqual(2);
  });

  test('a body at the cap passes, one byte more does not, announced or chunked', async () => {
    await serve((request, response) => {
      const size = Number(request.url.slice(1).split('/')[0]);
      if (request.url.endsWith('chunked')) {
        response.write(Buffer.alloc(size - 1, 'a'));
        response.end('a');
      } else response.end(Buffer.alloc(size, 'a'));
    });
    const capped = (path: string) =>
      fetchAll(bench, httpSource(upstream.url + path, {}, { limits: { max_bytes: 1000 } }));
    expect((await capped('/1000'))[0]!.raw.size).toBe(1000);
    expect((await capped('/1000/chunked'))[0]!.raw.size).toBe(1000);
    expect((await failure(capped('/1001'))).code).toBe('upstream_too_large');
    expect((await failure(capped('/1001/chunked'))).code).toBe('upstream_too_large');
  });

  test('a slow drip meets the deadline, though it is never idle', async () => {
    await serve((_, response) => {
      const drip = setInterval(() => response.write('x'), 20);
      response.once('close', () => clearInterval(drip));
    });
    const limits = { timeout_ms: 10_000, deadline_ms: 200 };
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { limits })));
    expect(error).toMatchObject({ code: 'upstream_timeout', retryable: true });
    expect(error.message).toContain('200 ms');
    expect([upstream.seen.length, bench.stored]).toEqual([1, []]);
  });

  test.each(['before the head', 'in the body'])('silence %s is a timeout, and is tried again', async (phase) => {
    await serve((_, response, ordinal) => {
      if (ordinal > 0) return void response.end('fine');
      if (phase === 'in the body') response.writeHead(200, { 'content-length': 100 }).write('half');
    });
    const [page] = await fetchAll(bench, httpSource(upstream.url, {}, { limits: { timeout_ms: 100 } }));
    expect(await bench.text(page!)).toBe('fine');
    expect(bench.stored).toEqual([sha256Hex('fine')]);
    expect(bench.metrics.map((m) => (m.labels as { outcome: string }).outcome)).toEqual(['upstream_timeout', 'ok']);
  });

  test.each(['content-length', 'chunked'])('a body cut short (%s) is an error and is never stored', async (framing) => {
    await serve((_, response) => {
      if (framing === 'content-length') response.setHeader('content-length', 1000);
      response.write('{"rows": [1, 2');
      setTimeout(() => response.destroy(), 20);
    });
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry: { attempts: 3, base_ms: 1 } })));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true });
    expect([upstream.seen.length, bench.stored]).toEqual([3, []]);
  });

  test.each(['queued', 'waiting for the head', 'reading', 'backing off'])('stops at once while %s', async (phase) => {
    await serve((_, response) => {
      if (phase === 'reading') response.write('start');
      if (phase === 'backing off') response.writeHead(503, { 'retry-after': '50' }).end();
    });
    const limits = { concurrency: 1, rate_per_second: phase === 'queued' ? 0.001 : 1000 };
    const source = httpSource(upstream.url, {}, { limits });
    const stop = new AbortController();
    const first = failure(fetchAll(bench, source, { signal: stop.signal }));
    const second = phase === 'queued' ? failure(fetchAll(bench, source, { signal: stop.signal })) : first;
    while (upstream.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    expect(await first).toMatchObject({ code: 'cancelled' });
    expect(await second).toMatchObject({ code: 'cancelled' });
    expect((await bench.hub.health())[0]!.inFlight).toBe(0);
    expect(bench.stored).toEqual([]);
  });
});

describe('conditional requests', () => {
  const script = (_: unknown, response: ServerResponse) => {
    const { req: request } = response;
    const known = request.headers['if-none-match'] === '"v1"' || request.headers['if-modified-since'] !== undefined;
    response.writeHead(known ? 304 : 200, { etag: '"v1"', 'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT' });
    response.end(known ? undefined : 'data');
  };

  test('an unchanged upstream gives the earlier payload', async () => {
    await serve(script);
    const source = httpSource(upstream.url);
    const [first] = await fetchAll(bench, source);
    const [second] = await fetchAll(bench, source, { state: first!.state, runId: runId.replace(/1$/, '2') });
    expect(upstream.seen[0]!.headers['if-none-match']).toBeUndefined();
    expect(upstream.seen[1]!.headers['if-none-match']).toBe('"v1"');
    expect(second).toEqual({ raw: first!.raw, unchanged: true, state: first!.state });
    expect(bench.metrics.at(-1)!.labels).toMatchObject({ outcome: 'not_modified' });
  });

  test('asks for everything when told to, and when the earlier bytes are gone', async () => {
    await serve(script);
    const [first] = await fetchAll(bench, httpSource(upstream.url));
    const [again] = await fetchAll(bench, httpSource(upstream.url, { conditional: false }), { state: first!.state });
    expect(again!.unchanged).toBe(false);
    await rm(join(bench.dir, 'blobs', 'raw'), { recursive: true });
    const [restored] = await fetchAll(bench, httpSource(upstream.url), { state: first!.state });
    expect(restored!.unchanged).toBe(false);
    expect(await bench.text(restored!)).toBe('data');
  });

  test('a 304 that nobody asked for is an error', async () => {
    await serve((_, response) => response.writeHead(304).end());
    expect((await failure(fetchAll(bench, httpSource(upstream.url)))).code).toBe('upstream_error');
  });
});

describe('redirects', () => {
  test('are followed, and to other origins without any of our headers', async () => {
    const other = await serve((_, response) => response.end('there'));
    const home = await serve((request, response) => {
      response.writeHead(302, { location: request.url === '/a' ? '/b' : `${other.url}/c` }).end('moved');
    });
    const source = httpSource(`${home.url}/a`, {
      auth: { type: 'bearer', token: 't0ken' },
      headers: { 'x-api-key': 'k3y', cookie: 'c=1' },
    });
    const [page] = await fetchAll(bench, source);
    expect(await bench.text(page!)).toBe('there');
    expect(page!.raw.request_key).toBe(`GET ${home.url}/a`);
    expect(home.seen.map((r) => [r.url, r.headers.authorization, r.headers['x-api-key']])).toEqual([
      ['/a', 'Bearer t0ken', 'k3y'],
      ['/b', 'Bearer t0ken', 'k3y'],
    ]);
    expect(JSON.stringify(other.seen)).not.toMatch(/t0ken|k3y|c=1/);
  });

  test('never carry credentials home again after they have left', async () => {
    let otherUrl = '';
    const home = await serve((request, response) => {
      if (request.url === '/back') response.end('ok');
      else response.writeHead(307, { location: `${otherUrl}/x` }).end();
    });
    otherUrl = (await serve((_, response) => response.writeHead(307, { location: `${home.url}/back` }).end())).url;
    const auth = { type: 'api_key', in: 'query', name: 'key', value: 'k3y' } as const;
    await fetchAll(bench, httpSource(home.url, { auth }));
    expect(home.seen.map((r) => r.url)).toEqual(['/?key=k3y', '/back']);
  });

  test('end after five', async () => {
    await serve((_, response) => response.writeHead(301, { location: '/again' }).end());
    const error = await failure(fetchAll(bench, httpSource(upstream.url)));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: false });
    expect(upstream.seen.length).toBe(6);
  });

  test('a POST becomes a GET by 303, keeps its body by 307 at home, and takes it nowhere else', async () => {
    const other = await serve((_, response) => response.end('other'));
    const home = await serve((request, response) => {
      if (request.url === '/done') return void response.end('ok');
      const [status, to] = request.url.slice(1).split('-');
      response.writeHead(Number(status), { location: to === 'other' ? other.url : '/done' }).end();
    });
    const post = (path: string) => fetchAll(bench, httpSource(home.url + path, { method: 'POST', body: { q: 1 } }));
    await post('/303-home');
    await post('/307-home');
    expect(home.seen.map((r) => [r.method, r.url, r.body])).toEqual([
      ['POST', '/303-home', '{"q":1}'],
      ['GET', '/done', ''],
      ['POST', '/307-home', '{"q":1}'],
      ['POST', '/done', '{"q":1}'],
    ]);
    expect((await failure(post('/307-other'))).code).toBe('upstream_rejected');
    expect(other.seen).toEqual([]);
  });

  test.each(['file:///etc/passwd', 'http://169.254.169.254/latest', 'ftp://x/', 'http://[::ffff:169.254.169.254]/'])(
    'to %s are refused',
    async (location) => {
      await serve((_, response) => response.writeHead(302, { location }).end());
      const error = await failure(fetchAll(bench, httpSource(upstream.url)));
      expect(['egress_denied', 'upstream_error']).toContain(error.code);
      expect(bench.stored).toEqual([]);
    },
  );
});

describe('what may be called', () => {
  test('loopback is refused unless the source allows private addresses, by literal and by name', async () => {
    await serve((_, response) => response.end('x'));
    const port = upstream.url.split(':').at(-1);
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0']) {
      const error = await failure(fetchAll(bench, httpSource(`http://${host}:${port}/`, { allow_private: false })));
      expect([host, error.code, error.retryable]).toEqual([host, 'egress_denied', false]);
    }
    expect(upstream.seen).toEqual([]);
    await fetchAll(bench, httpSource(`http://localhost:${port}/`));
    // A connection that is open already is not lent to a source that may not go there.
    const error = await failure(fetchAll(bench, httpSource(`http://localhost:${port}/`, { allow_private: false })));
    expect([error.code, upstream.seen.length]).toEqual(['egress_denied', 1]);
  });

  test('proxy variables are not obeyed', async () => {
    const proxy = await serve((_, response) => response.end('proxied'));
    const target = await serve((_, response) => response.end('direct'));
    process.env['HTTP_PROXY'] = process.env['http_proxy'] = proxy.url;
    try {
      const [page] = await fetchAll(bench, httpSource(target.url));
      expect(await bench.text(page!)).toBe('direct');
    } finally {
      delete process.env['HTTP_PROXY'];
      delete process.env['http_proxy'];
    }
  });

  test('an upstream that is not there is unreachable', async () => {
    await serve(() => {});
    await upstream.close();
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry: { attempts: 2, base_ms: 1 } })));
    expect(error).toMatchObject({ code: 'upstream_unreachable', retryable: true });
    expect(error.message).toContain('2 tries');
  });
});

test('a large body is streamed: pages wait for the consumer, and nothing goes out before it asks', async () => {
  await serve((request, response) => {
    const page = Number(new URL(request.url, 'http://h').searchParams.get('p'));
    response.end(JSON.stringify({ rows: page < 3 ? [1] : [] }));
  });
  const source = httpSource(upstream.url, { pagination: { type: 'page', param: 'p', records: '$.rows' } });
  const pages = bench.hub.fetch(taskOf(source))[Symbol.asyncIterator]();
  await pages.next();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(upstream.seen.length).toBe(1);
  await pages.next();
  expect(upstream.seen.length).toBe(2);
  await pages.return!(undefined);
});
