/**
 * Verification of one tenant's planes against each other. What is not covered, because nothing sealed speaks of it: a whole system
 * rewritten consistently (ledger, receipts, references, leaf lists), unless a checkpoint was kept elsewhere; a record deleted out of a
 * batch when newer batches of its source could have replaced it (bounded by their number of records); quarantine rows.
 */
import { ChartlyError } from '#kit';
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import { createFindings, type Findings } from './findings.ts';
import type { VerifyReport } from './index.ts';
import { verifyBatches } from './verify-batches.ts';
import { verifyLedger } from './verify-ledger.ts';
import { verifyRaw } from './verify-raw.ts';
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
  const dataVersion = await canonical.dataVersion(tenantId);
  const ledger = await verifyLedger(context);
  const blobCount = await verifyRaw(context);
  await verifyBatches(context, ledger);
  const records = await verifyRecords(context, ledger, dataVersion).catch(namingDamage(findings));
  const listed = findings.list();
  return {
    ok: listed.length === 0,
    entries: ledger.entries,
    blobs: blobCount,
    batches: ledger.batches.size,
    records,
    size: ledger.size,
    head: ledger.head,
    findings: listed,
  };
}

/** Records that cannot be read at all are a finding like any other; how many others there are, nobody can count then. */
function namingDamage(findings: Findings): (error: unknown) => number {
  return (error) => {
    if (!(error instanceof ChartlyError && error.code === 'records_corrupt')) throw error;
    const subject = error.details[0]?.message ?? 'records';
    findings.add('canonical', subject, 'its bytes do not match their checksum, so that its records cannot be read');
    return 0;
  };
}
