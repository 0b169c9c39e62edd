// Generated from contracts/v1 by `npm run generate`. Do not edit.
/* oxlint-disable */
/**
 * A name chosen by people: lower case letters, digits, dot, dash, underscore.
 */
export type Id = string;
/**
 * SHA-256 digest, lower case hexadecimal.
 */
export type Sha256 = string;
/**
 * Unsigned 64-bit integer as decimal text, because JSON numbers lose precision beyond 2^53.
 */
export type Uint64 = string;
export type Uuid = string;
/**
 * First 128 bits of SHA-256 over tenant, source, kind and the key values, each after its length; lower case hexadecimal. Under a policy HMAC-SHA-256 with the tenant's key instead.
 */
export type RecordId = string;
export type DriftMode = 'evolve' | 'freeze' | 'quarantine';
export type ValueType = 'null' | 'boolean' | 'integer' | 'number' | 'text' | 'list' | 'object' | 'time';
/**
 * A version: three whole numbers.
 */
export type Semver = string;
/**
 * RFC 3339 instant in UTC with exactly three fractional digits, 1900 to 2299. The writers also check that the date exists.
 */
export type Timestamp = string;
/**
 * deny: the candidate is quarantined; redact: the finding is replaced in its text; allow: nothing
 */
export type PolicyDefault = 'deny' | 'redact' | 'allow';
/**
 * A path (RFC 9535 singular query, or its shorthand: `a.b[0]`, a CSV column), or a rule.
 */
export type FieldRule = string | Rule;
/**
 * what is looked for
 */
export type Detector =
  | 'email'
  | 'iban'
  | 'card'
  | 'fr_nir'
  | 'it_codice_fiscale'
  | 'es_dni'
  | 'uk_nino'
  | 'us_ssn'
  | 'de_steuer_id'
  | 'se_personnummer'
  | 'nl_bsn'
  | 'phone'
  | 'ip'
  | 'date_of_birth'
  | 'mrn'
  | 'icd10';
export type RecordKind = 'metric' | 'event' | 'entity';
/**
 * What is measured, what happened, or what type of thing it is.
 */
export type RecordName = string;
/**
 * Why a row or candidate was quarantined.
 */
export type ReasonCode =
  | 'parse_error'
  | 'truncated'
  | 'invalid_utf8'
  | 'ragged_row'
  | 'row_too_large'
  | 'empty_payload'
  | 'archive_unreadable'
  | 'decoded_too_large'
  | 'no_rows'
  | 'too_deep'
  | 'missing_field'
  | 'cast_failed'
  | 'time_invalid'
  | 'time_ambiguous'
  | 'time_out_of_range'
  | 'value_out_of_range'
  | 'value_not_mapped'
  | 'lookup_missed'
  | 'pattern_mismatch'
  | 'expression_failed'
  | 'schema_drift'
  | 'contract_violation'
  | 'policy_violation'
  | 'subject_erased';
export type QueryColumn =
  | string
  | {
      /**
       * value | ts | name | unit | source_id | record_id | dimensions.NAME | measures.NAME
       */
      field: string;
      as: string;
    };
/**
 * Every error code, stable.
 */
export type ErrorCode =
  | 'internal'
  | 'bad_request'
  | 'validation_failed'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'idempotency_mismatch'
  | 'version_exists'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'backpressure'
  | 'storage_unavailable'
  | 'service_unavailable'
  | 'disk_full'
  | 'data_dir_locked'
  | 'port_in_use'
  | 'config_invalid'
  | 'workspace_invalid'
  | 'profile_invalid'
  | 'profile_limit_exceeded'
  | 'secret_missing'
  | 'upstream_error'
  | 'upstream_unreachable'
  | 'upstream_timeout'
  | 'upstream_too_large'
  | 'upstream_rejected'
  | 'egress_denied'
  | 'breaker_open'
  | 'schema_drift'
  | 'blob_corrupt'
  | 'ledger_corrupt'
  | 'store_corrupt'
  | 'poisoned'
  | 'query_too_heavy'
  | 'render_failed'
  | 'cancelled'
  | 'usage';

export interface ContractsV1 {
  AppliedDocumentView?: AppliedDocumentView;
  ApplyRequest?: ApplyRequest;
  Checkpoint?: Checkpoint;
  DeadLetterState?: DeadLetterState;
  DiscardRequest?: DiscardRequest;
  DriftDecision?: DriftDecision;
  Health?: Health;
  ApiKeyCreated?: ApiKeyCreated;
  KeyRequest?: KeyRequest;
  ApiKey?: ApiKey;
  LedgerEntryView?: LedgerEntryView;
  LineageView?: LineageView;
  ProfileDiffRequest_side?: ProfileDiffSide;
  ProfileDiffRequest?: ProfileDiffRequest;
  ProfileDocument?: ProfileDocument;
  PromoteRequest?: PromoteRequest;
  PromotionView?: PromotionView;
  QuarantineCount?: QuarantineCount;
  QuarantineDiscardRequest?: QuarantineDiscardRequest;
  QuarantineDiscarded?: QuarantineDiscarded;
  QuarantinedRow?: QuarantinedRow;
  RecoveryPreviewRequest?: RecoveryPreviewRequest;
  RecoveryPreview?: RecoveryPreview;
  RecoveryRequest?: RecoveryRequest;
  ReferenceUpload?: ReferenceUpload;
  Reference?: Reference;
  ReplayPreview_version?: ProfileVersion;
  ReplayPreview_fields?: RecordFields;
  ReplayPreview?: ReplayPreview;
  ReplayRequest?: ReplayRequest;
  Replay?: Replay;
  ReportDocument?: ReportDocument;
  RetentionRequest?: RetentionRequest;
  RetentionView?: RetentionView;
  RevealRequest?: RevealRequest;
  Revealed?: Revealed;
  ScanRequest?: ScanRequest;
  Scan_item?: ScanItem;
  Scan_sample?: ScanSample;
  Scan_export?: ScanExport;
  Scan?: Scan;
  SourceDocument?: SourceDocument;
  SourceTotals?: SourceTotals;
  VerifyReportView?: VerifyReportView;
  AuditEntry?: AuditEntry;
  Entity?: Entity;
  Envelope?: Envelope;
  Event?: Event;
  Metric?: Metric;
  Provenance?: Provenance;
  Common_id?: Id;
  Common_uuid?: Uuid;
  Common_sha256?: Sha256;
  Common_record_id?: RecordId;
  Common_timestamp?: Timestamp;
  Common_uint64?: Uint64;
  Common_semver?: Semver;
  Common_kind?: RecordKind;
  Common_name?: RecordName;
  Common_dimensions?: Dimensions;
  Common_measures?: Measures;
  Common_exact?: Exact;
  Common_decoded_row?: DecodedRow;
  Common_counts?: Counts;
  ErrorCode?: ErrorCode;
  Problem?: Problem;
  DeadLetter?: DeadLetter;
  Job?: Job;
  Run_failure?: FailureInfo;
  Run?: Run;
  Step?: Step;
  Policy_default?: PolicyDefault;
  Policy_detector?: Detector;
  Policy_fieldPolicy?: FieldPolicy;
  Policy?: Policy;
  Profile_driftMode?: DriftMode;
  Profile_drift?: DriftModes;
  Profile_field?: FieldRule;
  Profile_rule?: Rule;
  Profile_conversion?: Conversion;
  Profile_lookup?: Lookup;
  Profile_lookupTable?: LookupTable;
  Profile_replacement?: Replacement;
  Profile_numberFormat?: NumberFormat;
  Profile_explode?: Explode;
  Profile_record?: RecordRule;
  Profile?: Profile;
  QuarantineRecord?: QuarantineRecord;
  ReasonCode?: ReasonCode;
  RawRef?: RawRef;
  Manifest?: Manifest;
  Projection?: Projection;
  QueryResult?: QueryResult;
  Query_group?: QueryColumn;
  Query_filter?: QueryFilter;
  Query_aggregate?: QueryAggregate;
  Query?: Query;
  Report?: Report;
  Source?: Source;
  Workspace?: Workspace;
  DriftEvent_valueType?: ValueType;
  DriftEvent_patchOperation?: PatchOperation;
  DriftEvent?: DriftEvent;
  JobStatus?: JobStatus;
  LogEntry?: LogEntry;
}
/**
 * What became of one document.
 */
