import type { Audit } from '#audit';
import type { Counts } from '#contracts';
import type { Clock, Logger } from '#kit';
import { type BlobStore, type CanonicalStore, decodeRecords, type KeyStore, type Relational } from '#storage';
import { type Batch, emptyCounts } from './batch-builder.ts';
import { writeBatch } from './batch-writer.ts';
import { batches } from './batches.ts';
import { checkProfile } from './compile.ts';
import { changesOf, heldBack, watchOf } from './drift.ts';
import { frameOf } from './frame.ts';
import { releaseHeld } from './hold-back.ts';
import { createMapper, type Mapper } from './mapper.ts';
import type { Normalizer, NormalizeOutcome, NormalizeTask } from './index.ts';
import { quarantineReader } from './quarantine-reader.ts';
import { discardQuarantined } from './quarantine-discard.ts';
import { openElsewhere, settleOthers } from './quarantine-writer.ts';
import { beginReading, endReading } from './readings.ts';
import { storeReference } from './lookup-resources.ts';
import { checkTables } from './check-tables.ts';
import { judge, rehearse } from './rehearse.ts';
import { createLoader, vaultOf } from './resources.ts';
import { expireRecords, keptFrom } from './retention.ts';
import { reveal } from './reveal.ts';
import { scan } from './scan.ts';
import { retireOthers } from './retire-others.ts';
import { sharesRanges } from './whole-reader.ts';

export interface NormalizerDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  audit: Audit;
  keys: KeyStore;
  logger: Logger;
  clock: Clock;
  /** How many threads map payloads, one payload each; 0 (the default) maps in the calling thread. */
  threads?: number;
}

interface Deps extends NormalizerDeps {
  mapper: Mapper;
}

/** The normalizer over the given stores. */
export function createNormalizer(given: NormalizerDeps): Normalizer {
  const mapper = createMapper({ threads: given.threads ?? 0, logger: given.logger });
  const deps: Deps = { ...given, mapper };
  return {
    check: checkProfile,
    checkTables: (profile) => checkTables(deps, profile),
    storeReference: (content) => storeReference(deps.blobs, content),
    normalize: (task) => normalize(deps, task),
    judge: (task) => judge(deps, task),
    rehearse: (task) => rehearse(deps, task),
    expireRecords: (scope, { dryRun }) => (dryRun ? deps.canonical.countBefore(scope) : expireRecords(deps, scope)),
    scan: (task) => scan(deps, task),
    reveal: (context, value, reason) => reveal(deps, context, value, reason),
    discard: (context, what, reason) => discardQuarantined(deps, context, what, reason),
    ...quarantineReader(deps),
    close: () => mapper.close(),
  };
}

/** While the store writes one batch, the next one is parsed and mapped: one ahead and no more. */
async function normalize(deps: Deps, task: NormalizeTask): Promise<NormalizeOutcome> {
  const { mapper } = deps;
  const frame = frameOf(task);
  const outcome: NormalizeOutcome = {
    counts: emptyCounts(),
    receipts: [],
    written: { inserted: 0, replaced: 0, moved: 0, stale: 0, retired: 0 },
  };
  const write = async (batch: Batch): Promise<void> => {
    const { receipt, written } = await writeBatch(deps, frame, task.runId, batch, resources);
    outcome.receipts.push(receipt);
    addCounts(outcome.counts, receipt.counts);
    for (const key of ['inserted', 'replaced', 'moved', 'stale'] as const) outcome.written[key] += written[key];
    task.onProgress?.({ ...outcome.counts });
  };
  const open = () => deps.blobs.read(task.raw.bucket, task.raw.sha256);
  const held = await heldBack(deps, task, frame, open);
  if (held.length > 0) return { ...outcome, held: true, changes: held };
  const input = { open, profile: task.profile.profile, frame, signal: task.signal, watch: watchOf(task) };
  // Before anything is written: a repeat must find what the first try was mapped with.
  const resources = await createLoader(deps, input.profile)(frame, 'pin');
  const vault = vaultOf(deps.keys, task.tenantId);
  await beginReading(deps.relational, frame);
  const byRow = sharesRanges(task.profile.profile);
  const refused = await openElsewhere(deps.relational, frame, byRow);
  const places = new Set<number>();
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const batch of batches({ ...input, resources, vault, mapper })) {
      outcome.shape = batch.shape;
      if (refused.size > 0) {
        for (const { byteStart, row } of decodeRecords(batch.records.block)) {
          const at = byRow ? row : byteStart;
          if (refused.has(at)) places.add(at);
        }
      }
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
  const { newest, others } = await endReading(deps.relational, frame);
  const any = outcome.counts.records > 0;
  const sizes = { size: task.raw.size, decoded: outcome.counts.bytes };
  await settleOthers(deps.relational, frame, newest, { places: [...places], byRow, ...sizes, any });
  if (others) outcome.written.retired = await retireOthers(deps, frame, newest, task.runId);
  const { records: period } = task.profile.profile.retention ?? {};
  if (period !== undefined) {
    // What an upstream gives once more, or a replay made anew, is not to come back for good.
    const scope = { tenantId: task.tenantId, sourceId: task.sourceId, beforeMs: keptFrom(period, deps.clock.now())! };
    await expireRecords(deps, scope, task.runId);
  }
  if (task.drift !== undefined) await releaseHeld(deps.relational, frame);
  outcome.changes = changesOf(task, outcome.shape);
  return outcome;
}

function addCounts(sum: Counts, more: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += more[key];
}
