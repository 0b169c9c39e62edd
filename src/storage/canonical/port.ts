import type { RecordKind } from '#contracts';

/**
 * A canonical record as the writer hands it over: flat, one object per record. Constant parts of a batch (tenant,
 * source, raw digest, profile, revision…) stand once in the RecordBatch, not here.
 */
export interface CanonicalRecord {
  kind: RecordKind;
  name: string;
  /** Milliseconds since the epoch; undefined for a timeless entity. */
  tsMs: number | undefined;
  /** 32 hexadecimal characters. */
  recordId: string;
  /** Metrics only. */
  value: number | undefined;
  unit: string;
  dimensions: Record<string, string>;
  measures: Record<string, number>;
  exact: Record<string, string> | undefined;
  byteStart: number;
  byteEnd: number;
  row: number;
  /** SHA-256, 64 hexadecimal characters; see contracts/v1/canonical/envelope.json. */
  recordHash: string;
}

/**
 * The records of a batch in the columnar form that the store takes, made by `createRecordEncoder`: plain bytes, so that a batch is encoded once,
 * where its records are made, and may be handed from one thread to another without a copy.
 */
export interface EncodedRecords {
  count: number;
  /** Record ids, 16 bytes each, in the order of the records. */
  ids: Uint8Array;
  /** Record hashes, 32 bytes each. */
  hashes: Uint8Array;
  /** Where the first record stands; undefined when there are none. A time that is missing is 0. */
  first: { kind: RecordKind; name: string; tsMs: number; recordId: string } | undefined;
  block: Uint8Array;
}

/** Records of one chunk of one payload under one profile version: the unit of writing, dedupe and audit. */
export interface RecordBatch {
  tenantId: string;
  sourceId: string;
  /** A function of (tenant, source, raw sha256, profile digest, revision, chunk): the deduplication token too. */
  batchId: string;
  rawSha256: string;
  profileId: string;
  profileVersion: string;
  profileDigest: string;
  revision: bigint;
  capturedAtMs: number;
  /** No two with the same recordId. */
  records: readonly CanonicalRecord[];
}

/** The same, encoded already. */
export type EncodedBatch = Omit<RecordBatch, 'records'> & { records: EncodedRecords };

export interface WriteResult {
  /** Records that no live row had before. */
  inserted: number;
  /** Records that replaced a live row at the same place (kind, name, ts). */
  replaced: number;
  /** Records that moved: their old row was retired by this write. */
  moved: number;
  /** Records left out because a newer revision of them is live elsewhere or here. */
  stale: number;
}

/** One payload of a source, as normalized by one profile version. */
export type RetireScope = Pick<RecordBatch, 'tenantId' | 'sourceId' | 'rawSha256' | 'profileDigest' | 'revision'>;

/** Records of a source whose time lies before a moment; those without a time are never meant. */
export interface ExpiryScope {
  tenantId: string;
  sourceId: string;
  beforeMs: number;
}

/** Live records of one batch that are about to be removed. */
export interface ExpiredBatch {
  batchId: string;
  /** Their record hashes, 32 bytes each, sorted. */
  hashes: Buffer;
}

/** A live record as it stands in the store. */
export interface StoredRecord extends CanonicalRecord {
  tenantId: string;
  sourceId: string;
  batchId: string;
  rawSha256: string;
  profileId: string;
  profileVersion: string;
  profileDigest: string;
  revision: bigint;
  capturedAtMs: number;
}

/** SQL made by the query compiler: text with ClickHouse placeholders `{p0:String}`, and their values. Users' text only ever stands in values. */
export interface ReadQuery {
  text: string;
  params: Record<string, string | number | readonly string[] | readonly number[]>;
  /** Time budget in milliseconds (default 30000); beyond it `query_too_heavy`. */
  timeoutMs?: number;
}

export interface TabularResult {
  columns: { name: string; type: string }[];
  rows: (string | number | null)[][];
}