export interface AppliedDocumentView {
  kind: 'source' | 'profile' | 'report';
  id: Id;
  version: string;
  digest: Sha256;
  change: 'created' | 'updated' | 'unchanged' | 'staged';
}
/**
 * Documents of a workspace, to be validated together and registered together, or not at all.
 */
export interface ApplyRequest {
  documents: {
    kind: 'source' | 'profile' | 'report';
    /**
     * where it was read from, for messages
     */
    file?: string;
    /**
     * the document itself; validated against the contract of its kind
     */
    spec: {
      [k: string]: unknown;
    };
  }[];
  /**
   * validate and compare, register nothing
   */
  dry_run?: boolean;
  /**
   * register the profiles without making them active; the other documents are validated, and left as they are
   */
  stage?: boolean;
}
/**
 * Size and head of a tenant's ledger.
 */
export interface Checkpoint {
  size: Uint64;
  head: Sha256;
}
/**
 * What became of a dead letter.
 */
export interface DeadLetterState {
  job_id: Uuid;
  state: 'retried' | 'discarded';
}
/**
 * Why a dead letter or a quarantined row is given up.
 */
export interface DiscardRequest {
  reason: string;
}
/**
 * What became of a drift event, and of the work that it held back.
 */
export interface DriftDecision {
  event: DriftEvent;
  /**
   * jobs that were held back and are on the queue again
   */
  retried: number;
  /**
   * the source is still stopped
   */
  stopped: boolean;
}
/**
 * The rows of a source came to look other than they did. `drift_id` is a function of source, place and change, so that a change is told once.
 */
export interface DriftEvent {
  drift_id: RecordId;
  tenant_id: Id;
  source_id: Id;
  run_id: Uuid;
  change: 'field_added' | 'field_lost' | 'type_changed' | 'records_changed';
  /**
   * breaking: no row can become a record as before, and the source is stopped
   */
  severity: 'info' | 'warning' | 'breaking';
  mode: DriftMode;
  /**
   * payloads that show it are held back
   */
  held: boolean;
  /**
   * RFC 6901 in the row, with * for the items of a list and the members of a map; empty for the row itself; of a page's cursor its JSONPath
   */
  path: string;
  before: ValueType[];
  after: ValueType[];
  message: string;
  /**
   * the first value that showed it, masked
   */
  sample_masked?: string;
  raw_sha256: Sha256;
  row?: number;
  byte_start?: number;
  byte_end?: number;
  profile_id: Id;
  profile_version: Semver;
  profile_digest: Sha256;
  /**
   * RFC 6902: what the profile could say to follow the change; empty when there is nothing to write
   */
  edit: PatchOperation[];
  /**
   * why the edit is as it is, or why there is none
   */
  note: string;
  state: 'open' | 'accepted' | 'ignored';
  first_seen: Timestamp;
  decided_at?: Timestamp;
  decided_by?: string;
}
export interface PatchOperation {
  op: 'add' | 'remove' | 'replace';
  /**
   * RFC 6901 in the profile
   */
  path: string;
  value?: unknown;
}
/**
 * Whether the parts of the house answer.
 */
export interface Health {
  status: 'ok' | 'degraded';
  version: string;
  stores: {
    store: 'relational' | 'canonical' | 'blobs';
    ok: boolean;
    /**
     * What keeps it, such as pglite, postgres, chdb, clickhouse, files.
     */
    engine?: string;
  }[];
  queues: {
    queue: string;
    depth: number;
  }[];
  upstreams: {
    domain: string;
    breaker: 'closed' | 'half_open' | 'open';
    in_flight: number;
    failures: number;
  }[];
}
/**
 * A new API key with its secret, which is shown here and nowhere again.
 */
export interface ApiKeyCreated {
  key: ApiKey;
  secret: string;
}
/**
 * An API key, without its secret.
 */
export interface ApiKey {
  key_id: Id;
  name: string;
  role: 'admin' | 'operator' | 'viewer';
  created_at: Timestamp;
  revoked_at?: Timestamp;
}
/**
 * A new API key.
 */
export interface KeyRequest {
  /**
   * what the key is for
   */
  name: string;
  role: 'admin' | 'operator' | 'viewer';
}
/**
 * An entry of the ledger with its place and its leaf hash.
 */
export interface LedgerEntryView {
  seq: Uint64;
  leaf_hash: Sha256;
  entry: AuditEntry;
}
/**
 * One leaf of a tenant's ledger. `prev` is the leaf hash of the entry before (64 zeros for the first); the leaf hash is SHA-256(0x00 || RFC 8785 form), as in RFC 6962.
 */
export interface AuditEntry {
  t: 'chartly/v1/entry';
  /**
   * names the log
   */
  origin: string;
  seq: Uint64;
  prev: Sha256;
  at: Timestamp;
  /**
   * who acted: key:ID, service:NAME, or cli
   */
  actor: string;
  /**
   * verb, e.g. payload.captured, batch.normalized, source.applied
   */
  action: string;
  resource: string;
  outcome: 'succeeded' | 'failed' | 'denied' | 'quarantined';
  run_id?: Uuid;
  /**
   * digests, counts, versions; never payload values, secrets or personal data
   */
  details: {
    [k: string]: string | number | boolean;
  };
}
/**
 * From a record back to its bytes, and forward to the ledger entries that speak of it.
 */
