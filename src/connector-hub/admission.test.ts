import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAdmission } from './admission.ts';
import { createBreaker } from './breaker.ts';
import { createGcra } from './gcra.ts';
import { limitsOf } from './limits.ts';
import { createBench, failure, fetchAll, httpSource, startUpstream, type Bench, type Upstream } from './testing.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('at the upstream', () => {
  let bench: Bench | undefined;
  let upstream: Upstream;
  afterEach(async () => {
    await upstream.close();
    await bench?.close();
  });

  test('no more requests are out than allowed, over all sources of the domain, bodies included', async () => {
    bench = await createBench();
    upstream = await startUpstream(async (_, response) => {
      response.write('head');
      await sleep(15);
      response.end('tail');
    });
    const limits = { concurrency: 3, rate_per_second: 10_000 };
    const fetches = Array.from({ length: 24 }, (_, i) =>
      fetchAll(bench!, httpSource(upstream.url, {}, { source: `s${i}`, limits })),
    );
    await Promise.all(fetches);
    expect([upstream.seen.length, upstream.peak()]).toEqual([24, 3]);
    expect(await bench.hub.health()).toEqual([
      { domain: upstream.url.slice(7), breaker: 'closed', inFlight: 0, failures: 0 },
    ]);
  });

  test('the rate of a source holds, and does not slow another source down', async () => {
    bench = await createBench();
    upstream = await startUpstream((_, response) => void response.end('x'));
    const slow = httpSource(`${upstream.url}/slow`, {}, { source: 'slow', limits: { rate_per_second: 1 } });
    const quick = httpSource(`${upstream.url}/quick`, {}, { source: 'quick' });
    const slowOnes = Promise.all(Array.from({ length: 4 }, () => fetchAll(bench!, slow)));
    await Promise.all(Array.from({ length: 10 }, () => fetchAll(bench!, quick)));
    expect(upstream.seen.filter((r) => r.url === '/slow').length).toBeLessThan(4);
    await slowOnes;
    const times = upstream.seen.filter((r) => r.url === '/slow').map((r) => r.at);
    // Four requests at one a second take three intervals; on a busy machine the first arrival may itself be late.
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(2500);
  });

  test('the rate of the domain holds over all its sources', async () => {
    bench = await createBench({ domainRate: 5, domainBurst: 2 });
    upstream = await startUpstream((_, response) => void response.end('x'));
    const sources = Array.from({ length: 7 }, (_, i) => httpSource(upstream.url, {}, { source: `s${i}` }));
    await Promise.all(sources.map((source) => fetchAll(bench!, source)));
    const times = upstream.seen.map((r) => r.at);
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(700);
  });

  test('the breaker opens, keeps calls away, probes once, and closes', async () => {
    let skipped = 0;
    let healthy = false;
    bench = await createBench({ monotonicMs: () => performance.now() + skipped });
    upstream = await startUpstream(async (_, response) => {
      if (healthy) await sleep(30);
      response.writeHead(healthy ? 200 : 500).end('x');
    });
    const breaker = { failures: 3, open_ms: 60_000 };
    const fetchOnce = (attempts = 1) =>
      fetchAll(bench!, httpSource(upstream.url, {}, { breaker, retry: { attempts, base_ms: 1 } }));
    const domain = upstream.url.slice(7);

    const refused = await failure(fetchOnce(5));
    expect(refused).toMatchObject({ code: 'breaker_open', retryable: true });
    expect(refused.message).toContain('answered 500');
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(refused.retryAfterMs).toBeGreaterThan(30_000);
    expect(upstream.seen.length).toBe(3);
    skipped += 30_000;
    expect((await failure(fetchOnce())).code).toBe('breaker_open');
    expect(upstream.seen.length).toBe(3);

    skipped += 30_000;
    expect((await failure(fetchOnce())).code).toBe('upstream_error');
    expect([upstream.seen.length, (await bench.hub.health())[0]!.breaker]).toEqual([4, 'open']);

    healthy = true;
    skipped += 60_000;
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => fetchOnce()));
    expect(tries.filter((t) => t.status === 'fulfilled').length).toBe(1);
    expect(upstream.seen.length).toBe(5);
    expect(await bench.hub.health()).toEqual([{ domain, breaker: 'closed', inFlight: 0, failures: 0 }]);
    await fetchOnce();
    const states = bench.metrics.filter((m) => m.name === 'breakerState').map((m) => m.value);
    expect(states).toEqual([2, 1, 2, 1, 0]);
  });

  test('refusals and caps of ours do not open it', async () => {
    bench = await createBench();
    upstream = await startUpstream((request, response) =>
      response.writeHead(Number(request.url.slice(1))).end('too long'),
    );
    const breaker = { failures: 1, open_ms: 60_000 };
    for (const status of [404, 429, 200, 401]) {
      const source = httpSource(
        `${upstream.url}/${status}`,
        {},
        { breaker, retry: { attempts: 1 }, limits: { max_bytes: 3 } },
      );
      await failure(fetchAll(bench, source));
    }
    expect([upstream.seen.length, (await bench.hub.health())[0]!.breaker]).toEqual([4, 'closed']);
  });
});

