import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Principal } from '#auth';
import { html } from './html.ts';
import { openHouse, type House } from './testing.ts';

let house: House;
let admin: Principal;
beforeAll(async () => {
  house = await openHouse();
  admin = await house.deps.auth.authenticate(house.keys.admin);
});
afterAll(() => house.close());

const get = (url: string, cookie?: string) =>
  house.gateway.app.inject({ url, headers: cookie === undefined ? {} : { cookie } });
const form = (url: string, body: string, headers: Record<string, string> = {}) =>
  house.gateway.app.inject({
    method: 'POST',
    url,
    payload: body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
const cookieOf = (response: { headers: object }): string => {
  const header = (response.headers as Record<string, unknown>)['set-cookie'];
  return String(header).split(';')[0]!;
};

async function signIn(): Promise<string> {
  const response = await form('/session', `key=${encodeURIComponent(house.keys.viewer)}`, {
    origin: 'http://localhost:80',
    host: 'localhost:80',
  });
  expect(response.statusCode).toBe(200);
  return cookieOf(response);
}

describe('signing in', () => {
  it('with a key gives a cookie that scripts and other sites cannot use', async () => {
    const response = await form('/session', `key=+${house.keys.viewer}+`);
    expect(response.statusCode).toBe(200);
    expect(response.headers['set-cookie']).toMatch(
      /^chartly_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    );
    expect(response.body).not.toContain(house.keys.viewer);
  });

  it('with a wrong key shows the form again, without the key', async () => {
    const response = await form('/session', 'key=chk_wrong');
    expect(response.statusCode).toBe(401);
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(response.body).toContain('This key is not valid.');
    expect(response.body).not.toContain('chk_wrong');
  });

  it.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
  ] as Record<string, string>[])('is refused from elsewhere: %j', async (headers) => {
    for (const path of ['/session', '/session/end']) {
      const response = await form(path, `key=${house.keys.viewer}`, headers);
      expect(response.statusCode).toBe(403);
      expect(response.headers['set-cookie']).toBeUndefined();
    }
  });

  it('with a ticket works once, and within ten minutes', async () => {
    const ticket = house.gateway.createTicket(admin);
    expect((await house.gateway.app.inject({ method: 'HEAD', url: `/session?ticket=${ticket}` })).statusCode).toBe(405);
    const first = await get(`/session?ticket=${ticket}`);
    expect(first.statusCode).toBe(200);
    expect((await get('/', cookieOf(first))).body).toContain('Latest runs');
    expect((await get(`/session?ticket=${ticket}`)).statusCode).toBe(401);
    const late = house.gateway.createTicket(admin);
    house.clock.advance(600_001);
    expect((await get(`/session?ticket=${late}`)).statusCode).toBe(401);
    expect((await get('/session')).statusCode).toBe(401);
    expect((await get('/session?ticket=a&ticket=b')).statusCode).toBe(401);
  });

  it('ends by signing out, by time, and when the key is revoked', async () => {
    const signedOut = await signIn();
    expect((await get('/v1/runs', signedOut)).statusCode).toBe(200);
    const answer = await form('/session/end', '', { cookie: signedOut });
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/']);
    expect(answer.headers['set-cookie']).toContain('Max-Age=0');
    expect((await get('/v1/runs', signedOut)).statusCode).toBe(401);

    const old = await signIn();
    house.clock.advance(12 * 3_600_000);
    expect((await get('/v1/runs', old)).statusCode).toBe(401);

    const { key, secret } = await house.deps.auth.createKey('default', 'cli', { name: 'x', role: 'viewer' });
    const cookie = cookieOf(await form('/session', `key=${secret}`));
    expect((await get('/v1/runs', cookie)).statusCode).toBe(200);
    await house.deps.auth.revokeKey('default', 'cli', key.keyId);
    house.clock.advance(5_000);
    expect((await get('/v1/runs', cookie)).statusCode).toBe(401);
  });
});

describe('a session', () => {
  it('reads and never writes', async () => {
    const cookie = cookieOf(await get(`/session?ticket=${house.gateway.createTicket(admin)}`));
    expect((await get('/v1/keys', cookie)).statusCode).toBe(200);
    const response = await house.gateway.app.inject({
      method: 'POST',
      url: '/v1/sources/earthquakes/ingest',
      headers: { cookie },
    });
    expect(response.statusCode).toBe(401);
    expect(house.calls).toEqual([]);
  });

  it('is not what an invented or malformed cookie names', async () => {
    for (const cookie of [`chartly_session=${'A'.repeat(43)}`, 'chartly_session=', 'chartly_session', 'other=1']) {
      expect((await get('/v1/runs', cookie)).statusCode).toBe(401);
      expect((await get('/', cookie)).body).toContain('<label for="key">');
    }
  });
});

describe('the landing page', () => {
  it('asks for a key when there is no session', async () => {
    const response = await get('/');
    expect(response.statusCode).toBe(200);
    expect(response.body).toContain('<label for="key">');
    expect(response.body).not.toContain('earthquakes');
  });

  it('shows sources, runs, reports and the ledger, with no script and nothing loaded', async () => {
    const response = await get('/', await signIn());
    const { size, head } = await house.deps.audit.head('default');
    for (const part of [
      'earthquakes',
      '1,703',
      '/v1/reports/seattle-weather/render?format=html',
      'class="state succeeded"',
      `<b>${size}</b> entries`,
      head,
      'href="/docs"',
      'href="/metrics"',
    ]) {
      expect(response.body).toContain(part);
    }
    expect(response.body).not.toMatch(/<script|\son\w+=|(?:src|href)="(?:https?:)?\/\//i);
    expect(response.headers['content-security-policy']).toContain("default-src 'none'");
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('also opens for a bearer', async () => {
    const response = await house.gateway.app.inject({
      url: '/',
      headers: { authorization: `Bearer ${house.keys.viewer}` },
    });
    expect(response.body).toContain('Latest runs');
  });
});

describe('html', () => {
  it('never lets a value become markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ';') }), (text) => {
        const made = html`<p title="${text}">${[html`${text}`]}</p>`.html;
        const [, attribute, content] = /^<p title="([^"<>']*)">([^"<>']*)<\/p>$/.exec(made)!;
        const decode = (escaped: string): string =>
          escaped.replace(
            /&(amp|lt|gt|quot|#39);/g,
            (_all, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]!,
          );
        expect([decode(attribute!), decode(content!)]).toEqual([text, text]);
      }),
    );
  });
});
