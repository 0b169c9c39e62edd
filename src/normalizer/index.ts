/**
 * Raw to canonical: streams a payload, splits it into rows with byte ranges, runs the compiled profile, validates each
 * candidate against its canonical contract, quarantines what fails, writes batches. Memory does not grow with the payload.
 * For every payload: candidates = records + quarantined + deduplicated + skipped; nothing vanishes. Repeating a task changes nothing.
 */
import type { Counts, Detector, Profile, QuarantineRecord, RawRef, ReasonCode, Scan } from '#contracts';
import type { RequestContext } from '#kit';
import type { CanonicalFork, CanonicalStore, Compression, ExpiryScope, RecordChanges } from '#storage';
import type { Proposal } from './drift-proposal.ts';
import type { ShapeChange } from './shape-changes.ts';
import type { KnownShape, ObservedShape, Shape } from './shape.ts';
import type { DecodedRow, RowRef } from './decoded-row.ts';

/** A profile version as applied. */
export interface AppliedProfile {
  profile: Profile;
  digest: string;
  /** The version's place in the order in which the versions of its profile became active, from 1; the high part of every record's revision. */
  ordinal: number;
}

export interface NormalizeTask {
  tenantId: string;
  sourceId: string;
  runId: string;
  jobId: string;
  raw: RawRef;
  profile: AppliedProfile;
  signal: AbortSignal;
  /** The shape of the rows is observed, and held against what is known. */
  drift?: DriftTask;
  onProgress?: (counts: Counts) => void;
}

export interface DriftTask {
  /** What is known of the source's rows. Undefined: it is learned. */
  known: KnownShape | undefined;
  /** What rows must look like in what the profile quarantines. The same for all payloads of a source under one version of the profile. */
  guard: Shape | undefined;
  /** Another payload was captured later and compared already. */
  older: boolean;
}

/** How the rows differ from what was known of them, and what the profile could say to follow. */
export interface DriftChange extends ShapeChange {
  proposal: Proposal;
}

/** What is to be stored about one batch when the job settles. */
export interface BatchReceipt {
  batchId: string;
  chunk: number;
  revision: bigint;
  counts: Counts;
  /** Blob (bucket `batches`) of the record hashes, 32 bytes each, sorted: the leaves of the batch's Merkle tree. */
  leavesSha256: string;
  merkleRoot: string;
  ledgerSeq: bigint;
}

export interface NormalizeOutcome {
  counts: Counts;
  receipts: BatchReceipt[];
  /** Rows that the store did not have before, replaced, moved, left as newer ones stand, or retired as only an older profile version gives them. */
  written: { inserted: number; replaced: number; moved: number; stale: number; retired: number };
  /** What the rows looked like, when that was to be observed. */
  shape?: ObservedShape | undefined;
  changes?: DriftChange[];
  /** Because of `changes` nothing was made of the payload but a quarantine row. */
  held?: boolean;
}

export interface Normalizer {
  /** Compiles a profile; throws `profile_invalid` with one detail (pointer into the profile, message) for each thing wrong. */
  check(profile: Profile): void;
  /**
   * Reads the reference files that a profile names by digest. Throws `profile_invalid` with a detail for each that is not stored or
   * cannot serve as a table; what the store throws.
   */
  checkTables(profile: Profile): Promise<void>;
  /** Stores the content of a reference file, so that profiles may name it by its digest. Repeatable. Errors: `validation_failed` when it is too large. */
  storeReference(content: Uint8Array): Promise<{ sha256: string; size: number }>;
  /**
   * Normalizes one payload: batches to the canonical store, failures to quarantine, one ledger entry a batch; open quarantine rows of the
   * same payload under other versions of the profile become `recovered` when the row now gives a record, else `superseded`. A version that became active
   * later wins, whichever ends first: then this one's records go, and its quarantine rows are `superseded`.
   * Errors: `storage_unavailable`, `disk_full`, `blob_corrupt`, `not_found`, `cancelled`.
   */
  normalize(task: NormalizeTask): Promise<NormalizeOutcome>;

  /** What a profile version would make of payloads, in numbers; writes nothing. Errors: as `normalize`. */
  judge(task: JudgeTask): Promise<Judgement>;
  /**
   * What a profile version would make of payloads, in a fork of the store that holds the source's records as they would be then.
   * The caller closes the fork. Live records, quarantine and ledger stay as they are. Errors: as `normalize`.
   */
  rehearse(task: RehearseTask): Promise<Rehearsal>;

  /**
   * Removes the records of a source that lie before a moment, after ledger entries `records.expired` for each batch; a dry run only counts them. Returns how many.
   * `normalize` does so by itself when the profile says how long records are kept. Errors: `storage_unavailable`, `disk_full`.
   */
  expireRecords(scope: ExpiryScope, options: { dryRun: boolean }): Promise<number>;

