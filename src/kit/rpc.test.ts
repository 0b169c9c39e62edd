import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { callContext, withCallContext } from './call-context.ts';
import { ChartlyError } from './errors.ts';
import { silentLogger } from './logger.ts';
import { rpcService } from './rpc-call.ts';
import { check } from './rpc-checks.ts';
import { createRpcClient } from './rpc-client.ts';
import type { MethodTable } from './rpc-methods.ts';
import { createRpcServer } from './rpc-server.ts';

interface Things {
  add(a: bigint, b: bigint): Promise<bigint>;
  once(): Promise<number>;
  fail(): Promise<void>;
  context(): Promise<unknown>;
  wait(options: { signal?: AbortSignal; onTick?: (tick: number) => void }): Promise<string>;
  count(upTo: number): AsyncIterable<number>;
}

const table: MethodTable<Things> = {
  add: { args: [check.bigint, check.bigint], repeatable: true },
  once: { args: [], repeatable: false },
  fail: { args: [], repeatable: true },
  context: { args: [], repeatable: true },
  wait: {
    args: [check.members({ signal: check.optional(check.signal), onTick: check.optional(check.callback) })],
    repeatable: true,
  },
  count: { args: [check.whole], repeatable: false, stream: true },
};

const secret = 'a-secret-of-the-tests-of-32-chars';
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function things() {
  const seen = {
    counted: 0,
    letGo: 0,
    calls: 0,
    aborted: Promise.withResolvers<void>(),
    free: Promise.withResolvers<void>(),
  };
  const target: Things = {
    async add(a, b) {
      seen.calls++;
      return a + b;
    },
    once: async () => ++seen.calls,
    async fail() {
      const details = [{ pointer: '/a', message: 'is wrong' }];
      throw new ChartlyError('backpressure', 'Too much.', {
        retryable: true,
        retryAfterMs: 1234,
        details,
        action: 'Rest.',
      });
    },
    context: async () => callContext(),
    async wait({ signal, onTick }) {
      onTick?.(1);
      onTick?.(2);
      signal?.addEventListener('abort', () => seen.aborted.resolve());
      await seen.free.promise;
      return 'free';
    },
    async *count(upTo) {
      try {
        for (let i = 0; i < upTo; i++) {
          seen.counted++;
          yield i;
        }
        throw new ChartlyError('not_found', 'No more.');
      } finally {
        seen.letGo++;
      }
    },
  };
  return { seen, target };
}

async function serve(target: Things, port = 0) {
  const server = createRpcServer({
    secret,
    services: [rpcService('things', table, target)],
    logger: silentLogger,
    probes: {
      dependencies: async () => [{ dependency: 'relational', ok: target !== undefined }],
      metrics: async () => ({ contentType: 'text/plain', body: 'm 1\n' }),
    },
  });
  const url = await server.listen({ host: '127.0.0.1', port });
  closers.push(() => server.close(0));
  return { url, server };
}

const clientOf = (urls: string[], own = secret): Things =>
  createRpcClient({ service: 'things', urls, secret: own }).methods(table);

/** Takes connections, and cuts them once something was said. */
async function startCutting(): Promise<{ url: string; calls(): number }> {
  let calls = 0;
  const server = createTcpServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      calls++;
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
}

