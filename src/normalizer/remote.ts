import type { Handle, RpcClient } from '#kit';
import { checkProfile } from './compile.ts';
import type { Normalizer } from './index.ts';
import { normalizerMethods } from './routes.ts';

/** The normalizer of other processes. Errors of every method, beside its own: `service_unavailable`. */
export function createRemoteNormalizer(client: RpcClient, forks: Handle): Normalizer {
  return { ...client.methods(normalizerMethods, [forks]), check: checkProfile, close: async () => {} };
}
