// Receipts against the ledger, and every batch's leaf list against the Merkle root that was sealed.
import { ChartlyError, leafHash, merkleRoot, sha256Hex } from '#kit';
import type { BlobStore } from '#storage';
import { isOrigin, type BatchFact } from './batch-fact.ts';
import type { VerifyContext } from './verify.ts';

const pageSize = 500;
export const digestBytes = 32;

interface ReceiptRow extends Record<string, unknown> {
  batch_id: string;
  source_id: string;
  raw_sha256: string;
  profile_id: string;
  profile_version: string;
  profile_digest: string;
  revision: string;
  chunk: number;
  counts: { records?: number };
  leaves_sha256: string;
  merkle_root: string;
  ledger_seq: string;
  /** Its entry was appended after the ledger was read. */
  newer: boolean;
}

export async function verifyBatches(
  context: VerifyContext,
  { batches, size }: { batches: Map<string, BatchFact>; size: bigint },
): Promise<void> {
  await checkReceipts(context, batches, size);
  await checkUnsettled(context, batches);
  let count = 0;
  for (const fact of batches.values()) {
    await checkLeaves(context, fact);
    context.onProgress({ plane: 'batches', count: ++count });
  }
}

async function checkReceipts(
  { tenantId, relational, findings }: VerifyContext,
  batches: Map<string, BatchFact>,
  size: bigint,
): Promise<void> {
  let after = '';
  for (;;) {
    const rows = await relational.query<ReceiptRow>(
      `select r.batch_id, r.source_id, r.raw_sha256, r.profile_id, r.profile_version, r.profile_digest, r.revision, r.chunk, r.counts,
         r.leaves_sha256, r.merkle_root, r.ledger_seq, e.seq is not null as newer
       from batch_receipt r left join ledger_entry e
         on e.tenant_id = r.tenant_id and e.dedupe_key = 'batch:' || r.batch_id and e.seq = r.ledger_seq and e.seq >= $3::bigint
       where r.tenant_id = $1 and r.batch_id > $2 order by r.batch_id limit ${pageSize}`,
      [tenantId, after, String(size)],
    );
    if (rows.length === 0) return;
    for (const row of rows) {
      const fact = batches.get(row.batch_id);
      if (fact === undefined && row.newer) continue;
      const problem =
        fact === undefined ? `its ledger entry ${row.ledger_seq} is missing` : receiptProblem(row, fact, tenantId);
      if (problem !== undefined) findings.add('ledger', `batch ${row.batch_id}`, problem);
      if (fact !== undefined) fact.settled = true;
    }
    after = rows.at(-1)!.batch_id;
  }
}

function receiptProblem(row: ReceiptRow, fact: BatchFact, tenantId: string): string | undefined {
  const pairs: [string, unknown, unknown][] = [
    ['ledger_seq', row.ledger_seq, String(fact.seq)],
    ['raw_sha256', row.raw_sha256, fact.rawSha256],
    ['profile_id', row.profile_id, fact.profileId],
    ['profile_version', row.profile_version, fact.profileVersion],
    ['profile_digest', row.profile_digest, fact.profileDigest],
    ['merkle_root', row.merkle_root, fact.merkleRoot],
    ['leaves_sha256', row.leaves_sha256, fact.leavesSha256],
    ['chunk', row.chunk, fact.chunk],
    ['records', row.counts.records, fact.records],
  ];
  const differing = pairs.filter(([, said, sealed]) => said !== sealed).map(([name]) => name);
  if (differing.length > 0) return `its receipt disagrees with the ledger on ${differing.join(', ')}`;
  const proven = isOrigin(fact, tenantId, { sourceId: row.source_id, revision: BigInt(row.revision) });
  return proven ? undefined : 'its receipt names another source or revision than its id';
}

/** A batch whose entry stands without a receipt is on its way, unless the run it belongs to has come to its end. */
async function checkUnsettled(
  { tenantId, relational, findings }: VerifyContext,
  batches: Map<string, BatchFact>,
): Promise<void> {
  const unsettled = [...batches.values()].filter((fact) => !fact.settled && fact.runId !== undefined);
  if (unsettled.length === 0) return;
  const ended = await relational.query<{ run_id: string }>(
    `select run_id from run where tenant_id = $1 and run_id = any($2::uuid[]) and state in ('succeeded', 'quarantined')`,
    [tenantId, [...new Set(unsettled.map((fact) => fact.runId!))]],
  );
  const succeeded = new Set(ended.map((row) => row.run_id));
  const ids = unsettled.filter((fact) => succeeded.has(fact.runId!)).map((fact) => fact.batchId);
  if (ids.length === 0) return;
  // A run that succeeded between the two looks has written its receipts meanwhile.
  const written = await relational.query<{ batch_id: string }>(
    'select batch_id from batch_receipt where tenant_id = $1 and batch_id = any($2::text[])',
    [tenantId, ids],
  );
  const present = new Set(written.map((row) => row.batch_id));
  for (const id of ids) if (!present.has(id)) findings.add('ledger', `batch ${id}`, 'its receipt is missing');
}

async function checkLeaves({ blobs, findings }: VerifyContext, fact: BatchFact): Promise<void> {
  const subject = `blob batches/${fact.leavesSha256}`;
  const leaves = await readLeaves(blobs, fact.leavesSha256);
  if (typeof leaves === 'string') {
    findings.add('canonical', subject, `${leaves}; it lists the records of batch ${fact.batchId}`);
    return;
  }
  const list: Buffer[] = [];
  for (let at = 0; at < leaves.length; at += digestBytes) list.push(leafHash(leaves.subarray(at, at + digestBytes)));
  const batch = `batch ${fact.batchId}`;
  if (merkleRoot(list).toString('hex') !== fact.merkleRoot) {
    findings.add('canonical', batch, 'its list of records does not give the Merkle root in the ledger');
  }
  const sealed = fact.records + fact.replaced;
  if (list.length !== sealed) {
    findings.add('canonical', batch, `it lists ${list.length} records, and the ledger says ${sealed}`);
  }
}

/** The sorted record hashes of a batch, or what is wrong with the blob that holds them. */
export async function readLeaves(blobs: BlobStore, sha256: string): Promise<Buffer | string> {
  try {
    const leaves = await blobs.readAll('batches', sha256);
    if (sha256Hex(leaves) !== sha256) return 'its bytes do not match its digest';
    return leaves.length % digestBytes === 0 ? leaves : 'it is not a list of digests';
  } catch (error) {
    if (error instanceof ChartlyError && error.code === 'not_found') return 'is missing';
    if (error instanceof ChartlyError && error.code === 'blob_corrupt') return 'its bytes do not match its digest';
    throw error;
  }
}
