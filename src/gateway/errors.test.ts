import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validator, type Problem } from '#contracts';
import { ChartlyError, errorCodes } from '#kit';
import { openHouse, type House } from './testing.ts';

let house: House;
let url: string;
let failing = false;
beforeAll(async () => {
  house = await openHouse(({ canonical }) => ({
    canonical: {
      ...canonical,
      health: async () => {
        if (failing) throw new ChartlyError('storage_unavailable', 'no');
      },
    },
  }));
  url = await house.gateway.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => house.close());

const isProblem = validator('errors/problem');

async function ask(path: string, init: RequestInit & { key?: string } = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.key !== '') headers.set('authorization', `Bearer ${init.key ?? house.keys.admin}`);
  return fetch(url + path, { ...init, headers });
}

/** Checks everything that every problem has, and gives the document. */
async function problem(response: Response, status: number, code: string): Promise<Problem> {
  const body: unknown = await response.json();
  expect([response.status, (body as Problem).code]).toEqual([status, code]);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(isProblem(body), JSON.stringify(isProblem.violations())).toBe(true);
  const found = body as Problem;
  expect(found.status).toBe(status);
  expect(found.request_id).toBe(response.headers.get('x-request-id'));
  return found;
}

const json = { 'content-type': 'application/json' };
const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json): RequestInit => ({
  method: 'POST',
  body,
  headers,
});

