import { check, rpcService, type MethodTable, type RpcService } from '#kit';
import type { ConnectorHub } from './index.ts';

/** How the hub is called from other processes. */
export const hubMethods: MethodTable<ConnectorHub> = {
  fetch: {
    args: [
      check.members({
        tenantId: check.text,
        runId: check.text,
        requestId: check.text,
        source: check.contract('sources/source'),
        state: check.optional(check.object),
        signal: check.signal,
      }),
    ],
    repeatable: false,
    stream: true,
  },
  connectors: { args: [], repeatable: true },
  // Asked of every process for listings, which do not wait for one that is gone.
  health: { args: [], repeatable: true, timeoutMs: 3_000 },
};

/** Serves the hub of this process to others. */
export const hubRoutes = (hub: ConnectorHub): RpcService => rpcService('connector-hub', hubMethods, hub);