async function freePort(): Promise<number> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a call to another process', () => {
  it('brings arguments there and results back, and errors as they were thrown', async () => {
    const { url } = await serve(things().target);
    const client = clientOf([url]);
    expect(await client.add(2n ** 64n, 1n)).toBe(2n ** 64n + 1n);
    await expect(client.fail()).rejects.toMatchObject({
      code: 'backpressure',
      message: 'Too much.',
      retryable: true,
      retryAfterMs: 1234,
      action: 'Rest.',
      details: [{ pointer: '/a', message: 'is wrong' }],
    });
  });

  it('refuses wrong arguments, unknown methods and a wrong secret', async () => {
    const { target, seen } = things();
    const { url } = await serve(target);
    await expect(clientOf([url]).add(1 as never, 1n)).rejects.toMatchObject({
      code: 'bad_request',
      details: [{ pointer: '/0' }],
    });
    const wider = { hasOwnProperty: { args: [], repeatable: true } };
    const client = createRpcClient({ service: 'things', urls: [url], secret }).methods<{ hasOwnProperty: () => Promise<boolean> }>(wider); // prettier-ignore
    await expect(client.hasOwnProperty()).rejects.toMatchObject({ code: 'not_found' });
    await expect(clientOf([url], `${secret}x`).add(1n, 1n)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(seen.calls).toBe(0);
  });

  it('takes the request along', async () => {
    const { url } = await serve(things().target);
    const context = { requestId: 'r-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    expect(await withCallContext(context, () => clientOf([url]).context())).toEqual(context);
  });

  it('goes elsewhere when a process is not there, cuts the line or is stopping', async () => {
    const { target, seen } = things();
    const { url } = await serve(target);
    const stopping = await serve(things().target);
    await stopping.server.close(0);
    const cutting = await startCutting();
    const client = clientOf([`http://127.0.0.1:${await freePort()}`, cutting.url, stopping.url, url]);
    for (let i = 0; i < 8; i++) expect(await client.add(1n, 1n)).toBe(2n);
    expect(seen.calls).toBe(8);
  });

  it('is not repeated once it may have been heard, unless it may be', async () => {
    const cutting = await startCutting();
    await expect(clientOf([cutting.url]).once()).rejects.toMatchObject({
      code: 'service_unavailable',
      retryable: true,
    });
    expect(cutting.calls()).toBe(1);
    await expect(clientOf([cutting.url]).add(1n, 1n)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(cutting.calls()).toBeGreaterThan(2);
  });

  it('calls back, and is aborted there when it is given up here', async () => {
    const { target, seen } = things();
    const { url } = await serve(target);
    const controller = new AbortController();
    const ticks: number[] = [];
    const ticked = Promise.withResolvers<void>();
    const onTick = (tick: number): void => {
      if (ticks.push(tick) === 2) ticked.resolve();
    };
    const waiting = clientOf([url]).wait({ signal: controller.signal, onTick });
    await ticked.promise;
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await seen.aborted.promise;
    expect(ticks).toEqual([1, 2]);
    seen.free.resolve();
  });
});

describe('a stream from another process', () => {
  it('makes an item only when it is asked for, and lets go when no more is', async () => {
    const { target, seen } = things();
    const { url } = await serve(target);
    const items: number[] = [];
    for await (const item of clientOf([url]).count(1000)) {
      items.push(item);
      // The one after this was not made ahead.
      expect(seen.counted).toBe(items.length);
      if (items.length === 5) break;
    }
    expect(items).toEqual([0, 1, 2, 3, 4]);
    await expect.poll(() => seen.letGo).toBe(1);
    expect(seen.counted).toBe(5);
  });

  it('ends with the error that ended it there', async () => {
    const { url } = await serve(things().target);
    const items: number[] = [];
    const all = async (): Promise<void> => {
      for await (const item of clientOf([url]).count(3)) items.push(item);
    };
    await expect(all()).rejects.toMatchObject({ code: 'not_found' });
    expect(items).toEqual([0, 1, 2]);
  });
});

describe('a process that stops', () => {
  it('answers what it was asked before, turns away what comes then, and says so in its probe', async () => {
    const { target, seen } = things();
    const { url, server } = await serve(target);
    const started = Promise.withResolvers<void>();
    const waiting = clientOf([url]).wait({ onTick: () => started.resolve() });
    await started.promise;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const closed = server.close(60_000);
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: 'stopping' });
    const other = await serve(target);
    expect(await clientOf([url, other.url]).add(1n, 1n)).toBe(2n);
    seen.free.resolve();
    expect(await waiting).toBe('free');
    await closed;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});

it('uses a connection again once an answer is at its end', async () => {
  const { target } = things();
  const { url } = await serve(target);
  const ports = new Set<unknown>();
  const client = clientOf([url]);
  const seen = (message: unknown): void => {
    ports.add((message as { socket: Socket }).socket.remotePort);
  };
  subscribe('http.server.request.start', seen);
  for (let i = 0; i < 50; i++) await client.add(BigInt(i), 1n);
  unsubscribe('http.server.request.start', seen);
  expect(ports.size).toBeGreaterThan(0);
  expect(ports.size).toBeLessThan(5);
});