export interface LineageView {
  record: {
    [k: string]: unknown;
  };
  raw: {
    sha256: Sha256;
    bucket: string;
    key: string;
    byte_start: number;
    byte_end: number;
    row: number;
    content_type: string;
    captured_at: Timestamp;
    /**
     * how the payload is compressed; byte ranges are of what it holds (of several files of an archive: one after the other)
     */
    compression?: 'gzip' | 'zstd' | 'zip';
    decoded_row?: DecodedRow;
    /**
     * the very bytes of the row (first 64 KiB), decoded; absent once the payload has expired, and where there is a decoded row
     */
    bytes_base64?: string;
    /**
     * the bytes as stored match their digest; absent once the payload has expired
     */
    blob_verified?: boolean;
    expired_at?: Timestamp;
    /**
     * the bytes are not shown: the source's profile has a policy, and they need the role operator
     */
    withheld?: true;
  };
  profile: {
    id: Id;
    version: Semver;
    digest: Sha256;
  };
  run?: {
    run_id: Uuid;
    state: string;
    requested_at: Timestamp;
  };
  batch?: {
    batch_id: RecordId;
    merkle_root: Sha256;
    ledger_seq: Uint64;
  };
  entries: LedgerEntryView[];
}
/**
 * a row of a Parquet file or a workbook, whose byte range is that of what holds it, beside other rows
 */
export interface DecodedRow {
  /**
   * what the byte range is the range of
   */
  within: 'row_group' | 'sheet';
  /**
   * the row as JSON (first 64 Ki characters); absent when it cannot be read, or is not found within 30 seconds
   */
  json?: string;
}
/**
 * a registered version by its name, or a profile as it stands in a file
 */
export interface ProfileDiffSide {
  applied?: string;
  profile?: Profile;
}
/**
 * How payloads become canonical records. Immutable once applied: a change needs a new version.
 */
export interface Profile {
  profile: Id;
  version: Semver;
  title?: string;
  description?: string;
  /**
   * tsv is csv with tabs
   */
  format: 'json' | 'ndjson' | 'csv' | 'tsv' | 'xml' | 'parquet' | 'xlsx';
  /**
   * how the payload is compressed (default auto: as its first bytes say). Byte ranges are of what it holds
   */
  compression?: 'auto' | 'none' | 'gzip' | 'zstd' | 'zip';
  zip?: ZipOptions;
  limits?: PayloadLimits;
  /**
   * json: RFC 9535 JSONPath of the rows (default `$`, or `$[*]` for an array); xml: path of the elements that are rows, as `/rss/channel/item` or `//item` (default `/* /*`)
   */
  select?: string;
  xml?: XmlOptions;
  csv?: {
    /**
     * how the payload's bytes are text (default utf-8)
     */
    encoding?: 'utf-8' | 'utf-16le' | 'windows-1252' | 'iso-8859-1';
    /**
     * default: a comma, or for tsv a tab
     */
    delimiter?: string;
    quote?: string;
    header?: boolean;
    columns?: string[];
  };
  xlsx?: XlsxOptions;
  parquet?: {
    /**
     * what columns of bytes become that declare no meaning; text is for writers that leave the mark of texts out (default base64)
     */
    binary?: 'base64' | 'hex' | 'text';
  };
  /**
   * IANA zone of times without offset (default UTC)
   */
  timezone?: string;
  /**
   * texts that mean missing in every field (the empty text always does)
   */
  null_values?: string[];
  /**
   * what becomes of personal data: the id of a policy in policies/, or a policy. With one, record ids are keyed hashes
   */
  policy?: Id | Policy;
  records: RecordRule[];
  /**
   * tables that rules look values up in, by name: reference files of the workspace, or entities that are canonical already
   */
  lookups?: {
    [k: string]: LookupTable;
  };
  dedupe?: Dedupe;
  retention?: Retention;
  drift?: DriftModes;
}
export interface ZipOptions {
  /**
   * name or glob (`*`, `**`, `?`) of the files of the archive to read, one after the other in its order; without a slash it looks at the file's name in any folder (default: the one file that there is)
   */
  member: string;
}
/**
 * what a compressed payload may hold; beyond it the rest is quarantined (decoded_too_large)
 */
export interface PayloadLimits {
  /**
   * bytes once decompressed (default 68719476736, 64 GiB)
   */
  decoded_bytes?: number;
  /**
   * bytes once decompressed for each byte that is compressed, looked at beyond 16 MiB (default 200)
   */
  decoded_ratio?: number;
}
export interface XmlOptions {
  /**
   * whether names keep their namespace prefixes, as in `dc:date` (default keep)
   */
  prefixes?: 'keep' | 'drop';
  /**
   * elements that are a list even where one comes alone: a name, or a path in the row such as `authors/author`; those that a record rule explodes always are
   */
  lists?: string[];
}
export interface XlsxOptions {
  /**
   * the sheet by its name, or its place from 1 (default: the first that is not hidden)
   */
  sheet?: string | number;
  /**
   * number of the row with the columns' names, as the sheet counts; rows before it are passed over (default: the first with values, or none when columns are named)
   */
  header_row?: number;
  /**
   * cells to read: B3:F200, B3:F (to the end) or B:F
   */
  range?: string;
  /**
   * names of the columns, from the first of the range on; without header_row no row is a header
   */
  columns?: string[];
}
/**
 * What becomes of personal data that a profile's records would hold. Stands in a profile, or in a file of policies/ that profiles name.
 */
