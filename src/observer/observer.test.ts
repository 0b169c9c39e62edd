import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validator } from '#contracts';
import { ChartlyError } from '#kit';
import { createObserver, type ObserverOptions } from './index.ts';

function capture(level: ObserverOptions['level'] = 'debug') {
  const lines: string[] = [];
  const observer = createObserver({ env: 'test', level, destination: { write: (line) => void lines.push(line) } });
  return { lines, observer, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

const logContract = validator('telemetry/log');

describe('logs', () => {
  it('obey the contract, with null for what is unknown', () => {
    const { observer, last } = capture();
    observer.logger.child('gateway').info('request', { request_id: 'r1', status: 200 });
    expect(logContract(last())).toBe(true);
    expect(last()).toMatchObject({
      level: 'info',
      service: 'gateway',
      env: 'test',
      tenant_id: null,
      request_id: 'r1',
      job_id: null,
      source_id: null,
      msg: 'request',
      status: 200,
    });
  });

  it('obey the contract whatever fields come', () => {
    const { observer, last, lines } = capture();
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(fc.constantFrom('ts', 'level', 'service', 'env', 'msg', 'x'), fc.string()),
          fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }),
        ),
        (fields) => {
          for (const name of ['tenant_id', 'request_id', 'job_id', 'source_id']) delete fields[name];
          const before = lines.length;
          observer.logger.warn('something', fields);
          expect(lines.length).toBe(before + 1);
          expect(logContract(last())).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('drop fields named like secrets and mask texts shaped like credentials, at any depth', () => {
    const { observer, lines, last } = capture();
    const hidden = `chk_${'a'.repeat(49)}`;
    observer.logger.error(`failed for ${hidden}`, {
      key_id: 'k1',
      password: 'hunter2',
      nested: { apiKey: 'hunter2', headers: [{ Authorization: 'Bearer hunter2', ok: 1 }] },
      note: `sent Bearer hunter2 and ${hidden}`,
      error: new ChartlyError('internal', 'no', { cause: new Error(`inner ${hidden}`) }),
    });
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).not.toContain(hidden);
    expect(last()).toMatchObject({ key_id: 'k1', nested: { headers: [{ ok: 1 }] } });
    expect(JSON.stringify(last().error)).toContain('"code":"internal"');
  });

  it('keep what is below the level out', () => {
    const { observer, lines } = capture('warn');
    observer.logger.info('quiet');
    observer.logger.warn('loud');
    expect(lines).toHaveLength(1);
    expect(capture('silent').lines).toHaveLength(0);
  });
});

describe('metrics', () => {
  it('are exposed with their units, each observer with its own', async () => {
    const { observer } = capture();
    const { metrics } = observer;
    metrics.ingested({ tenant_id: 'default', source_id: 'co2', outcome: 'records' }, 7);
    metrics.ingested({ tenant_id: 'default', source_id: 'co2', outcome: 'records' }, 5);
    metrics.jobEnded({ kind: 'fetch', outcome: 'succeeded' }, 0.2);
    metrics.upstreamCall({ domain: 'example.org', outcome: '200' }, 0.02);
    metrics.request({ method: 'GET', route: '/v1/runs', status: 200 }, 0.004);
    metrics.queueDepth({ queue: 'fetch' }, 3);
    metrics.breakerState({ domain: 'example.org' }, 2);
    metrics.error({ service: 'gateway', code: 'internal' });
    const { body, contentType } = await observer.exposition();
    expect(contentType).toContain('text/plain');
    for (const line of [
      'chartly_ingest_candidates_total{tenant_id="default",source_id="co2",outcome="records"} 12',
      'chartly_job_duration_seconds_count{kind="fetch",outcome="succeeded"} 1',
      'chartly_upstream_call_duration_seconds_bucket{le="0.025",domain="example.org",outcome="200"} 1',
      'chartly_http_request_duration_seconds_sum{method="GET",route="/v1/runs",status="200"} 0.004',
      'chartly_queue_depth_jobs{queue="fetch"} 3',
      'chartly_breaker_state{domain="example.org"} 2',
      'chartly_errors_total{service="gateway",code="internal"} 1',
      'process_cpu_seconds_total',
    ]) {
      expect(body).toContain(line);
    }
    const other = await capture().observer.exposition();
    expect(other.body).not.toContain('source_id="co2"');
  });
});