describe('the queue', () => {
  const base = limitsOf({ source: 's', connector: 'http', profile: 'p' });
  let admission: ReturnType<typeof createAdmission>;
  beforeEach(() => {
    admission = createAdmission({ domainRate: 1e6, domainBurst: 1e6, onBreaker() {} });
  });
  const request = (sourceKey: string, signal = new AbortController().signal) => ({
    domain: 'd:1',
    sourceKey,
    limits: { ...base, concurrency: 1, ratePerSecond: 1e6 },
    signal,
  });

  test('is first come, first served, also when one of those who wait gives up', async () => {
    const order: number[] = [];
    const held = await admission.enter(request('a'));
    const stop = new AbortController();
    const waiting = [0, 1, 2, 3].map(async (i) => {
      const lease = await admission.enter(request(`s${i}`, i === 1 ? stop.signal : undefined));
      order.push(i);
      lease.release('success');
    });
    stop.abort();
    held.release('success');
    const results = await Promise.allSettled(waiting);
    expect([order, results[1]!.status]).toEqual([[0, 2, 3], 'rejected']);
  });

  test('a lease given back twice counts once', async () => {
    const lease = await admission.enter(request('a'));
    lease.release('success');
    lease.release('success');
    expect(admission.domains()[0]!.inFlight).toBe(0);
  });
});

describe('the cell rate', () => {
  test('over any stretch of time no more than burst + rate·t pass', () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5 }), (gaps, rate, burst) => {
        const gcra = createGcra();
        const passed: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (gcra.delay(now, rate, burst) > 0) continue;
          gcra.take(now, rate);
          passed.push(now);
        }
        for (let i = 0; i < passed.length; i++) {
          for (let j = i; j < passed.length; j++) {
            if (j - i + 1 > burst + ((passed[j]! - passed[i]!) * rate) / 1000 + 1e-6) return false;
          }
        }
        return true;
      }),
    );
  });

  test('a rate that is raised counts at once', () => {
    const gcra = createGcra();
    gcra.take(0, 0.001);
    expect(gcra.delay(0, 0.001)).toBe(1_000_000);
    expect(gcra.delay(0, 10)).toBe(100);
  });
});

describe('the breaker', () => {
  const policy = { failures: 3, openMs: 100 };

  test('is closed by a success only when it was the probe, and a straggler changes nothing', () => {
    const breaker = createBreaker(() => {});
    for (let i = 0; i < 3; i++) breaker.report(0, 'failure', policy, false);
    breaker.report(1, 'success', policy, false);
    expect([breaker.state(), breaker.refusal(1, policy)]).toEqual(['open', 99]);
    breaker.report(90, 'failure', policy, false);
    expect([breaker.refusal(100, policy), breaker.state()]).toEqual([0, 'half_open']);
    expect(breaker.enter()).toBe(true);
    expect(breaker.refusal(100, policy)).toBeGreaterThan(0);
    breaker.report(101, 'neutral', policy, true);
    expect([breaker.refusal(101, policy), breaker.enter()]).toEqual([0, true]);
    breaker.report(102, 'success', policy, true);
    expect([breaker.state(), breaker.failures()]).toEqual(['closed', 0]);
  });

  test('never lets more than one probe out, whatever happens', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 80 }),
      outcome: fc.constantFrom('success' as const, 'failure' as const, 'neutral' as const),
      finish: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const breaker = createBreaker(() => {});
        const out: boolean[] = [];
        let now = 0;
        for (const { wait, outcome, finish } of steps) {
          now += wait;
          if (finish && out.length > 0) breaker.report(now, outcome, policy, out.shift()!);
          else if (breaker.refusal(now, policy) === 0) out.push(breaker.enter());
          if (out.filter(Boolean).length > 1) return false;
        }
        return true;
      }),
    );
  });
});