export interface Policy {
  policy?: Id;
  use?: Id;
  description?: string;
  /**
   * ISO 3166 code of the country of phone numbers that are written without +
   */
  country?: string;
  /**
   * what becomes of a finding in a field that `fields` does not name (default: deny for every detector)
   */
  detectors?: {
    email?: PolicyDefault;
    iban?: PolicyDefault;
    card?: PolicyDefault;
    fr_nir?: PolicyDefault;
    it_codice_fiscale?: PolicyDefault;
    es_dni?: PolicyDefault;
    uk_nino?: PolicyDefault;
    us_ssn?: PolicyDefault;
    de_steuer_id?: PolicyDefault;
    se_personnummer?: PolicyDefault;
    nl_bsn?: PolicyDefault;
    phone?: PolicyDefault;
    ip?: PolicyDefault;
    date_of_birth?: PolicyDefault;
    mrn?: PolicyDefault;
    icd10?: PolicyDefault;
  };
  subject?: FieldRule;
  /**
   * by field of the records: `dimensions.email`, or `records[1].dimensions.email` of one record rule alone
   */
  fields?: {
    [k: string]: FieldPolicy;
  };
}
export interface Rule {
  /**
   * path in the row; inside unpivot also `@column` and `@cell`, inside explode `@item`, `@item.x` and `@index`
   */
  path?: string;
  const?: string | number | boolean;
  /**
   * CEL expression that gives the value; it sees `row`, with unpivot `column` and `cell`, with explode `item` and `index`
   */
  cel?: string;
  lookup?: Lookup;
  /**
   * target type (default: text for dimensions, float for measures and value, datetime for ts)
   */
  cast?:
    | 'text'
    | 'float'
    | 'int64'
    | 'decimal'
    | 'boolean'
    | 'datetime'
    | 'epoch_s'
    | 'epoch_ms'
    | 'epoch_us'
    | 'epoch_ns'
    | 'duration_s';
  /**
   * date-time formats, tried in order: by name (iso, iso_basic, iso_week, iso_ordinal, quarter, rfc2822), or tokens as in `MMM d yyyy`, `yyyy/MM/dd HH:mm`
   */
  format?: string | string[];
  /**
   * IANA zone of times without offset (default: the profile's, else UTC)
   */
  timezone?: string;
  /**
   * a local time that occurs twice or never: take the earlier or later offset, or quarantine (default earlier)
   */
  ambiguous?: 'earlier' | 'later' | 'reject';
  /**
   * default true
   */
  trim?: boolean;
  /**
   * a run of white space becomes one space (default false)
   */
  collapse?: boolean;
  /**
   * pattern (RE2): the first group of its first match, or the match, goes on; no match means missing. Before all other cleansing
   */
  extract?: string;
  /**
   * pattern (RE2) that must be found in the cleansed text, else it is quarantined (pattern_mismatch); ^ and $ bind it to the whole text
   */
  matches?: string;
  /**
   * texts and patterns to replace, after extract and before any other cleansing; in one pass from left to right, the first of the list that fits
   */
  replace?: Replacement[];
  number_format?: NumberFormat;
  case?: 'lower' | 'upper';
  null_values?: string[];
  map?: {
    [k: string]: string;
  };
  default?: string | number | boolean;
  /**
   * missing or null is quarantined (ts, value, key: always required; others: left out when missing)
   */
  required?: boolean;
  min?: number;
  max?: number;
  /**
   * a number outside min and max becomes the bound, instead of being quarantined (default false)
   */
  clamp?: boolean;
  /**
   * factor of a unit conversion, multiplied in decimal; min and max are of the product
   */
  scale?: number;
  convert?: Conversion;
  unit?: string;
  /**
   * a datetime before this date or RFC 3339 instant is quarantined (time_out_of_range)
   */
  earliest?: string;
  /**
   * a datetime at or after this date or RFC 3339 instant is quarantined (time_out_of_range)
   */
  latest?: string;
}
/**
 * a value of the table's row or entity that has the key
 */
export interface Lookup {
  /**
   * name of a table under lookups
   */
  in: string;
  /**
   * field that gives the key, or a list of them when the table has several; missing gives a missing value
   */
  key: FieldRule | FieldRule[];
  /**
   * what is taken: a column or path of the file's row, a dimension or measure of the entity
   */
  field: string;
  /**
   * the table has no such key, and the rule no default (default: quarantine, as lookup_missed)
   */
  on_no_match?: 'quarantine' | 'missing';
}
export interface Replacement {
  /**
   * literal text, not a pattern
   */
  text?: string;
  /**
   * pattern (RE2), instead of a text
   */
  pattern?: string;
  /**
   * what is put in; for a pattern $1 to $9 are its groups, $0 the match and $$ a dollar sign
   */
  with: string;
}
/**
 * how numbers are written in text (JSON numbers are taken as they are)
 */
export interface NumberFormat {
  /**
   * decimal separator (default .)
   */
  decimal?: '.' | ',';
  /**
   * thousands separator; a space is also a no-break or thin one, ' also the typographic one (default none)
   */
  group?: ',' | '.' | ' ' | "'" | '_';
  /**
   * a number with a percent sign behind it is hundredths: 12.5 % is 0.125 (default false)
   */
  percent?: boolean;
}
/**
 * conversion between two units of one quantity, in exact decimals; min and max are of the result, and so is the unit of a metric that states none
 */
export interface Conversion {
  from: string;
  to: string;
}
export interface FieldPolicy {
  /**
   * deny: a finding quarantines; allow: stays, for a reason; redact: findings are replaced; mask, hash, tokenise, encrypt: the whole value, whatever it holds
   */
  action: 'deny' | 'allow' | 'redact' | 'mask' | 'hash' | 'tokenise' | 'encrypt';
  /**
   * what the field is likely to hold, so that forms are found that are too common elsewhere
   */
  contains?: Detector[];
  /**
   * of the field's phone numbers (default: the policy's)
   */
  country?: string;
  /**
   * why `allow` is right
   */
  reason?: string;
  /**
   * how many characters `mask` shows at the end (default 4), never more than a quarter of the value
   */
  keep_last?: number;
}
export interface RecordRule {
  kind: RecordKind;
  name: FieldRule;
  /**
   * fields whose values identify the record
   */
  key: FieldRule[];
  /**
   * one candidate per named column (or per column that is not excluded); rules see @column and @cell
   */
  unpivot?: {
    columns?: string[];
    exclude?: string[];
    /**
     * an empty cell (default skip)
     */
    on_missing?: 'skip' | 'quarantine';
  };
  /**
   * a list in the row: one candidate for each of its items; rules see @item (and @item.x) and @index
   */
  explode?: string | Explode;
  /**
   * CEL condition of each candidate; false skips it
   */
  when?: string;
  ts?: FieldRule;
  value?: FieldRule;
  unit?: string;
  dimensions?: {
    [k: string]: FieldRule;
  };
  measures?: {
    [k: string]: FieldRule;
  };
  /**
   * a required field is missing (default quarantine)
   */
  on_missing?: 'skip' | 'quarantine';
}
export interface Explode {
  /**
   * path of the list in the row
   */
  path: string;
  /**
   * the list is missing or empty (default: the on_missing of the record rule)
   */
  on_missing?: 'skip' | 'quarantine';
}
export interface LookupTable {
  /**
   * reference file in the workspace; its content is part of the version: another content needs another version
   */
  file?: string;
  sha256?: Sha256;
  /**
   * of the file (default: by its name)
   */
  format?: 'json' | 'ndjson' | 'csv' | 'tsv';
  /**
   * RFC 9535 JSONPath of the rows in a JSON file (default `$`, or `$[*]` for an array)
   */
  select?: string;
  delimiter?: string;
  /**
   * of a CSV or TSV file (default utf-8)
   */
  encoding?: 'utf-8' | 'utf-16le' | 'windows-1252' | 'iso-8859-1';
  entities?: LookupEntities;
  /**
   * of several entities with one key: the latest that is not after the record's ts, or the latest of all (default ts)
   */
  at?: 'ts' | 'latest';
  /**
   * what a row or entity is found by: a column or path of the file, a dimension of the entity; or a list of them
   */
  key: string | string[];
}
export interface LookupEntities {
  source?: Id;
  /**
   * the entities' name
   */
  name: string;
}
/**
 * what becomes of several candidates with one key inside one payload (default: keep last)
 */
