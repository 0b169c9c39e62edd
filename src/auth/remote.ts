import type { RpcClient } from '#kit';
import type { Auth } from './index.ts';
import { authorize } from './roles.ts';
import { authMethods } from './routes.ts';

/** Authentication in other processes. Errors of every method, beside its own: `service_unavailable`. */
export function createRemoteAuth(client: RpcClient): Auth {
  return { ...client.methods(authMethods), authorize };
}
