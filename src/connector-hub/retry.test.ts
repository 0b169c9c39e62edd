import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChartlyError } from '#kit';
import { backoffMs, nextTryMs, parseRetryAfter, safeToRepeat } from './retry.ts';
import { createBench, failure, fetchAll, httpSource, startUpstream, type Bench, type Upstream } from './testing.ts';

let bench: Bench;
let upstream: Upstream | undefined;
beforeEach(async () => {
  bench = await createBench();
});
afterEach(async () => {
  await upstream?.close();
  await bench.close();
});

const gap = (u: Upstream, i: number) => u.seen[i + 1]!.at - u.seen[i]!.at;

describe('at the upstream', () => {
  test('429 with Retry-After in seconds is obeyed, not undercut', async () => {
    upstream = await startUpstream((_, response, ordinal) => {
      if (ordinal === 0) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end('ok');
    });
    await fetchAll(bench, httpSource(upstream.url));
    expect(gap(upstream, 0)).toBeGreaterThanOrEqual(1000);
    expect(bench.metrics.map((m) => (m.labels as { outcome: string }).outcome)).toEqual(['http_429', 'ok']);
  });

  test('503 with Retry-After as a date is obeyed, not undercut', async () => {
    let until = 0;
    let answered = 0;
    upstream = await startUpstream((_, response, ordinal) => {
      if (ordinal > 0) {
        answered = Date.now();
        return void response.end('ok');
      }
      until = Math.ceil((Date.now() + 500) / 1000) * 1000;
      response.writeHead(503, { 'retry-after': new Date(until).toUTCString() }).end();
    });
    await fetchAll(bench, httpSource(upstream.url));
    expect(answered).toBeGreaterThanOrEqual(until);
  });

  test('a Retry-After longer than is waited for is handed on with its time', async () => {
    upstream = await startUpstream((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
    const error = await failure(fetchAll(bench, httpSource(upstream.url)));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true, retryAfterMs: 3_600_000 });
    expect(upstream.seen.length).toBe(1);
  });

  test('503 twice, then the payload', async () => {
    upstream = await startUpstream((_, response, ordinal) => response.writeHead(ordinal < 2 ? 503 : 200).end('ok'));
    const [page] = await fetchAll(bench, httpSource(upstream.url));
    expect([await bench.text(page!), upstream.seen.length, bench.stored.length]).toEqual(['ok', 3, 1]);
  });

  test.each([408, 425, 429, 500, 502, 503, 504, 599])('%i is tried as often as the policy says', async (status) => {
    upstream = await startUpstream((_, response) => response.writeHead(status).end('no'));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry: { attempts: 3, base_ms: 1 } })));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true });
    expect(error.message).toContain(`answered ${status}`);
    expect(upstream.seen.length).toBe(3);
  });

  test.each([400, 401, 403, 404, 410, 422, 451])('%i is final', async (status) => {
    upstream = await startUpstream((_, response) => response.writeHead(status).end('no'));
    const error = await failure(fetchAll(bench, httpSource(upstream.url)));
    expect(error).toMatchObject({ code: 'upstream_rejected', retryable: false });
    expect(upstream.seen.length).toBe(1);
  });

  test('a POST is repeated only when nothing can have been done with it', async () => {
    upstream = await startUpstream((request, response) => {
      if (request.url === '/lost') response.destroy();
      else response.writeHead(Number(request.url.slice(1))).end();
    });
    for (const [path, tries] of [
      ['/429', 2],
      ['/503', 2],
      ['/500', 1],
      ['/502', 1],
      ['/lost', 1],
    ] as const) {
      const before = upstream.seen.length;
      const source = httpSource(upstream.url + path, { method: 'POST' }, { retry: { attempts: 2, base_ms: 1 } });
      const error = await failure(fetchAll(bench, source));
      expect([path, upstream.seen.length - before, error.retryable]).toEqual([path, tries, tries === 2]);
    }
  });

  test('the deadline covers the tries and the waits between them', async () => {
    upstream = await startUpstream((_, response) => response.writeHead(503, { 'retry-after': '2' }).end());
    const error = await failure(fetchAll(bench, httpSource(upstream.url, {}, { limits: { deadline_ms: 500 } })));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true, retryAfterMs: 2000 });
    expect(upstream.seen.length).toBe(1);
  });

  test('waits use up the deadline', async () => {
    upstream = await startUpstream((_, response) => response.writeHead(500).end());
    const retry = { attempts: 12, base_ms: 100, max_ms: 100 };
    await failure(fetchAll(bench, httpSource(upstream.url, {}, { retry, limits: { deadline_ms: 250 } })));
    // Each wait is 50 ms at least.
    expect(upstream.seen.length).toBeLessThanOrEqual(6);
  });
});

describe('rules', () => {
  const now = Date.parse('2025-06-01T00:00:00Z');
  test.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7000],
    ['Sun, 01 Jun 2025 00:00:30 GMT', 30_000],
    ['Sunday, 01-Jun-25 00:00:30 GMT', 30_000],
    ['Sun Jun  1 00:00:30 2025 GMT', 30_000],
    ['Sat, 31 May 2025 00:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['Sun, never', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('Retry-After %j is %j ms', (value, ms) => expect(parseRetryAfter(value, now)).toBe(ms));

  test('any Retry-After gives nothing or a time from now on', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.date({ noInvalidDate: true }).map((d) => d.toUTCString()),
        ),
        (text) => {
          const ms = parseRetryAfter(text, now);
          return ms === undefined || ms >= 0;
        },
      ),
    );
  });

  test('backoff grows, stays within its cap, and never falls below half', () => {
    const policy = [
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 60_000 }),
    ] as const;
    fc.assert(
      fc.property(...policy, fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, base, max, random) => {
        const full = Math.min(max, base * 2 ** (attempt - 1));
        const ms = backoffMs(attempt, base, max, () => random);
        return ms >= full / 2 && ms <= full;
      }),
    );
  });

  test('an error of ours is not tried again in place', () => {
    const policy = { attempts: 5, baseMs: 1, maxMs: 10 };
    for (const code of ['breaker_open', 'disk_full', 'storage_unavailable', 'cancelled', 'internal'] as const) {
      expect(nextTryMs(new ChartlyError(code, '', { retryable: true, retryAfterMs: 1 }), 1, policy)).toBeUndefined();
    }
    expect(safeToRepeat('GET', {})).toBe(true);
    expect(safeToRepeat('POST', { networkCode: 'ECONNREFUSED' })).toBe(true);
    expect(safeToRepeat('POST', { networkCode: 'ECONNRESET' })).toBe(false);
  });
});