export interface Dedupe {
  keep: 'first' | 'last' | 'greatest' | 'merge';
  by?: FieldRule;
  /**
   * with merge: how numbers of several candidates become one, by name of the measure, or `value` of a metric (default last)
   */
  combine?: {
    [k: string]: 'sum' | 'min' | 'max' | 'first' | 'last';
  };
}
/**
 * how long what this profile's sources gave is kept, as ISO 8601 durations of whole days; what is left out is kept for good
 */
export interface Retention {
  /**
   * records, from their own time on; those without a time are kept
   */
  records?: string;
  /**
   * payloads, from their capture on; one with open quarantine rows waits for them
   */
  raw?: string;
  /**
   * open quarantine rows, from when they were found; then they are expired
   */
  quarantine?: string;
}
/**
 * what happens when rows come to look other than they did: evolve takes them and tells (default), quarantine refuses the rows that show it, freeze holds the whole payload back
 */
export interface DriftModes {
  fields?: DriftMode;
  types?: DriftMode;
  records?: DriftMode;
}
/**
 * Two versions of a profile, to be compared on the payloads of a source.
 */
export interface ProfileDiffRequest {
  a: ProfileDiffSide;
  b: ProfileDiffSide;
  source?: Id;
}
/**
 * A registered version of a profile.
 */
export interface ProfileDocument {
  profile: Profile;
  digest: Sha256;
  /**
   * place in the order in which the versions became active; absent while staged
   */
  ordinal?: number;
  /**
   * active: new payloads are read with it; staged: it never was active; superseded: it was
   */
  state: 'active' | 'staged' | 'superseded';
  applied_at: Timestamp;
  activated_at?: Timestamp;
}
/**
 * Which version of the profile is to be the active one.
 */
export interface PromoteRequest {
  version: Semver;
  /**
   * replay the sources of the profile under it
   */
  replay?: boolean;
  /**
   * say what promoting and replaying would change, and change nothing
   */
  dry_run?: boolean;
}
/**
 * A version of a profile that became the active one, or would.
 */
export interface PromotionView {
  profile: PromotedVersion;
  replaces?: Semver;
  /**
   * unchanged: it is the active one already
   */
  change: 'promoted' | 'unchanged';
  /**
   * that the profile maps
   */
  sources: Id[];
  /**
   * the replays that were asked for
   */
  runs: Run[];
  /**
   * of a dry run: what the replay of each source with payloads would change
   */
  previews?: ReplayPreview[];
}
export interface PromotedVersion {
  id: Id;
  version: Semver;
  digest: Sha256;
}
/**
 * One execution of a source's workflow.
 */
export interface Run {
  run_id: Uuid;
  tenant_id: Id;
  source_id: Id;
  trigger: 'api' | 'cli' | 'schedule' | 'push' | 'replay';
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'quarantined' | 'cancelled';
  requested_at: Timestamp;
  started_at?: Timestamp;
  ended_at?: Timestamp;
  counts: Counts;
  /**
   * payloads captured
   */
  pages: number;
  /**
   * payloads the upstream said had not changed
   */
  unchanged: number;
  dead_letters: number;
  request_id?: string;
  error?: FailureInfo;
  /**
   * its stages; only when one run is asked for
   */
  steps?: Step[];
}
/**
 * What became of the rows of a payload, a run or a source.
 */
export interface Counts {
  /**
   * rows read from payloads
   */
  rows: number;
  /**
   * records that the rows should give (one row may give several); candidates = records + quarantined + deduplicated + skipped
   */
  candidates: number;
  /**
   * records written to the canonical plane
   */
  records: number;
  /**
   * candidates (or unreadable rows) sent to quarantine
   */
  quarantined: number;
  /**
   * candidates dropped by the profile's dedupe rule
   */
  deduplicated: number;
  /**
   * candidates left out because the profile says so (`when`, `on_missing: skip`)
   */
  skipped: number;
  /**
   * decoded payload bytes read
   */
  bytes: number;
}
export interface FailureInfo {
  code: string;
  message: string;
  action?: string;
  at?: Timestamp;
  attempt?: number;
}
/**
 * One stage of a run; it ends when its last job settles.
 */
export interface Step {
  run_id: Uuid;
  step: 'fetch' | 'normalize';
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'quarantined' | 'cancelled';
  jobs_total: number;
  jobs_done: number;
  jobs_failed: number;
  started_at?: Timestamp;
  ended_at?: Timestamp;
}
/**
 * What normalizing payloads again would change, or how two versions of a profile differ on them. Nothing was written.
 */
export interface ReplayPreview {
  source_id: Id;
  compared_to?: ProfileVersion;
  profile: ProfileVersion;
  payloads: number;
  counts: Counts;
  records: {
    added: number;
    changed: number;
    retired: number;
    unchanged: number;
  };
  /**
   * up to twenty of each kind of change
   */
  examples: RecordChangeView[];
  /**
   * open rows of these payloads by reason, before and after, and how many of those before would be recovered
   */
  quarantine: {
    reason_code: ReasonCode;
    before: number;
    recovered?: number;
    after: number;
  }[];
  /**
   * every section of an applied report that reads records of the source
   */
  reports: SectionChangeView[];
}
export interface ProfileVersion {
  id: Id;
  version: Semver;
  digest: Sha256;
}
export interface RecordChangeView {
  change: 'added' | 'changed' | 'retired';
  record_id: RecordId;
  before?: RecordFields;
  after?: RecordFields;
}
export interface RecordFields {
  kind: RecordKind;
  name: RecordName;
  ts?: Timestamp;
  value?: number;
  unit?: string;
  dimensions: Dimensions;
  measures: Measures;
  exact?: Exact;
}
/**
 * Text attributes to filter and group by.
 */
export interface Dimensions {
  [k: string]: string;
}
/**
 * Numeric attributes to aggregate (IEEE 754 doubles, finite).
 */
export interface Measures {
  [k: string]: number;
}
/**
 * Source text of int64 and decimal fields whose value a double cannot hold; keyed `value`, or by measure.
 */
export interface Exact {
  [k: string]: string;
}
export interface SectionChangeView {
  report: Id;
  section: string;
  rows_before: number;
  rows_after: number;
  cells_changed: number;
  /**
   * the first of the cells that change
   */
  cells: {
    row: {
      [k: string]: string | number | null;
    };
    column: string;
    before: string | number | null;
    after: string | number | null;
  }[];
  digest_before: Sha256;
  digest_after: Sha256;
}
/**
 * Quarantined rows of one source for one reason.
 */
