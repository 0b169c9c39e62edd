import { ChartlyError, type Clock, type Logger } from '#kit';
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import { appendAll } from './append.ts';
import type { Audit, LedgerEntry } from './index.ts';
import { noEntry, toLedgerEntry, type LeafRow } from './leaf.ts';
import { traceRecord } from './lineage.ts';
import { verifyTenant } from './verify.ts';

export interface AuditDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  clock: Clock;
  logger: Logger;
}

const defaultPage = 100;
const largestPage = 1000;
const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The audit plane over the stores that are given. */
export function createAudit(deps: AuditDeps): Audit {
  const { relational, clock, logger } = deps;
  return {
    async append(entries, tx) {
      if (entries.length === 0) return [];
      if (tx !== undefined) return await appendAll(tx, clock, entries);
      return await available(() => relational.transaction((own) => appendAll(own, clock, entries)));
    },

    async entries(tenantId, options = {}) {
      return await available(() => page(relational, tenantId, options));
    },

    async head(tenantId) {
      return await available(() => readHead(relational, tenantId));
    },

    async verify(tenantId, options = {}) {
      const report = await verifyTenant(deps, tenantId, options.onProgress ?? (() => {}));
      if (!report.ok) {
        logger.error('verification found what does not hold', {
          tenant_id: tenantId,
          findings: report.findings.length,
          first: report.findings[0]?.subject,
        });
      }
      return report;
    },

    async lineage(tenantId, recordId) {
      return await traceRecord(deps, tenantId, recordId);
    },
  };
}

async function page(
  relational: Relational,
  tenantId: string,
  options: { after?: bigint; limit?: number; runId?: string },
): Promise<LedgerEntry[]> {
  // What is no run id names no run; the engine would call it an error.
  if (options.runId !== undefined && !isUuid.test(options.runId)) return [];
  const limit = Math.min(Math.max(options.limit ?? defaultPage, 1), largestPage);
  const ofRun = options.runId === undefined ? '' : 'and run_id = $4::uuid';
  const rows = await relational.query<LeafRow>(
    `select seq, leaf, leaf_hash from ledger_entry
     where tenant_id = $1 and seq > $2::bigint ${ofRun} order by seq limit $3::int`,
    [tenantId, String(options.after ?? -1n), String(limit), ...(options.runId === undefined ? [] : [options.runId])],
  );
  return rows.map(toLedgerEntry);
}

async function readHead(relational: Relational, tenantId: string): Promise<{ size: bigint; head: string }> {
  const [row] = await relational.query<{ size: string; head: string }>(
    'select size, head from ledger_head where tenant_id = $1',
    [tenantId],
  );
  return row === undefined ? { size: 0n, head: noEntry } : { size: BigInt(row.size), head: row.head };
}

/** What a store throws on its own account means that the action to be recorded must not go on. */
async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ChartlyError) throw cause;
    throw new ChartlyError('storage_unavailable', 'The ledger cannot be reached.', { cause, retryable: true });
  }
}
