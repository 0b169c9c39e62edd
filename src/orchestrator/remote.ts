import type { RpcClient } from '#kit';
import type { Orchestrator } from './index.ts';
import { orchestratorMethods } from './routes.ts';

/** The control plane of other processes. Errors of every method, beside its own: `service_unavailable`. */
export function createRemoteOrchestrator(client: RpcClient): Orchestrator {
  return { ...client.methods(orchestratorMethods), start: async () => {}, stop: async () => {} };
}
