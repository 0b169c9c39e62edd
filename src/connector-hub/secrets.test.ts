import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBench, failure, fetchAll, httpSource, startUpstream, type Bench, type Upstream } from './testing.ts';
import { createSecrets } from './secrets.ts';

const secret = 'S3cr3t/with+odd=chars&"é"';
let bench: Bench;
let upstream: Upstream;
const env: Record<string, string> = { TOKEN: 'b34r3r-t0k3n', ODD: secret };
beforeEach(async () => {
  bench = await createBench({ env });
  await writeFile(join(bench.dir, 'password.txt'), 'p4ssw0rd\n');
});
afterEach(async () => {
  await upstream.close();
  await bench.close();
});

/** Everything that a task leaves behind: references and states, logs, metrics, errors, blobs with their paths. */
async function traces(outcome: unknown): Promise<string> {
  let text =
    JSON.stringify(outcome) +
    bench.logs.join('\n') +
    JSON.stringify(bench.metrics) +
    JSON.stringify(await bench.hub.health());
  for (let e = outcome; e instanceof Error; e = e.cause) {
    text += `${e.message}\n${e.stack}\n${JSON.stringify(e, Object.getOwnPropertyNames(e))}`;
  }
  await mkdir(join(bench.dir, 'blobs'), { recursive: true });
  for (const entry of await readdir(join(bench.dir, 'blobs'), { recursive: true, withFileTypes: true })) {
    text += entry.name;
    if (entry.isFile()) text += await readFile(join(entry.parentPath, entry.name), 'latin1');
  }
  return text;
}

const forms = [...Object.values(env), 'p4ssw0rd'].flatMap((value) => [
  value,
  encodeURIComponent(value),
  encodeURI(value),
  new URLSearchParams({ v: value }).toString().slice(2),
  JSON.stringify(value).slice(1, -1),
  Buffer.from(value).toString('base64'),
]);

function expectNoSecret(text: string): void {
  for (const form of forms) expect(text.includes(form) ? `found ${form}` : '').toBe('');
  expect(text).not.toContain(Buffer.from('user:p4ssw0rd').toString('base64'));
}