describe('problem documents', () => {
  it.each([
    ['GET', '/nothing', 404, 'not_found'],
    ['GET', '/v1/nothing', 404, 'not_found'],
    ['DELETE', '/v1/runs', 405, 'method_not_allowed'],
    ['GET', '/v1/apply', 405, 'method_not_allowed'],
    ['PUT', '/v1/sources/earthquakes', 405, 'method_not_allowed'],
    ['GET', '/v1/sources/unknown', 404, 'not_found'],
    ['GET', '/v1/runs/0', 400, 'bad_request'],
    ['GET', '/v1/runs?limit=0', 400, 'bad_request'],
    ['GET', '/v1/runs?sort=up', 400, 'bad_request'],
    ['GET', '/v1/runs?state=queued&state=failed', 400, 'bad_request'],
    ['GET', '/v1/%ff', 400, 'bad_request'],
    ['GET', `/v1/sources/${'a'.repeat(200)}`, 400, 'bad_request'],
  ])('%s %s gives %d %s', async (method, path, status, code) => {
    expect(await problem(await ask(path, { method }), status, code)).toHaveProperty('action');
  });

  it('name every wrong parameter', async () => {
    const { errors } = await problem(await ask('/v1/runs?limit=x&state=odd&colour=red'), 400, 'bad_request');
    expect(errors?.map(({ pointer }) => pointer)).toEqual(['/query/limit', '/query/state', '/query/colour']);
    expect(errors?.[1]?.message).toContain('queued, running');
  });

  it('of a wrong method name the right ones', async () => {
    const response = await ask('/v1/runs', { method: 'DELETE', headers: json, body: '{' });
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    expect(await problem(response, 405, 'method_not_allowed')).toHaveProperty('action');
  });

  it.each([
    ['no key', undefined],
    ['a mistyped key', 'Bearer chk_nonsense'],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['an empty one', 'Bearer '],
  ])('%s is 401', async (_name, authorization) => {
    const response = await ask('/v1/runs', { key: '', headers: authorization === undefined ? {} : { authorization } });
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect(await problem(response, 401, 'unauthorized')).toHaveProperty('action');
  });

  it.each([
    ['malformed JSON', '{"documents": [\n1,]}'],
    ['truncated JSON', '{"documents": ['],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['a prototype', '{"documents":[{"kind":"source","spec":{"__proto__":{"a":1}}}]}'],
    ['a deep body', '['.repeat(5000) + ']'.repeat(5000)],
  ])('%s is a bad request', async (_name, body) => {
    expect(await problem(await ask('/v1/apply', post(body)), 400, 'bad_request')).toHaveProperty('action');
  });

  it('of malformed JSON say where, and do not repeat it', async () => {
    const { errors, detail } = await problem(await ask('/v1/apply', post('{\n  "hunter2": x}')), 400, 'bad_request');
    expect(errors).toEqual([{ message: 'cannot be read from here', line: 2, column: 14 }]);
    expect(detail).not.toContain('hunter2');
  });

  it.each([
    ['text', post('{}', { 'content-type': 'text/plain' })],
    ['a form', post('a=b', { 'content-type': 'application/x-www-form-urlencoded' })],
    ['a compressed body', post('{}', { ...json, 'content-encoding': 'gzip' })],
  ])('%s is an unsupported media type', async (_name, init) => {
    expect(await problem(await ask('/v1/apply', init), 415, 'unsupported_media_type')).toHaveProperty('action');
  });

  it('a body beyond 10 MiB is refused', async () => {
    expect(
      await problem(await ask('/v1/apply', post(`"${'x'.repeat(10 * 1024 * 1024)}"`)), 413, 'payload_too_large'),
    ).toHaveProperty('action');
  });

  it.each([
    ['/v1/references', '{"gzip_base64":"bm8gZ3ppcA=="}', '/gzip_base64'],
    ['/v1/apply', '', ''],
    ['/v1/apply', '{"documents":[],"extra":1}', '/extra'],
    ['/v1/apply', '{"documents":[{"kind":"chart","spec":{}}]}', '/documents/0/kind'],
    ['/v1/keys', '{"name":"x","role":"root"}', '/role'],
    ['/v1/keys', '{"name":" ","role":"viewer"}', '/name'],
    ['/v1/query', '{"kind":"metric","name":"x","aggregates":[{"fn":"median","as":"m"}]}', '/aggregates/0/fn'],
    ['/v1/sources/earthquakes/ingest', '{"now":true}', ''],
  ])('%s with %s breaks its contract at "%s"', async (path, body, pointer) => {
    const { errors } = await problem(await ask(path, post(body)), 422, 'validation_failed');
    expect(errors?.[0]?.pointer).toBe(pointer);
    expect(house.calls).toEqual([]);
  });

  it.each([...errorCodes].map(([code, { status }]) => [code, status] as const))(
    'a service that throws %s is answered with %d',
    async (code, status) => {
      house.failNext(new ChartlyError(code, 'What happened.', { retryAfterMs: 1500, action: 'Do this.' }));
      const response = await ask('/v1/sources/earthquakes/ingest', { method: 'POST' });
      expect(response.headers.get('retry-after')).toBe('2');
      expect(await problem(response, status, code)).toMatchObject({ detail: 'What happened.', action: 'Do this.' });
    },
  );

  it('an unknown error becomes internal: the client learns nothing, the log has it under the request id', async () => {
    house.failNext(new Error('password hunter2 in line 7'));
    const response = await ask('/v1/sources/earthquakes/ingest', {
      method: 'POST',
      headers: { 'x-request-id': 'find-me-1' },
    });
    const found = await problem(response, 500, 'internal');
    expect(JSON.stringify(found)).not.toContain('line 7');
    expect(found.request_id).toBe('find-me-1');
    const line = house.logs
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find(({ level, request_id: id }) => level === 'error' && id === 'find-me-1');
    expect(line).toMatchObject({ request_id: 'find-me-1', service: 'gateway', route: '/v1/sources/:source_id/ingest' });
    expect(JSON.stringify(line!.error)).toContain('line 7');
    const { body } = await house.deps.observer.exposition();
    expect(body).toContain('chartly_errors_total{service="gateway",code="internal"}');
  });

  it('a request that is not HTTP gets one too', async () => {
    const { hostname, port } = new URL(url);
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write('NONSENSE\r\n\r\n'));
      socket.on('data', (chunk) => {
        received += chunk.toString();
      });
      socket.on('end', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(isProblem(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))))).toBe(true);
  });
});

