// Records that are gone by retention: the ledger names a list of their hashes for each batch, as it was before they went.
import type { BatchFact, Expiry } from './batch-fact.ts';
import { digestBytes, readLeaves } from './verify-batches.ts';
import type { VerifyContext } from './verify.ts';

/** Counts of each batch which of its records have expired, each once however often it went; one batch's lists at a time are in memory. */
export async function verifyExpiry(
  context: VerifyContext,
  { batches, expiries }: { batches: Map<string, BatchFact>; expiries: readonly Expiry[] },
): Promise<void> {
  for (const [batchId, lists] of Map.groupBy(expiries, (expiry) => expiry.batchId)) {
    const fact = batches.get(batchId);
    // A batch is written before it is recorded: it may be on its way.
    if (fact !== undefined) fact.expired = await countExpired(context, fact, lists);
  }
}

async function countExpired({ blobs, findings }: VerifyContext, fact: BatchFact, lists: Expiry[]): Promise<number> {
  const leaves = await readLeaves(blobs, fact.leavesSha256);
  const own = new Set(typeof leaves === 'string' ? [] : digestsOf(leaves));
  const expired = new Set<string>();
  for (const { seq, leavesSha256 } of lists) {
    const list = await readLeaves(blobs, leavesSha256);
    if (typeof list === 'string') {
      findings.add(
        'canonical',
        `blob batches/${leavesSha256}`,
        `${list}; it lists the expired records of batch ${fact.batchId}`,
      );
      continue;
    }
    for (const digest of digestsOf(list)) {
      if (own.has(digest)) expired.add(digest);
      else
        findings.add(
          'ledger',
          `ledger entry ${seq}`,
          `it says that records expired which batch ${fact.batchId} never had`,
        );
    }
  }
  return expired.size;
}

function* digestsOf(list: Buffer): Generator<string> {
  for (let at = 0; at < list.length; at += digestBytes) yield list.toString('latin1', at, at + digestBytes);
}
