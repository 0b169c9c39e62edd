import { createRpcClient, createRpcServer, silentLogger, type RpcClient, type RpcService } from '#kit';

/** A service behind a listener of its own, and a client of it. */
export async function overHttp(service: RpcService): Promise<{ client: RpcClient; close(): Promise<void> }> {
  const secret = 'a-secret-of-the-tests-of-32-chars';
  const probes = { dependencies: async () => [], metrics: async () => ({ contentType: 'text/plain', body: '' }) };
  const server = createRpcServer({ secret, services: [service], logger: silentLogger, probes });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    client: createRpcClient({ service: service.name, urls: [url], secret }),
    close: async () => server.close(0),
  };
}