describe('request ids and traces', () => {
  it('a well-formed id comes back, any other is replaced', async () => {
    for (const [given, kept] of [
      ['abc-1.2_3', true],
      ['a b', false],
      ['x'.repeat(65), false],
      ['', false],
      ['"{}', false],
    ] as const) {
      const id = (await ask('/healthz', { headers: { 'x-request-id': given } })).headers.get('x-request-id')!;
      expect([given, id === given]).toEqual([given, kept]);
      expect(id).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    }
  });

  it('the trace id of a valid traceparent stands in the log', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    for (const [id, header] of [
      ['traced', `00-${trace}-00f067aa0ba902b7-01`],
      ['untraced', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ] as const) {
      await (await ask('/v1/runs', { headers: { 'x-request-id': id, traceparent: header } })).arrayBuffer();
      // The line is written when the answer has gone out, a moment after the client has it.
      const line = await eventually(() => house.logs.find((text) => text.includes(`"request_id":"${id}"`)));
      expect((JSON.parse(line) as { trace_id?: string }).trace_id).toBe(id === 'traced' ? trace : undefined);
    }
  });
});

async function eventually<T>(read: () => T | undefined): Promise<T> {
  for (;;) {
    const value = read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('probes', () => {
  it('alive, ready and metrics need no key', async () => {
    expect(await (await ask('/healthz', { key: '' })).json()).toEqual({ status: 'ok' });
    expect(await (await ask('/readyz', { key: '' })).json()).toEqual({ status: 'ready' });
    const metrics = await ask('/metrics', { key: '' });
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    const text = await metrics.text();
    expect(text).toContain('chartly_queue_depth_jobs{queue="fetch"} 4');
    expect(text).toContain('chartly_breaker_state{domain="example.org"} 1');
    expect(text).toContain('chartly_http_request_duration_seconds_count{method="GET",route="/healthz",status="200"}');
  });

  it('a store that does not answer makes it not ready, still alive, and degraded', async () => {
    failing = true;
    try {
      const { detail } = await problem(await ask('/readyz', { key: '' }), 503, 'storage_unavailable');
      expect(detail).toContain('canonical');
      expect((await ask('/healthz', { key: '' })).status).toBe(200);
      expect(await (await ask('/v1/health')).json()).toMatchObject({
        status: 'degraded',
        stores: [
          { store: 'relational', ok: true },
          { store: 'canonical', ok: false },
          { store: 'blobs', ok: true },
        ],
      });
    } finally {
      failing = false;
    }
  });
});

describe('other methods', () => {
  it('OPTIONS says what is possible', async () => {
    const response = await ask('/v1/keys', { method: 'OPTIONS', key: '' });
    expect(response.status).toBe(204);
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('HEAD is GET without the body, and needs the same key', async () => {
    const response = await ask('/v1/runs', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10);
    expect((await ask('/v1/runs', { method: 'HEAD', key: '' })).status).toBe(401);
  });
});

it('the docs load nothing from elsewhere', async () => {
  const page = await ask('/docs', { key: '' });
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  const text = await page.text();
  const loads = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  expect(loads.length).toBeGreaterThan(3);
  for (const load of loads) {
    expect(load).toMatch(/^\/docs\/static\//);
    expect((await ask(load, { key: '' })).status).toBe(200);
  }
});

it('no credential is in any log line', async () => {
  await ask(`/v1/runs?after=${house.keys.admin}`);
  await ask(
    `/session?ticket=${house.gateway.createTicket({ tenantId: 'default', keyId: 'k', name: 'n', role: 'viewer' })}`,
  );
  const all = house.logs.join('');
  expect(house.logs.length).toBeGreaterThan(50);
  for (const secret of Object.values(house.keys)) expect(all).not.toContain(secret);
  expect(all).not.toMatch(/chk_[A-Za-z0-9]/);
  expect(all).not.toContain('ticket=');
  expect(all).not.toContain('hunter2 in a header');
  const isLine = validator('telemetry/log');
  for (const line of house.logs) expect(isLine(JSON.parse(line))).toBe(true);
});
