import { check, longMs, rpcService, type MethodTable, type RpcService } from '#kit';
import type { Audit } from './index.ts';

const { callback, text, whole, optional } = check;

const newEntry = check.members({
  tenantId: text,
  actor: text,
  action: text,
  resource: text,
  outcome: text,
  runId: optional(text),
  details: check.object,
  dedupeKey: text,
});

/** How the audit plane is called from other processes. `append` within a transaction is not among it: that runs where the transaction is. */
export const auditMethods: MethodTable<Audit> = {
  append: { args: [check.list(newEntry)], repeatable: true },
  entries: {
    args: [
      text,
      optional(check.members({ after: optional(check.bigint), limit: optional(whole), runId: optional(text) })),
    ],
    repeatable: true,
  },
  head: { args: [text], repeatable: true },
  verify: {
    args: [text, optional(check.members({ onProgress: optional(callback) }))],
    repeatable: true,
    timeoutMs: longMs,
  },
  lineage: { args: [text, text], repeatable: true },
};

/** Serves the audit plane of this process to others. */
export const auditRoutes = (audit: Audit): RpcService => rpcService('audit', auditMethods, audit);