describe('credentials reach the upstream and nothing else', () => {
  test.each([
    [
      'bearer',
      { auth: { type: 'bearer', token: '${env:TOKEN}' } },
      (r: Seen) => r.headers.authorization === 'Bearer b34r3r-t0k3n',
    ],
    [
      'basic',
      { auth: { type: 'basic', username: 'user', password: '${file:password.txt}' } },
      (r: Seen) => r.headers.authorization === `Basic ${Buffer.from('user:p4ssw0rd').toString('base64')}`,
    ],
    [
      'api key in a header',
      { auth: { type: 'api_key', in: 'header', name: 'X-Key', value: '${env:TOKEN}' } },
      (r: Seen) => r.headers['x-key'] === 'b34r3r-t0k3n',
    ],
    [
      'api key in the query',
      { auth: { type: 'api_key', in: 'query', name: 'k', value: '${env:ODD}' } },
      (r: Seen) => new URL(r.url, 'http://h').searchParams.get('k') === secret,
    ],
    ['a header', { headers: { 'X-Mine': 'id ${env:TOKEN}' } }, (r: Seen) => r.headers['x-mine'] === 'id b34r3r-t0k3n'],
    [
      'a parameter',
      { params: { p: '${env:ODD}' } },
      (r: Seen) => new URL(r.url, 'http://h').searchParams.get('p') === secret,
    ],
    ['the path', { path: '/v1/${env:TOKEN}/x' }, (r: Seen) => r.url === '/v1/b34r3r-t0k3n/x'],
    ['a body', { method: 'POST', body: { a: ['${env:TOKEN}'] } }, (r: Seen) => r.body === '{"a":["b34r3r-t0k3n"]}'],
  ] as const)('%s', async (_, { path = '/', ...http }: Record<string, unknown> & { path?: string }, arrived) => {
    upstream = await startUpstream((_request, response, ordinal) =>
      response.writeHead([503, 200, 403][ordinal]!).end('payload'),
    );
    const source = httpSource(upstream.url + path, http);
    const pages = await fetchAll(bench, source);
    expect(upstream.seen.every((r) => arrived(r))).toBe(true);
    expectNoSecret(await traces(pages));
    const error = await failure(fetchAll(bench, source));
    expect(error.code).toBe('upstream_rejected');
    expectNoSecret(await traces(error));
  });

  test('in the URL itself, as user and password', async () => {
    upstream = await startUpstream((_, response) => response.end('x'));
    const pages = await fetchAll(bench, httpSource(upstream.url.replace('//', '//user:${file:password.txt}@')));
    expect(upstream.seen[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:p4ssw0rd').toString('base64')}`);
    expectNoSecret(await traces(pages));
  });

  test('also when the upstream echoes them in the next page, and across a restart', async () => {
    upstream = await startUpstream((request, response) => {
      const url = new URL(request.url, upstream.url);
      const page = Number(url.searchParams.get('p') ?? 0);
      url.searchParams.set('p', String(page + 1));
      url.searchParams.set('echo', secret);
      response.setHeader('link', page < 2 ? `<${url.href}>; rel="next"` : '</>; rel="first"').end('[]');
    });
    const source = httpSource(`${upstream.url}/\${env:TOKEN}`, {
      pagination: { type: 'link' },
      params: { own: '${env:ODD}' },
      auth: { type: 'api_key', in: 'query', name: 'key', value: '${env:TOKEN}' },
    });
    const pages = await fetchAll(bench, source);
    expect(pages.length).toBe(3);
    expectNoSecret(await traces(pages));
    const rest = await fetchAll(bench, source, { state: pages[0]!.state });
    expect(rest.map((p) => p.raw.request_key)).toEqual(pages.slice(1).map((p) => p.raw.request_key));
    expect(upstream.seen.slice(3).map((r) => r.url)).toEqual(upstream.seen.slice(1, 3).map((r) => r.url));
    expect(upstream.seen.every((r) => r.url.includes('key=b34r3r-t0k3n'))).toBe(true);
  });

  test('an upstream cannot have other references resolved for it', async () => {
    env['OTHER'] = 'n0t-y0urs';
    upstream = await startUpstream((request, response) => {
      if (!request.url.includes('p=')) response.setHeader('link', '</?p=1&x=${env:OTHER}>; rel=next');
      response.end('[]');
    });
    const pages = await fetchAll(bench, httpSource(upstream.url, { pagination: { type: 'link' } }));
    await fetchAll(bench, httpSource(upstream.url, { pagination: { type: 'link' } }), { state: pages[0]!.state });
    expect(JSON.stringify(upstream.seen)).not.toContain('n0t-y0urs');
    delete env['OTHER'];
  });

  test('secrets written into the query by hand are redacted in the name of the request', async () => {
    upstream = await startUpstream((_, response) => response.end('x'));
    const [page] = await fetchAll(bench, httpSource(`${upstream.url}/?api_key=l1t3ral&page=2&Access-Token=l1t3ral`));
    expect(page!.raw.request_key).toBe(`GET ${upstream.url}/?api_key=REDACTED&page=2&Access-Token=REDACTED`);
  });
});

describe('references', () => {
  test.each(['${env:ABSENT}', '${env:EMPTY}', '${file:absent.txt}'])('%s that leads nowhere is named', async (ref) => {
    env['EMPTY'] = '';
    upstream = await startUpstream((_, response) => response.end('x'));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, { headers: { a: ref } })));
    expect(error).toMatchObject({ code: 'secret_missing', retryable: false });
    expect(error.message).toContain(ref);
    expect(upstream.seen).toEqual([]);
    delete env['EMPTY'];
  });

  test('a value that no header can hold is refused without being shown', async () => {
    env['BAD'] = 'line1-s3cr3t\r\nX-Injected: 1';
    upstream = await startUpstream((_, response) => response.end('x'));
    const error = await failure(fetchAll(bench, httpSource(upstream.url, { headers: { a: '${env:BAD}' } })));
    delete env['BAD'];
    expect(error.code).toBe('validation_failed');
    expect(await traces(error)).not.toContain('s3cr3t');
  });

  test('a URL that is none is refused without being shown', async () => {
    upstream = await startUpstream((_, response) => response.end('x'));
    const error = await failure(fetchAll(bench, httpSource('${env:ODD}/x')));
    expect(error.code).toBe('validation_failed');
    expectNoSecret(await traces(error));
  });

  test('a base URL may come from the environment, and the name of the request does not depend on it', async () => {
    upstream = await startUpstream((_, response) => response.writeHead(200, { etag: '"1"' }).end('x'));
    env['BASE'] = upstream.url;
    const [page] = await fetchAll(bench, httpSource('${env:BASE}/data.csv'));
    delete env['BASE'];
    expect(page!.raw.request_key).toBe('GET ${env:BASE}/data.csv');
    expect(Object.keys(page!.state.requests)).toEqual(['GET ${env:BASE}/data.csv']);
  });

  test('what is concealed can be revealed, and holds no secret', async () => {
    upstream = await startUpstream((_, response) => response.end('x'));
    const value = fc.string({ minLength: 4, maxLength: 30, unit: 'grapheme-ascii' }).filter((s) => !s.includes('${'));
    await fc.assert(
      fc.asyncProperty(value, value, async (a, b) => {
        const secrets = createSecrets({ env: { A: a, B: b }, dir: bench.dir });
        await secrets.resolve('${env:A}${env:B}');
        const url = new URL('http://host.example/path');
        url.searchParams.set('first', a);
        url.searchParams.set('second', `x${b}y`);
        const concealed = secrets.conceal(url.href);
        const params = new URL(secrets.revealUrl(concealed)).searchParams;
        expect([params.get('first'), params.get('second')]).toEqual([a, `x${b}y`]);
        const byChance = 'http://host.example/path?first=&second=xy${env:A}${env:B}'.includes(a);
        expect(byChance || !concealed.includes(encodeURIComponent(a))).toBe(true);
      }),
    );
  });
});

type Seen = Upstream['seen'][number];
