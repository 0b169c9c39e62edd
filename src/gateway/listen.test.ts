import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type Gateway } from './gateway.ts';
import { openHouse, type House } from './testing.ts';

let house: House;
let gateway: Gateway | undefined;
beforeAll(async () => {
  house = await openHouse();
});
afterEach(() => gateway?.close());
afterAll(() => house.close());

describe('listening', () => {
  it('on a taken port says so', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    gateway = createGateway(house.deps);
    await expect(gateway.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(port)) as string,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('on all addresses gives one that can be opened', async () => {
    gateway = createGateway(house.deps);
    const url = await gateway.listen({ host: '0.0.0.0', port: 0 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('ends with the running request answered and new ones turned away', async () => {
    let release: () => void = () => {};
    let entered: () => void = () => {};
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const { orchestrator } = house.deps;
    gateway = createGateway({
      ...house.deps,
      orchestrator: {
        ...orchestrator,
        totals: async () => {
          entered();
          await new Promise<void>((resolve) => (release = resolve));
          return new Map();
        },
      },
    });
    const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
    const running = fetch(`${url}/v1/totals`, { headers: { authorization: `Bearer ${house.keys.viewer}` } });
    await inside;
    const closed = gateway.close();
    expect(gateway.close()).toBe(closed);
    release();
    expect((await running).status).toBe(200);
    await closed;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});