export interface QuarantineCount {
  source_id: Id;
  reason_code: ReasonCode;
  count: number;
}
/**
 * Open rows of a source to be given up, and why.
 */
export interface QuarantineDiscardRequest {
  source: Id;
  reason_code: ReasonCode;
  reason: string;
}
/**
 * How many rows were given up.
 */
export interface QuarantineDiscarded {
  discarded: number;
}
/**
 * A quarantine record, with the bytes of its row.
 */
export interface QuarantinedRow {
  record: QuarantineRecord;
  /**
   * how the payload is compressed; byte ranges are of what it holds (of several files of an archive: one after the other)
   */
  compression?: 'gzip' | 'zstd' | 'zip';
  decoded_row?: DecodedRow;
  /**
   * the first 64 KiB of the row, decoded; absent once the payload has expired, and where there is a decoded row
   */
  bytes_base64?: string;
  /**
   * the bytes are not shown: the source's profile has a policy, and they need the role operator
   */
  withheld?: true;
}
/**
 * One failing candidate and rule. `quarantine_id` is a function of the row and the rule, so a repeat changes nothing.
 */
export interface QuarantineRecord {
  quarantine_id: RecordId;
  tenant_id: Id;
  source_id: Id;
  run_id: Uuid;
  reason_code: ReasonCode;
  /**
   * what of the profile or contract failed, e.g. records[0].ts
   */
  rule: string;
  /**
   * RFC 6901 pointer (JSON), or /column, to the offending field; empty for the whole row
   */
  pointer: string;
  message: string;
  /**
   * the offending value, masked
   */
  value_masked: string;
  raw_sha256: Sha256;
  byte_start: number;
  byte_end: number;
  row: number;
  /**
   * ordinal of the candidate in its row
   */
  candidate: number;
  profile_id: Id;
  profile_version: Semver;
  profile_digest: Sha256;
  state: 'open' | 'recovered' | 'superseded' | 'discarded' | 'expired';
  /**
   * what to do next
   */
  recovery: string;
  created_at: Timestamp;
}
/**
 * Which open quarantine rows to try, and with which profile.
 */
export interface RecoveryPreviewRequest {
  source?: Id;
  profile?: Profile;
  /**
   * a registered version by its name, staged or not
   */
  applied?: string;
}
/**
 * How many open quarantine rows of a source would be recovered.
 */
export interface RecoveryPreview {
  source_id: Id;
  profile: {
    id: Id;
    version: Semver;
  };
  open: number;
  recovered: number;
  reasons: {
    reason_code: ReasonCode;
    open: number;
    recovered: number;
  }[];
}
/**
 * Payloads of a source with open quarantine rows, to be normalized again under the active profile version.
 */
export interface RecoveryRequest {
  source: Id;
  reason_code?: ReasonCode;
}
/**
 * The content of a reference file that a profile looks values up in. Stored under its digest; a profile that names the digest may then be applied or previewed.
 */
export interface ReferenceUpload {
  /**
   * the content, compressed with gzip, in base64; at most 16 MiB once decompressed
   */
  gzip_base64: string;
}
/**
 * A reference file as it is stored.
 */
export interface Reference {
  sha256: Sha256;
  size: number;
}
/**
 * Payloads of a source, to be normalized again from the bytes that were captured.
 */
export interface ReplayRequest {
  source: Id;
  profile_version?: Semver;
  from?: Timestamp;
  to?: Timestamp;
  /**
   * say what would change, and change nothing
   */
  preview?: boolean;
  profile?: Profile;
}
/**
 * The run that normalizes again, or the preview that was asked for.
 */
export interface Replay {
  run?: Run;
  preview?: ReplayPreview;
}
/**
 * A report as applied.
 */
export interface ReportDocument {
  report: Report;
  version: string;
  digest: Sha256;
  applied_at: Timestamp;
}
/**
 * A page of charts and tables over queries.
 */
export interface Report {
  report: Id;
  title: string;
  description?: string;
  timezone?: string;
  sections: {
    id: Id;
    title?: string;
    /**
     * Markdown-free prose under the title
     */
    text?: string;
    query: Query;
    /**
     * Vega-Lite 6 unit or layered spec without `data`; the section's rows are its data. `url` and other loads are refused.
     */
    chart?: {
      [k: string]: unknown;
    };
    /**
     * show the rows as a table (default: only when there is no chart)
     */
    table?: boolean;
  }[];
}
/**
 * A question to the canonical plane. Either aggregates (with bucket and group_by) or select.
 */
export interface Query {
  kind: RecordKind;
  name: RecordName | RecordName[];
  source?: Id;
  /**
   * inclusive; RFC 3339 instant or date
   */
  from?: string;
  /**
   * exclusive
   */
  to?: string;
  /**
   * IANA zone of buckets and dates (default UTC)
   */
  timezone?: string;
  /**
   * column `bucket`: start of the time bucket in the zone
   */
  bucket?: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
  group_by?: QueryColumn[];
  filter?: QueryFilter[];
  aggregates?: QueryAggregate[];
  /**
   * rows instead of aggregates
   */
  select?: QueryColumn[];
  top?: {
    n: number;
    /**
     * alias of the group_by column to rank
     */
    group: string;
    /**
     * alias of the aggregate to rank by
     */
    by: string;
    /**
     * fold the rest into `others` (default false: leave out)
     */
    others?: boolean;
  };
  order_by?: {
    column: string;
    direction?: 'asc' | 'desc';
  }[];
  limit?: number;
}
export interface QueryFilter {
  /**
   * value | ts | name | unit | source_id | record_id | dimensions.NAME | measures.NAME
   */
  field: string;
  op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'in' | 'not_in' | 'contains' | 'exists' | 'not_exists';
  value?: string | number | (string | number)[];
}
export interface QueryAggregate {
  fn: 'count' | 'sum' | 'avg' | 'min' | 'max' | 'p50' | 'p90' | 'p95' | 'p99' | 'count_distinct';
  /**
   * value | ts | name | unit | source_id | record_id | dimensions.NAME | measures.NAME
   */
  field?: string;
  as: string;
}
/**
 * Whose retention to carry out now; it is carried out every hour anyway.
 */
export interface RetentionRequest {
  source?: Id;
  /**
   * say what would go, and change nothing
   */
  dry_run?: boolean;
}
/**
 * What went of a source by its retention, or would go.
 */
