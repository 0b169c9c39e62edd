import type { AuditEntry } from '#contracts';
import { shortId } from '#kit';

/** What the ledger says of a batch, and, when its job has settled, its receipt. */
export interface BatchFact {
  batchId: string;
  seq: bigint;
  runId: string | undefined;
  rawSha256: string;
  profileId: string;
  profileVersion: string;
  profileDigest: string;
  merkleRoot: string;
  leavesSha256: string;
  records: number;
  chunk: number;
  /** From the receipt, whose batch id proves them. */
  settled?: { sourceId: string; revision: bigint };
  /** Live records that the scan met. */
  live: number;
}

export function toBatchFact(entry: AuditEntry): BatchFact | undefined {
  if (entry.action !== 'batch.normalized' || !entry.resource.startsWith('batch:')) return undefined;
  const { details } = entry;
  const text = (name: string): string => String(details[name] ?? '');
  return {
    batchId: entry.resource.slice('batch:'.length),
    seq: BigInt(entry.seq),
    runId: entry.run_id,
    rawSha256: text('raw_sha256'),
    profileId: text('profile_id'),
    profileVersion: text('profile_version'),
    profileDigest: text('profile_digest'),
    merkleRoot: text('merkle_root'),
    leavesSha256: text('leaves_sha256'),
    records: Number(details.records ?? 0),
    chunk: Number(details.chunk ?? 0),
    live: 0,
  };
}

/** A batch's id is a function of these, so whoever changes one of them must show another id. */
export function batchIdOf(parts: {
  tenantId: string;
  sourceId: string;
  rawSha256: string;
  profileDigest: string;
  revision: bigint;
  chunk: number;
}): string {
  const { tenantId, sourceId, rawSha256, profileDigest, revision, chunk } = parts;
  return shortId(['batch', tenantId, sourceId, rawSha256, profileDigest, String(revision), String(chunk)]);
}
