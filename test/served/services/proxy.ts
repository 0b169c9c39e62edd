import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that can be cut. */
export interface Proxy {
  port: number;
  /** Ends every connection there is; new ones may be made. */
  drop(): void;
  /** Loses, without a word, what the server says from now on, on every connection there is. */
  silence(): void;
  /** Calls `hook` with what a client sends, before it goes on. Answering `drop` lets it through, and ends the connection before the server's answer comes back. */
  onRequest(hook: ((bytes: Buffer) => 'drop' | undefined) | undefined): void;
  close(): Promise<void>;
}

/** Opens a way to `target` on another loopback port. */
export async function startProxy(target: number): Promise<Proxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket; silent: boolean }>();
  let hook: ((bytes: Buffer) => 'drop' | undefined) | undefined;

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const pair = { client, upstream, silent: false };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (bytes: Buffer) => {
      const verdict = hook?.(bytes);
      upstream.write(bytes);
      if (verdict !== 'drop') return;
      // The answer is lost on its way; that it was given shows that the server had done its work.
      pair.silent = true;
      upstream.once('data', end);
    });
    upstream.on('data', (bytes: Buffer) => {
      if (!pair.silent) client.write(bytes);
    });
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const drop = (): void => {
    for (const { client, upstream } of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    drop,
    silence() {
      for (const pair of pairs) pair.silent = true;
    },
    onRequest(next) {
      hook = next;
    },
    async close() {
      drop();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