export interface RetentionView {
  source_id: Id;
  profile: RetentionProfile;
  records?: ExpiredRecords;
  raw?: ExpiredPayloads;
  quarantine?: ExpiredQuarantine;
}
export interface RetentionProfile {
  id: Id;
  version: Semver;
}
export interface ExpiredRecords {
  /**
   * as the profile says
   */
  period: string;
  before: Timestamp;
  /**
   * live records before it
   */
  records: number;
}
export interface ExpiredPayloads {
  /**
   * as the profile says
   */
  period: string;
  before: Timestamp;
  /**
   * captures before it
   */
  payloads: number;
  /**
   * of those captures
   */
  bytes: number;
  /**
   * captures before it that open quarantine rows still need
   */
  kept: number;
  /**
   * a run of the source is under way: its payloads wait for the next time
   */
  busy: boolean;
}
export interface ExpiredQuarantine {
  /**
   * as the profile says
   */
  period: string;
  before: Timestamp;
  /**
   * open rows before it
   */
  rows: number;
}
/**
 * A protected value that is to be read again.
 */
export interface RevealRequest {
  /**
   * as it stands in the record: `enc1.…` or `tok_…`
   */
  value: string;
  reason: string;
}
/**
 * What a protected value stands for.
 */
export interface Revealed {
  value: string;
}
/**
 * Which captured payloads are looked through for personal data.
 */
export interface ScanRequest {
  source?: Id;
  /**
   * default: all
   */
  detectors?: Detector[];
  from?: Timestamp;
  to?: Timestamp;
  /**
   * `next` of the answer before
   */
  after?: string;
}
/**
 * Findings of one detector at one place of one payload.
 */
export interface ScanItem {
  source_id: Id;
  raw_sha256: Sha256;
  captured_at: Timestamp;
  /**
   * row: as the profile reads it; text: outside of its rows; record: in live records alone
   */
  where: 'row' | 'text' | 'record';
  /**
   * RFC 6901 in the row or record, `*` for items of lists; empty for text
   */
  pointer: string;
  detector: Detector;
  count: number;
  /**
   * fields of live records that hold such a value, e.g. `event dimensions.email`
   */
  reached: string[];
  samples: ScanSample[];
}
export interface ScanSample {
  masked: string;
  byte_start: number;
  byte_end: number;
  row?: number;
}
/**
 * A rendered report that rests on records of a payload with findings.
 */
export interface ScanExport {
  source_id: Id;
  report_id: Id;
  artifact_sha256: Sha256;
  format: string;
  rendered_at: Timestamp;
  /**
   * how many of the values that were found stand in it
   */
  values: number;
}
/**
 * What was found in the payloads that were looked through. No value is shown whole.
 */
export interface Scan {
  /**
   * looked through by this answer
   */
  payloads: number;
  /**
   * payloads that this and further answers are about
   */
  total: number;
  /**
   * of them, those whose bytes are gone; their records were looked at
   */
  missing: number;
  /**
   * decoded
   */
  bytes: number;
  findings: number;
  /**
   * there was more than is listed or was looked for in records and exports
   */
  truncated: boolean;
  items: ScanItem[];
  exports: ScanExport[];
  /**
   * there are more payloads: ask again with this as `after`
   */
  next?: string;
}
/**
 * A source as applied.
 */
export interface SourceDocument {
  source: Source;
  version: string;
  digest: Sha256;
  applied_at: Timestamp;
  stopped_by?: RecordId;
}
/**
 * An upstream, and how it is read.
 */
export interface Source {
  source: Id;
  title?: string;
  description?: string;
  /**
   * which connector reads it
   */
  connector: 'http' | 'file';
  profile: Id;
  http?: {
    /**
     * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
     */
    url: string;
    method?: 'GET' | 'POST';
    /**
     * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
     */
    headers?: {
      [k: string]: string;
    };
    params?: {
      [k: string]: string | number | boolean;
    };
    /**
     * JSON body of a POST
     */
    body?: {
      [k: string]: unknown;
    };
    auth?:
      | {
          type: 'bearer';
          /**
           * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
           */
          token: string;
        }
      | {
          type: 'basic';
          /**
           * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
           */
          username: string;
          /**
           * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
           */
          password: string;
        }
      | {
          type: 'api_key';
          in: 'header' | 'query';
          name: string;
          /**
           * may hold references ${env:NAME} or ${file:PATH}, never a secret itself
           */
          value: string;
        };
    pagination?:
      | {
          type: 'none';
        }
      | {
          type: 'page';
          param: string;
          start?: number;
          size_param?: string;
          size?: number;
          /**
           * JSONPath of the page's rows; the last page has fewer than `size`, or none
           */
          records: string;
          max_pages?: number;
        }
      | {
          type: 'offset';
          param: string;
          size_param?: string;
          size: number;
          /**
           * JSONPath of the page's rows
           */
          records: string;
          max_pages?: number;
        }
      | {
          type: 'cursor';
          param: string;
          /**
           * JSONPath of the next cursor in the body; absent, null or empty ends
           */
          cursor: string;
          size_param?: string;
          size?: number;
          max_pages?: number;
        }
      | {
          type: 'link';
          max_pages?: number;
        }
      | {
          type: 'next_url';
          /**
           * JSONPath of the next page's URL
           */
          path: string;
          max_pages?: number;
        };
    /**
     * send If-None-Match / If-Modified-Since from the last run (default true)
     */
    conditional?: boolean;
    /**
     * allow loopback and private addresses (default false)
     */
    allow_private?: boolean;
  };
  file?: {
    /**
     * a file or a glob, relative to the workspace
     */
    path: string;
  };
  /**
   * overrides what the upstream declares
   */
  content_type?: string;
  limits?: {
    /**
     * requests at once to this source's domain (default 4)
     */
    concurrency?: number;
    /**
     * requests a second for this source (default 10)
     */
    rate_per_second?: number;
    /**
     * longest wait without a byte (default 30000)
     */
    timeout_ms?: number;
    /**
     * longest time for one page (default 300000)
     */
    deadline_ms?: number;
    /**
     * cap on the decoded size of one page (default 256 MiB for http, 64 GiB for file)
     */
    max_bytes?: number;
  };
  retry?: {
    /**
     * tries for one page (default 5)
     */
    attempts?: number;
    /**
     * first backoff (default 500)
     */
    base_ms?: number;
    /**
     * longest backoff, and the longest Retry-After waited for in place (default 60000)
     */
    max_ms?: number;
  };
  breaker?: {
    /**
     * consecutive failures that open it (default 5)
     */
    failures?: number;
    /**
     * how long it stays open (default 30000)
     */
    open_ms?: number;
  };
}
/**
 * What became of every row of a source, and how many of its records are live.
 */
export interface SourceTotals {
  source_id: Id;
  counts: Counts;
  /**
   * live records in the canonical plane
   */
  stored: number;
}
/**
 * What a verification of ledger, blobs and records found.
 */
export interface VerifyReportView {
  ok: boolean;
  entries: number;
  blobs: number;
  batches: number;
  records: number;
  size: Uint64;
  head: Sha256;
  findings: {
    plane: 'ledger' | 'raw' | 'canonical';
    subject: string;
    problem: string;
  }[];
}
/**
 * A thing that the other records speak of. Without `ts` it is timeless.
 */
