/**
 * The audit plane: one append-only ledger per tenant, and what can be proven with it.
 * Guarantees: indices are contiguous from 0 and never reused; `append` resolves only once the entries are committed;
 * an entry's `prev` is the leaf hash of the one before, inside the leaf, so no byte changes without `verify` naming it.
 */
import type { AuditEntry } from '#contracts';
import type { Compression, Sql } from '#storage';

export interface NewEntry {
  tenantId: string;
  actor: string;
  /** `noun.verb`, e.g. `payload.captured`, `batch.normalized`, `run.succeeded`, `profile.applied`, `key.created`. */
  action: string;
  resource: string;
  outcome: AuditEntry['outcome'];
  runId?: string;
  /** Digests, counts, versions. Never payload values, secrets or personal data. */
  details: AuditEntry['details'];
  /** Names the fact: appending the same key again appends nothing and returns the first entry. */
  dedupeKey: string;
}

export interface LedgerEntry {
  seq: bigint;
  leafHash: string;
  entry: AuditEntry;
}

/** One thing that does not verify. `subject` names it: `ledger entry 17`, `blob raw/ab12…`, `record 3f…`, `batch 77…`. */
export interface Finding {
  plane: 'ledger' | 'raw' | 'canonical';
  subject: string;
  problem: string;
}

export interface VerifyReport {
  ok: boolean;
  entries: number;
  blobs: number;
  batches: number;
  records: number;
  /** Size and head of the ledger that was verified. */
  size: bigint;
  head: string;
  findings: Finding[];
}

/** From a record back to its bytes and forward to the entries that speak of it. */
export interface Lineage {
  record: Record<string, unknown>;
  /** The very bytes of the row, read by byte range out of what the blob holds, decoded (first 64 KiB), and whether the blob's digest holds. */
  raw: {
    sha256: string;
    bucket: string;
    key: string;
    byte_start: number;
    byte_end: number;
    row: number;
    content_type: string;
    captured_at: string;
    /** How the payload is compressed: byte ranges are of what it holds. */
    compression: Compression | undefined;
    /** Undefined, as `blob_verified`, once the payload has expired by the retention of its profile. */
    bytes: Buffer | undefined;
    blob_verified: boolean | undefined;
    expired_at: string | undefined;
  };
  profile: { id: string; version: string; digest: string };
  run: { run_id: string; state: string; requested_at: string } | undefined;
  batch: { batch_id: string; merkle_root: string; ledger_seq: string } | undefined;
  entries: LedgerEntry[];
}

export interface Audit {
  /**
   * Appends in order, in one transaction (the caller's `tx` when given, so that fact and entry commit together).
   * Errors: `storage_unavailable`, retryable; then the action that was to be recorded must not go on. `validation_failed`: an entry breaks
   * its contract or is larger than 8 KiB. Nothing is recorded then.
   */
  append(entries: readonly NewEntry[], tx?: Sql): Promise<LedgerEntry[]>;
  /** A page of entries in index order, from `after` (exclusive). */
  entries(tenantId: string, options?: { after?: bigint; limit?: number; runId?: string }): Promise<LedgerEntry[]>;
  head(tenantId: string): Promise<{ size: bigint; head: string }>;
  /**
   * Verifies everything: the chain from entry 0 to the head; every payload's digest against its blob; every batch's
   * leaf list against its Merkle root in the ledger; every live record's hash, recomputed from its columns, against its batch's leaves.
   * Never throws for what it finds: it names it (at most 1000 findings, then their number). Memory does not grow with the number of records.
   * A ledger that was cut shows in the receipts, payload references and runs that it had recorded. Records that are gone show when no newer batch
   * of their source can have replaced them and the ledger does not say that they expired. Not covered: see verify.ts. Errors: `storage_unavailable`.
   */
  verify(
    tenantId: string,
    options?: { onProgress?: (done: { plane: string; count: number }) => void },
  ): Promise<VerifyReport>;
  /** Errors: `not_found`; `blob_corrupt` when the bytes cannot be read. */
  lineage(tenantId: string, recordId: string): Promise<Lineage>;
}

export { createAudit } from './audit.ts';
export { createRemoteAudit } from './remote.ts';
export { auditRoutes } from './routes.ts';
export { recordHash, type HashedRecord } from './record-hash.ts';
