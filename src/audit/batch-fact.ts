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
  /** Records that took the place of one of an earlier batch of the payload: its leaves are `records` and these. */
  replaced: number;
  chunk: number;
  /** Not in the entry, but proven by the batch id, whoever says them: the receipt, or a record. */
  origin?: BatchOrigin;
  /** Has a receipt. */
  settled: boolean;
  /** Live records that the scan met. */
  live: number;
  /** Of its records, those that expired by retention, as the ledger says. */
  expired: number;
}

export interface BatchOrigin {
  sourceId: string;
  revision: bigint;
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
    replaced: Number(details.replaced ?? 0),
    chunk: Number(details.chunk ?? 0),
    settled: false,
    live: 0,
    expired: 0,
  };
}

/** Digests of the tables that a batch's mapping looked values up in. */
export function tablesOf({ details }: AuditEntry): string[] {
  return Object.keys(details)
    .filter((name) => name.startsWith('lookup_'))
    .map((name) => String(details[name]));
}

/** The ledger's word that what other profile versions made of a payload before a revision is live no more. */
export interface Retirement {
  sourceId: string;
  rawSha256: string;
  profileDigest: string;
  revision: bigint;
}

export function toRetirement(entry: AuditEntry): Retirement | undefined {
  if (entry.action !== 'records.retired') return undefined;
  const { source_id, raw_sha256, profile_digest, revision } = entry.details;
  return {
    sourceId: String(source_id),
    rawSha256: String(raw_sha256),
    profileDigest: String(profile_digest),
    revision: BigInt(String(revision)),
  };
}

/** The ledger's word that some of a batch's records went by retention: those of a list. */
export interface Expiry {
  batchId: string;
  seq: bigint;
  leavesSha256: string;
}

export function toExpiry(entry: AuditEntry): Expiry | undefined {
  if (entry.action !== 'records.expired' || !entry.resource.startsWith('batch:')) return undefined;
  const batchId = entry.resource.slice('batch:'.length);
  return { batchId, seq: BigInt(entry.seq), leavesSha256: String(entry.details.leaves_sha256) };
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

/** True when a batch of this tenant with that origin has this batch's id; then the origin is kept. */
export function isOrigin(fact: BatchFact, tenantId: string, origin: BatchOrigin): boolean {
  const known = fact.origin;
  if (known !== undefined && known.revision === origin.revision && known.sourceId === origin.sourceId) return true;
  if (batchIdOf({ ...fact, ...origin, tenantId }) !== fact.batchId) return false;
  fact.origin = { sourceId: origin.sourceId, revision: origin.revision };
  return true;
}
