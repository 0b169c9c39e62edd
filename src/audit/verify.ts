/**
 * Verification of one tenant's planes against each other. What is not covered, because nothing sealed speaks of it: a whole system
 * rewritten consistently (ledger, receipts, references, leaf lists), unless a checkpoint was kept elsewhere; a record deleted out of a
 * batch when newer batches of its source could have replaced it (bounded by their number of records); quarantine rows.
 */
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import { naming } from './damage.ts';
import { createFindings, type Findings } from './findings.ts';
import type { VerifyReport } from './index.ts';
import { noEntry } from './leaf.ts';
import { verifyBatches } from './verify-batches.ts';
import { verifyExpiry } from './verify-expiry.ts';
import { verifyLedger } from './verify-ledger.ts';
import { verifyRaw, verifyTables } from './verify-raw.ts';
import { verifyRecords } from './verify-records.ts';

export interface VerifyContext {
  tenantId: string;
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  findings: Findings;
  onProgress: (done: { plane: string; count: number }) => void;
}

export async function verifyTenant(
  stores: Pick<VerifyContext, 'relational' | 'blobs' | 'canonical'>,
  tenantId: string,
  onProgress: VerifyContext['onProgress'],
): Promise<VerifyReport> {
  const { relational, blobs, canonical } = stores;
  const findings = createFindings();
  const context: VerifyContext = { tenantId, relational, blobs, canonical, findings, onProgress };
  const report = { entries: 0, blobs: 0, batches: 0, records: 0, size: 0n, head: noEntry };
  await naming(context, async () => {
    const dataVersion = await canonical.dataVersion(tenantId);
    const ledger = await verifyLedger(context);
    const { entries, size, head, batches } = ledger;
    Object.assign(report, { entries, size, head, batches: batches.size });
    report.blobs = await verifyRaw(context);
    report.blobs += await verifyTables(context, ledger.tables);
    await verifyBatches(context, ledger);
    await verifyExpiry(context, ledger);
    report.records = await verifyRecords(context, ledger, dataVersion);
  });
  const listed = findings.list();
  return { ok: listed.length === 0, ...report, findings: listed };
}
