import type { Audit } from '#audit';
import { sha256Hex, type Clock } from '#kit';
import type { BlobStore, CanonicalStore, Relational, WriteResult } from '#storage';
import type { Batch } from './batch-builder.ts';
import type { BatchFrame } from './contract-check.ts';
import type { BatchReceipt } from './index.ts';
import { rootOfLeaves, sortedLeaves } from './leaves.ts';
import type { Resources } from './resources.ts';
import { writeRejections } from './quarantine-writer.ts';

export interface WriterDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  audit: Audit;
  clock: Clock;
}

const nothingWritten: WriteResult = { inserted: 0, replaced: 0, moved: 0, stale: 0 };

/**
 * Makes one batch durable: its records, its quarantine rows and its leaf list side by side, then the ledger entry that vouches for all three.
 * Every step may be repeated.
 */
export async function writeBatch(
  deps: WriterDeps,
  frame: BatchFrame,
  runId: string,
  batch: Batch,
  resources: Resources,
): Promise<{ receipt: BatchReceipt; written: WriteResult }> {
  const { batchId, chunk, records, counts } = batch;
  // Started first: the engine works while the leaves are hashed here.
  const stored =
    records.count === 0 ? Promise.resolve(nothingWritten) : deps.canonical.write({ ...frame, batchId, records });
  const quarantined = writeRejections(deps.relational, frame, runId, batch.rejections, deps.clock.now());
  const leaves = sortedLeaves(records.hashes);
  const merkleRoot = rootOfLeaves(leaves);
  const leavesSha256 = sha256Hex(leaves);
  const results = await Promise.allSettled([stored, quarantined, deps.blobs.put('batches', leaves)]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const [entry] = await deps.audit.append([
    {
      tenantId: frame.tenantId,
      actor: 'service:normalizer',
      action: 'batch.normalized',
      resource: `batch:${batchId}`,
      outcome: counts.records === 0 && counts.quarantined > 0 ? 'quarantined' : 'succeeded',
      runId,
      dedupeKey: `batch:${batchId}`,
      details: {
        raw_sha256: frame.rawSha256,
        profile_id: frame.profileId,
        profile_version: frame.profileVersion,
        profile_digest: frame.profileDigest,
        merkle_root: merkleRoot,
        leaves_sha256: leavesSha256,
        records: counts.records,
        replaced: batch.replaced,
        quarantined: counts.quarantined,
        deduplicated: counts.deduplicated,
        skipped: counts.skipped,
        chunk,
        ...lookedUp(resources),
      },
    },
  ]);
  const receipt = { batchId, chunk, revision: frame.revision, counts, leavesSha256, merkleRoot, ledgerSeq: entry!.seq };
  return { receipt, written: await stored };
}

/** The digests of the tables that the batch was mapped with. */
function lookedUp({ lookups = {} }: Resources): Record<string, string> {
  return Object.fromEntries(Object.entries(lookups).map(([name, { sha256 }]) => [`lookup_${name}`, sha256]));
}