  /** Quarantine rows, newest first; `after` is the cursor of the page before. */
  quarantined(
    tenantId: string,
    options?: QuarantineFilter & { limit?: number; after?: string },
  ): Promise<{ items: QuarantineRecord[]; next: string | undefined }>;
  /** Open rows by source and reason code. */
  quarantineSummary(
    tenantId: string,
    options?: QuarantineFilter,
  ): Promise<{ source_id: string; reason_code: ReasonCode; count: number }[]>;
  /**
   * One row, with the bytes of its source row (first 64 KiB; undefined once the payload has expired), and how the payload that holds them is compressed.
   * Errors: `not_found`.
   */
  quarantinedRow(
    tenantId: string,
    quarantineId: string,
  ): Promise<{
    record: QuarantineRecord;
    bytes: Buffer | undefined;
    compression?: Compression | undefined;
    /** See `decodedRow`. */
    decoded?: DecodedRow | undefined;
  }>;
  /**
   * A row of a Parquet file or a workbook, whose bytes are shared with others and say nothing to a reader; undefined for other formats. Reads the
   * payload up to the row. Errors: `not_found` when the payload is gone.
   */
  decodedRow(tenantId: string, row: RowRef): Promise<DecodedRow | undefined>;
  /**
   * Gives open rows up, with a ledger entry `quarantine.discarded`; returns how many. Errors: `not_found` when there are none;
   * `conflict` when the row named is not open.
   */
  discard(context: RequestContext, scope: DiscardScope, reason: string): Promise<number>;
  /** Ends its threads; what they map then fails with `cancelled`. */
  close(): Promise<void>;

  /**
   * Looks through payloads for personal data: rows as their profiles read them, the rest as text, live records made of them, and exports that
   * rest on those. Stops when the time is up, after one payload at least. No value leaves it whole. Errors: `storage_unavailable`, `blob_corrupt`, `cancelled`.
   */
  scan(task: ScanTask): Promise<ScanResult>;
  /**
   * What an encrypted value or a token of a policy stands for, after a ledger entry `value.revealed`. Errors: `validation_failed` when it is neither;
   * `not_found` when its key was destroyed.
   */
  reveal(context: RequestContext, value: string, reason: string): Promise<string>;
}

export interface ScanTask {
  tenantId: string;
  payloads: readonly {
    sourceId: string;
    /** Its bytes are not to be read any more. */
    expired: boolean;
    raw: Pick<RawRef, 'bucket' | 'sha256' | 'captured_at'>;
    profile: Profile | undefined;
  }[];
  /** Default: all. */
  detectors?: readonly Detector[] | undefined;
  budgetMs: number;
  signal: AbortSignal;
}

/** `payloads`: how many of those given were looked through, from the first. */
export type ScanResult = Omit<Scan, 'next' | 'total'>;

export type DiscardScope = { quarantineId: string } | { sourceId: string; reasonCode: ReasonCode };

export interface JudgeTask {
  tenantId: string;
  sourceId: string;
  payloads: readonly RawRef[];
  /** A version as it is applied, or as it would be. */
  profile: AppliedProfile;
  /** Entities to look up in are those of now, also for payloads that this version has mapped (default: those it was mapped with). */
  reading?: 'now';
  signal: AbortSignal;
  /** As in DriftTask. */
  guard?: Shape | undefined;
}

/** What would become of the rows of some payloads. */
export interface Judgement {
  payloads: number;
  counts: Counts;
  /**
   * By reason: quarantine rows of these payloads that stand open, how many of them would be recovered, how many rows this version refuses,
   * and how many would stand open then: without those that were discarded before.
   */
  reasons: { reason_code: ReasonCode; open: number; recovered: number; refused: number; after: number }[];
}

export interface RehearseTask extends JudgeTask {
  /** Default: the live records. */
  base?: CanonicalStore;
  /** Starts without the source's records: only what the payloads give is there then. */
  alone?: boolean;
  /** How many examples of each kind of change. */
  examples: number;
}

export interface Rehearsal extends Judgement {
  /** The source's records beside those of the base. */
  changes: RecordChanges;
  store: CanonicalFork;
}

export interface QuarantineFilter {
  sourceId?: string;
  runId?: string;
  reasonCode?: ReasonCode;
  /** Default `open`. */
  state?: QuarantineRecord['state'];
}

export { checkProfile } from './compile.ts';
export { type Concealer, createConcealer } from './conceal.ts';
export { learnChange, learnShape } from './known-shape.ts';
export { storable } from './mask.ts';
export { isTextual } from './shape-cells.ts';
export { type KnownShape, type Shape, typeNames } from './shape.ts';
export type { DecodedRow, RowRef } from './decoded-row.ts';
export { createNormalizer } from './normalizer.ts';
export { createRemoteNormalizer } from './remote.ts';
export { normalizerRoutes } from './routes.ts';
export { keptFrom } from './retention.ts';
export { inferProfile, type Inference, type InferInput } from './infer.ts';
export { localLookups, type GivenEntity } from './local-lookups.ts';
export { preview, type Preview, type PreviewOptions } from './preview.ts';