export interface Entity {
  tenant_id: Id;
  source_id: Id;
  kind: 'entity';
  name: RecordName;
  record_id: RecordId;
  ts?: Timestamp;
  dimensions: Dimensions;
  measures: Measures;
  exact?: Exact;
  provenance: Provenance;
  revision: Uint64;
  record_hash: Sha256;
}
/**
 * Where a canonical record came from: the bytes, and the profile version that read them.
 */
export interface Provenance {
  raw_sha256: Sha256;
  /**
   * first byte of the row in the decoded payload: what it holds once its compression is undone. Of a Parquet file or a workbook: of the row group or sheet that holds the row beside others
   */
  byte_start: number;
  /**
   * one past its last byte
   */
  byte_end: number;
  /**
   * ordinal of the row in the payload, from 0; of a workbook in its sheet
   */
  row: number;
  profile_id: Id;
  profile_version: Semver;
  profile_digest: Sha256;
  batch_id: RecordId;
  captured_at: Timestamp;
}
/**
 * What metric, event and entity have in common. `record_hash` is SHA-256 over the RFC 8785 form of the record without record_hash, revision, provenance.batch_id and provenance.captured_at, so that it is a function of the payload and the profile alone.
 */
export interface Envelope {
  tenant_id: Id;
  source_id: Id;
  kind: RecordKind;
  name: RecordName;
  record_id: RecordId;
  ts?: Timestamp;
  dimensions: Dimensions;
  measures: Measures;
  exact?: Exact;
  provenance: Provenance;
  revision: Uint64;
  record_hash: Sha256;
  [k: string]: unknown;
}
/**
 * Something that happened at one time.
 */
export interface Event {
  tenant_id: Id;
  source_id: Id;
  kind: 'event';
  name: RecordName;
  record_id: RecordId;
  ts: Timestamp;
  dimensions: Dimensions;
  measures: Measures;
  exact?: Exact;
  provenance: Provenance;
  revision: Uint64;
  record_hash: Sha256;
}
/**
 * One number at one time.
 */
export interface Metric {
  tenant_id: Id;
  source_id: Id;
  kind: 'metric';
  name: RecordName;
  record_id: RecordId;
  ts: Timestamp;
  dimensions: Dimensions;
  measures: Measures;
  exact?: Exact;
  provenance: Provenance;
  revision: Uint64;
  record_hash: Sha256;
  value: number;
  /**
   * UCUM or plain unit; empty when none
   */
  unit: string;
}
/**
 * RFC 9457 problem document.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  /**
   * what to do next, in plain words
   */
  action: string;
  instance?: string;
  request_id?: string;
  errors?: {
    pointer?: string;
    message: string;
    file?: string;
    line?: number;
    column?: number;
  }[];
}
/**
 * A job that its retry policy gave up on, with its error history.
 */
export interface DeadLetter {
  job_id: Uuid;
  run_id: Uuid;
  tenant_id: Id;
  source_id: Id;
  kind: 'fetch' | 'normalize';
  state: 'open' | 'retried' | 'discarded';
  errors: FailureInfo[];
  died_at: Timestamp;
  job: Job;
}
/**
 * One unit of work on the queue. Delivered at least once; settled once.
 */
export interface Job {
  job_id: Uuid;
  run_id: Uuid;
  tenant_id: Id;
  source_id: Id;
  request_id?: string;
  kind: 'fetch' | 'normalize';
  raw?: RawRef;
  profile_id?: Id;
  profile_version?: Semver;
  replay?: ReplayScope;
}
/**
 * Reference to one captured payload. The blob is immutable and content-addressed: key is a function of sha256.
 */
export interface RawRef {
  tenant_id: Id;
  source_id: Id;
  run_id: Uuid;
  bucket: Id;
  key: string;
  sha256: Sha256;
  content_type: string;
  /**
   * decoded bytes
   */
  size: number;
  captured_at: Timestamp;
  /**
   * names the request that gave it (page, window), stable over runs
   */
  request_key: string;
  /**
   * ordinal in its run
   */
  page: number;
}
/**
 * of a fetch job: nothing is fetched; the payloads that were captured before are normalized again, under the profile version named
 */
export interface ReplayScope {
  from?: Timestamp;
  to?: Timestamp;
  /**
   * only payloads with rows that another version of the profile refused and that stand open
   */
  quarantined?: {
    reason_code?: ReasonCode;
  };
}
/**
 * What a rendered report rests on, digest by digest.
 */
export interface Manifest {
  report: Id;
  report_digest: Sha256;
  tenant_id: Id;
  rendered_at: Timestamp;
  as_of: Timestamp;
  timezone: string;
  format: 'json' | 'csv' | 'svg' | 'html';
  artifact_sha256: Sha256;
  data_version: string;
  renderer: string;
  inputs: {
    section: Id;
    query_digest: Sha256;
    result_digest: Sha256;
    rows: number;
    sources: {
      source_id: Id;
      records: number;
      records_digest: Sha256;
      /**
       * Items: id@version
       */
      profiles: string[];
    }[];
  }[];
  ledger_size: Uint64;
  ledger_head: Sha256;
}
/**
 * Request for a forecast of a metric.
 */
export interface Projection {
  query: Query;
  /**
   * buckets ahead
   */
  horizon: number;
  /**
   * coverage of the interval, e.g. 0.95
   */
  level?: number;
  /**
   * buckets in a season; 0 for none
   */
  season?: number;
}
/**
 * Rows of a query, stamped with what they rest on.
 */
export interface QueryResult {
  columns: {
    name: string;
    type: 'text' | 'number' | 'integer' | 'time';
  }[];
  rows: (string | number | null)[][];
  as_of: Timestamp;
  timezone: string;
  /**
   * changes whenever a record that the tenant can see changes
   */
  data_version: string;
  truncated: boolean;
}
/**
 * chartly.yaml: the root of a workspace in git.
 */
export interface Workspace {
  workspace: Id;
  title?: string;
  description?: string;
}
/**
 * A run, step or job changed state.
 */
export interface JobStatus {
  ts: Timestamp;
  tenant_id: Id;
  source_id: Id;
  run_id: Uuid;
  step?: 'fetch' | 'normalize';
  job_id?: Uuid;
  from?: 'queued' | 'running' | 'succeeded' | 'failed' | 'quarantined' | 'cancelled';
  to: 'queued' | 'running' | 'succeeded' | 'failed' | 'quarantined' | 'cancelled';
  attempt?: number;
  code?: string;
}
/**
 * One structured log line.
 */
export interface LogEntry {
  ts: Timestamp;
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  service: string;
  env: string;
  tenant_id: string | null;
  request_id: string | null;
  job_id: string | null;
  source_id: string | null;
  msg: string;
  [k: string]: unknown;
}
