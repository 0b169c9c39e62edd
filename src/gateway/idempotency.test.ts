import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChartlyError } from '#kit';
import { createGateway } from './gateway.ts';
import { createIdempotency } from './idempotency.ts';
import { openHouse, type House } from './testing.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const post = (url: string, idempotencyKey: string | undefined, payload?: object, key = house.keys.admin) =>
  house.gateway.app.inject({
    method: 'POST',
    url,
    headers: {
      authorization: `Bearer ${key}`,
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(payload === undefined ? {} : { payload }),
  });
const ingest = '/v1/sources/earthquakes/ingest';
const ingests = (): number => house.calls.filter((call) => call.startsWith('ingest')).length;

describe('Idempotency-Key', () => {
  it('a repeat gets the first answer, byte for byte, and does no work', async () => {
    const before = ingests();
    const first = await post(ingest, 'once-1');
    const again = await post(ingest, 'once-1');
    expect(first.statusCode).toBe(202);
    expect([again.statusCode, again.body]).toEqual([202, first.body]);
    expect([first.headers['idempotency-replayed'], again.headers['idempotency-replayed']]).toEqual([undefined, 'true']);
    expect(ingests() - before).toBe(1);
    await post(ingest, undefined);
    expect(ingests() - before).toBe(2);
  });

  it('twenty at once do the work once and get one answer', async () => {
    const before = ingests();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(ingest, 'together')));
    expect(new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body}`)).size).toBe(1);
    expect(answers[0]!.statusCode).toBe(202);
    expect(ingests() - before).toBe(1);
  });

  it('another body or another path is a mismatch; the order of members is not', async () => {
    await post('/v1/keys', 'key-1', { name: 'a', role: 'viewer' });
    expect((await post('/v1/keys', 'key-1', { role: 'viewer', name: 'a' })).statusCode).toBe(201);
    for (const [url, body] of [
      ['/v1/keys', { name: 'b', role: 'viewer' }],
      [ingest, undefined],
      [`${ingest}?trigger=cli`, undefined],
    ] as const) {
      const response = await post(url, 'key-1', body);
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([409, 'idempotency_mismatch']);
    }
  });

  it('is the caller’s own: another credential with the same key does its own work', async () => {
    const first = await post(ingest, 'shared');
    const other = await post(ingest, 'shared', undefined, house.keys.operator);
    expect(other.statusCode).toBe(202);
    expect(other.body).not.toBe(first.body);
  });

  it('gives a new key’s secret again, but keeps it where the store alone cannot read it', async () => {
    const first = await post('/v1/keys', 'secret-1', { name: 'sealed', role: 'viewer' });
    const again = await post('/v1/keys', 'secret-1', { name: 'sealed', role: 'viewer' });
    expect(again.body).toBe(first.body);
    const { secret } = first.json<{ secret: string }>();
    expect(secret).toMatch(/^chk_/);
    const kept = JSON.stringify(await house.deps.relational.query('select * from idempotency_key'));
    expect(kept).not.toContain('chk_');
    expect(kept).toContain('sealed');
  });

  it('an error keeps nothing: the repeat tries again', async () => {
    house.failNext(new ChartlyError('backpressure', 'Busy.', { retryAfterMs: 3000 }));
    const refused = await post(ingest, 'retry-me');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '3']);
    expect((await post(ingest, 'retry-me')).statusCode).toBe(202);
  });

  it('holds for 24 hours', async () => {
    const first = await post(ingest, 'a-day');
    house.clock.advance(24 * 3_600_000 - 1000);
    expect((await post(ingest, 'a-day')).body).toBe(first.body);
    house.clock.advance(2000);
    expect((await post(ingest, 'a-day')).body).not.toBe(first.body);
  });

  it('must be printable', async () => {
    for (const bad of ['', 'a b', 'x'.repeat(256)]) expect((await post(ingest, bad)).statusCode).toBe(400);
  });

  it('of a process that died is taken over after a minute, by one of those who wait', async () => {
    const { relational } = house.deps;
    const once = createIdempotency(relational, house.clock);
    const request = { tenantId: 'default', keyId: 'k', key: 'dead', bodyHash: 'h' };
    let never: (answer: { status: number; text: string }) => void = () => {};
    const dead = createIdempotency(relational, house.clock)(request, () => new Promise((resolve) => (never = resolve)));
    let works = 0;
    const work = async () => {
      works++;
      return { status: 200, text: 'done' };
    };
    while ((await relational.query("select 1 from idempotency_key where key = 'k:dead'")).length === 0);
    const waiting = [once(request, work), once(request, work), once(request, work)];
    house.clock.advance(61_000);
    const answers = await Promise.all(waiting);
    expect(answers.map(({ text }) => text)).toEqual(['done', 'done', 'done']);
    expect(works).toBe(1);
    never({ status: 200, text: 'done' });
    await dead;
  });
});

describe('the rate limit', () => {
  it('admits the burst, then says when to come back, each key by itself', async () => {
    const strict = createGateway({ ...house.deps, rateLimit: { perSecond: 2, burst: 3 } });
    try {
      const ask = (key: string) => strict.app.inject({ url: '/v1/runs', headers: { authorization: `Bearer ${key}` } });
      const codes = [];
      for (let n = 0; n < 4; n++) codes.push((await ask(house.keys.viewer)).statusCode);
      expect(codes).toEqual([200, 200, 200, 429]);
      expect((await ask(house.keys.admin)).statusCode).toBe(200);
      const refused = await ask(house.keys.viewer);
      expect(refused.headers['retry-after']).toBe('1');
      expect(refused.json()).toMatchObject({ code: 'rate_limited', status: 429 });
      house.clock.advance(500);
      expect((await ask(house.keys.viewer)).statusCode).toBe(200);
      expect((await ask(house.keys.viewer)).statusCode).toBe(429);
    } finally {
      await strict.close();
    }
  });
});