/**
 * The canonical plane. Table `records`: ReplacingMergeTree(revision, is_deleted) ORDER BY (tenant_id, kind, name, ts,
 * record_id), read with FINAL. Columns: see schema.ts. Every record_id has at most one live row.
 */
export interface CanonicalStore {
  /** Creates or upgrades the tables. */
  migrate(): Promise<void>;
  /**
   * Writes one batch durably (fsync after insert) and returns what it did. Repeating a batch changes nothing, also when the first try died half way.
   * A record that is live at another (kind, name, ts) with a lower revision has that row retired in the same insert; one with a higher revision makes this one stale.
   * Errors: `storage_unavailable`, `disk_full` (both retryable).
   */
  write(batch: RecordBatch | EncodedBatch): Promise<WriteResult>;
  /**
   * Retires the live records of a payload that another profile version made before: after all batches of `revision` were
   * written, these are the records that the newer version keyed differently, quarantined or left out. Repeatable.
   * Returns how many it retired. Errors: as `write`.
   */
  retireOthers(payload: RetireScope): Promise<number>;
  /** Live records that `expireBefore` would remove. */
  countBefore(scope: ExpiryScope): Promise<number>;
  /**
   * Removes records for good, with what the store still holds of their older versions; nothing else comes to light by that. Before any goes, `announce` is told of
   * each batch's, some batches more than once, and must have made that durable when it resolves. No write of the source comes between. Repeatable, also when
   * it died half way. Returns how many live records went. Errors: as `write`, and what `announce` throws.
   */
  expireBefore(scope: ExpiryScope, announce: (batch: ExpiredBatch) => Promise<void>): Promise<number>;
  /** The live record, or undefined. */
  get(tenantId: string, recordId: string): Promise<StoredRecord | undefined>;
  /** Streams a tenant's live records, in no order that may be relied on but grouped by batch; for verification. */
  scan(tenantId: string, filter?: { sourceId?: string; batchId?: string }): AsyncIterable<StoredRecord[]>;
  /** Live records by source. */
  countBySource(tenantId: string): Promise<Map<string, number>>;
  /** Changes whenever rows of the tenant change; cheap. */
  dataVersion(tenantId: string): Promise<string>;
  /** Runs a compiled query, read-only. Errors: `query_too_heavy`, `storage_unavailable`. */
  read(query: ReadQuery): Promise<TabularResult>;
  /**
   * An empty store beside this one, for trying things out: what is written there never shows here. It is gone after
   * `close`, and when its process dies, with a later `migrate` of this store.
   */
  fork(): Promise<CanonicalFork>;
  /** A fork that another process made, by its name. Nothing is asked of the engine before it is used. Errors: `bad_request`. */
  attach(name: string): CanonicalFork;
  health(): Promise<void>;
  close(): Promise<void>;
}

/** Which live records of its origin a fork takes: those that meet every condition given. */
export interface CopyScope {
  tenantId: string;
  sourceId?: string;
  exceptSourceId?: string;
  names?: readonly { kind: RecordKind; name: string }[];
}

/** One record that a fork has otherwise than its origin. `before` is the origin's, `after` the fork's. */
export interface RecordChange {
  change: 'added' | 'changed' | 'retired';
  recordId: string;
  before: StoredRecord | undefined;
  after: StoredRecord | undefined;
}

/** What the records of a source say in a fork, beside its origin; by whom and from what they were made does not count. */
export interface RecordChanges {
  added: number;
  changed: number;
  retired: number;
  unchanged: number;
  /** Of each kind of change the first few by record id. */
  examples: RecordChange[];
}

export interface CanonicalFork extends CanonicalStore {
  /** By which other processes that use the same engine can attach it. */
  readonly name: string;
  /** Takes over live records of the store it was forked from, as they are. Records it has already stay. */
  copy(scope: CopyScope): Promise<void>;
  /** Compares the live records of a source with those of the origin. `examples`: how many of each kind of change. */
  compare(tenantId: string, sourceId: string, examples: number): Promise<RecordChanges>;
  /** Lets go of it here, and leaves it to those who know its name. */
  release(): Promise<void>;
}
