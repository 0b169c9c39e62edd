/** How long things are kept, and the going of records whose time is up. */
import type { Audit } from '#audit';
import type { Profile } from '#contracts';
import { isoMs, sha256Hex } from '#kit';
import type { BlobStore, CanonicalStore, ExpiryScope } from '#storage';

const dayMs = 86_400_000;
/** Before this there is nothing: no record is older. */
const firstMs = Date.UTC(1900, 0, 1);
const shape = /^P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$/;

/**
 * What a period keeps begins here (milliseconds): the start of today, in UTC, less the period; of a month that is too short, its last day. So it moves once
 * a day. Undefined when the text is no such period, or one of no day.
 */
export function keptFrom(period: string, nowMs: number): number | undefined {
  const found = shape.exec(period);
  if (found === null) return undefined;
  const [years, months, weeks, days] = found.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  if (years + months + weeks + days === 0) return undefined;
  const today = new Date(Math.floor(nowMs / dayMs) * dayMs);
  const month = today.getUTCFullYear() * 12 + today.getUTCMonth() - years * 12 - months;
  const lastDay = new Date(Date.UTC(Math.floor(month / 12), (month % 12) + 1, 0)).getUTCDate();
  const moved = Date.UTC(Math.floor(month / 12), month % 12, Math.min(today.getUTCDate(), lastDay));
  return Math.max(moved - (weeks * 7 + days) * dayMs, firstMs);
}

type Problem = (pointer: string, message: string) => void;

/** The contract has seen to the form. */
export function checkRetention({ retention }: Profile, problem: Problem): void {
  for (const [what, period] of Object.entries(retention ?? {})) {
    if (keptFrom(period, 0) === undefined) {
      problem(`/retention/${what}`, `${period} keeps nothing; write a day at least, as P1D, P90D or P2Y`);
    }
  }
}

interface ExpiryDeps {
  blobs: BlobStore;
  canonical: CanonicalStore;
  audit: Audit;
}

/**
 * Removes the records of a source that lie before a moment. For each batch the ledger says first which of its records go: a list of their hashes, sealed by its
 * digest, so that verification knows these and no others. Repeatable: the same list is recorded once. Returns how many went.
 */
export async function expireRecords(deps: ExpiryDeps, scope: ExpiryScope, runId?: string): Promise<number> {
  const { blobs, canonical, audit } = deps;
  const { tenantId, sourceId, beforeMs } = scope;
  return canonical.expireBefore(scope, async ({ batchId, hashes }) => {
    const sha256 = sha256Hex(hashes);
    await blobs.put('batches', hashes);
    await audit.append([
      {
        tenantId,
        actor: 'service:normalizer',
        action: 'records.expired',
        resource: `batch:${batchId}`,
        outcome: 'succeeded',
        ...(runId === undefined ? {} : { runId }),
        dedupeKey: `expired:${batchId}:${sha256}`,
        details: { source_id: sourceId, before: isoMs(beforeMs), records: hashes.length / 32, leaves_sha256: sha256 },
      },
    ]);
  });
}
