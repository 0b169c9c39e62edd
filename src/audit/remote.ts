import type { Clock, RpcClient } from '#kit';
import { appendAll } from './append.ts';
import type { Audit } from './index.ts';
import { auditMethods } from './routes.ts';

/** The audit plane of other processes. Errors of every method, beside its own: `service_unavailable`. */
export function createRemoteAudit(client: RpcClient, { clock }: { clock: Clock }): Audit {
  const remote = client.methods(auditMethods);
  return {
    ...remote,
    async append(entries, tx) {
      if (entries.length === 0) return [];
      // A transaction cannot leave its process; the ledger's order is the database's, whoever appends.
      return tx === undefined ? remote.append(entries) : appendAll(tx, clock, entries);
    },
  };
}
