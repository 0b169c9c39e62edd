import type { Audit } from '#audit';
import type { Counts } from '#contracts';
import type { Clock, Logger } from '#kit';
import type { BlobStore, CanonicalStore, KeyStore, Relational } from '#storage';
import { type Batch, emptyCounts } from './batch-builder.ts';
import { writeBatch } from './batch-writer.ts';
import { batches } from './batches.ts';
import { compileProfile } from './compile.ts';
import { frameOf } from './frame.ts';
import type { Normalizer, NormalizeOutcome, NormalizeTask } from './index.ts';
import { quarantineReader } from './quarantine-reader.ts';
import { discardQuarantined } from './quarantine-discard.ts';
import { openElsewhere, settleOthers } from './quarantine-writer.ts';
import { judge, rehearse } from './rehearse.ts';
import { gatherResources, vaultOf } from './resources.ts';
import { retireOthers } from './retire-others.ts';

export interface NormalizerDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  audit: Audit;
  keys: KeyStore;
  logger: Logger;
  clock: Clock;
}

/** The normalizer over the given stores. */
export function createNormalizer(deps: NormalizerDeps): Normalizer {
  return {
    check(profile) {
      compileProfile(profile, () => '');
    },
    normalize: (task) => normalize(deps, task),
    judge: (task) => judge(deps, task),
    rehearse: (task) => rehearse(deps, task),
    discard: (context, what, reason) => discardQuarantined(deps, context, what, reason),
    ...quarantineReader(deps),
  };
}

/** While the store writes one batch, the next one is parsed and mapped: one ahead and no more. */
async function normalize(deps: NormalizerDeps, task: NormalizeTask): Promise<NormalizeOutcome> {
  const frame = frameOf(task);
  const outcome: NormalizeOutcome = {
    counts: emptyCounts(),
    receipts: [],
    written: { inserted: 0, replaced: 0, moved: 0, stale: 0, retired: 0 },
  };
  const write = async (batch: Batch): Promise<void> => {
    const { receipt, written } = await writeBatch(deps, frame, task.runId, batch);
    outcome.receipts.push(receipt);
    addCounts(outcome.counts, receipt.counts);
    for (const key of ['inserted', 'replaced', 'moved', 'stale'] as const) outcome.written[key] += written[key];
    task.onProgress?.({ ...outcome.counts });
  };
  const open = () => deps.blobs.read(task.raw.bucket, task.raw.sha256);
  const refused = await openElsewhere(deps.relational, frame);
  const starts = new Set<number>();
  let writing: Promise<void> = Promise.resolve();
  const { profile } = task.profile;
  const resources = await gatherResources(deps, task.tenantId, profile);
  const vault = vaultOf(deps.keys, task.tenantId);
  try {
    for await (const batch of batches({ open, profile, frame, signal: task.signal, resources, vault })) {
      if (refused.size > 0)
        for (const { byteStart } of batch.records) if (refused.has(byteStart)) starts.add(byteStart);
      await writing;
      writing = write(batch);
      // Awaited above or below; until then a failure must not count as unhandled.
      writing.catch(() => {});
    }
  } finally {
    // When mapping throws, the write under way still ends before the caller may try again.
    await writing.catch(() => {});
  }
  await writing;
  const any = outcome.counts.records > 0;
  await settleOthers(deps.relational, frame, { starts: [...starts], size: task.raw.size, any });
  outcome.written.retired = await retireOthers(deps, frame, task.runId);
  outcome.counts.bytes = task.raw.size;
  return outcome;
}

function addCounts(sum: Counts, more: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += more[key];
}
