/**
 * The control plane: documents, runs, steps, jobs, dead letters. pg-boss carries jobs; our own tables are the truth. A job's effects, its
 * completion, the counters of its run and the next jobs commit in one transaction, so a job that dies is repeated and a job that is settled is never repeated.
 */
import type {
  Counts,
  DeadLetter,
  Detector,
  DriftDecision,
  DriftEvent,
  Job,
  Profile,
  ReasonCode,
  RecoveryPreview,
  ReplayPreview,
  Report,
  RetentionView,
  Run,
  Scan,
  Source,
  Step,
} from '#contracts';
import type { RequestContext } from '#kit';

/** A document of a workspace, parsed but not yet validated. `file` is for error messages. */
export interface WorkspaceDocument {
  kind: 'source' | 'profile' | 'report';
  file?: string;
  spec: unknown;
}

export interface AppliedDocument {
  kind: WorkspaceDocument['kind'];
  id: string;
  version: string;
  digest: string;
  change: 'created' | 'updated' | 'unchanged' | 'staged';
}

export interface ApplyOptions {
  /** Says what would change, and changes nothing. */
  dryRun?: boolean;
  /** Registers the profiles among the documents without making them active; the others are checked, and left as they are. */
  stage?: boolean;
}

/** A registered version of a profile. Active: it reads new payloads. Staged: it never was active. Superseded: it was, and another one is. */
export interface ProfileVersion {
  profile: Profile;
  digest: string;
  /** Undefined while staged. */
  ordinal: number | undefined;
  state: 'active' | 'staged' | 'superseded';
  appliedAt: string;
  /** When it became active last. */
  activatedAt: string | undefined;
}

/** A registered version that is made active. */
export interface PromoteRequest {
  profileId: string;
  version: string;
}

export interface Promotion {
  profile: { id: string; version: string; digest: string };
  /** The version that was active until then. */
  replaces: string | undefined;
  /** `unchanged`: it is the active one already. */
  change: 'promoted' | 'unchanged';
  /** The sources that the profile maps. */
  sources: string[];
  /** The replays that were asked for. */
  runs: Run[];
}

/** What went of a source, or would go. */
export type Retained = RetentionView;

export interface RunDetail extends Run {
  steps: Step[];
}

export interface RunEvent {
  run: Run;
}

export interface Orchestrator {
  /** Starts workers (roles decide which handlers) and creates every queue. */
  start(): Promise<void>;
  /** Stops taking jobs, lets running ones end within `graceMs`, then aborts them; they will be repeated. */
  stop(graceMs?: number): Promise<void>;

  /**
   * Validates all documents together (contracts, profiles compile, charts compile, references exist) and registers new immutable versions in one transaction,
   * with a ledger entry each; they become active at once, unless they are to be staged. Errors: `workspace_invalid` with one detail for each
   * problem; `version_exists` when a registered profile version has other content, or was replaced by another.
   */
  apply(
    context: RequestContext,
    documents: readonly WorkspaceDocument[],
    options?: ApplyOptions,
  ): Promise<AppliedDocument[]>;
  /**
   * Makes a registered version of a profile the active one, be it new or old, with a ledger entry, and asks for replays of the profile's sources with payloads when
   * told so: all or nothing. Its ordinal becomes the highest, so what it makes wins over what any other version made. Repeating it changes nothing.
   * Errors: `not_found`; `backpressure`, as ingest.
   */
  promote(context: RequestContext, request: PromoteRequest & { replay?: boolean }): Promise<Promotion>;
  /** What promoting a version and replaying its sources would change; writes nothing. Errors: as previewReplay. */
  previewPromotion(
    tenantId: string,
    request: PromoteRequest,
  ): Promise<{ promotion: Promotion; previews: ReplayPreview[] }>;
  /** `stoppedBy`: the drift event that stopped the source. */
  sources(
    tenantId: string,
  ): Promise<{ source: Source; version: string; digest: string; appliedAt: string; stoppedBy: string | undefined }[]>;
  profiles(tenantId: string): Promise<ProfileVersion[]>;
  reports(tenantId: string): Promise<{ report: Report; version: string; digest: string; appliedAt: string }[]>;
  /** Errors: `not_found`. */
  report(tenantId: string, reportId: string): Promise<Report>;

  /**
   * Writes a run and its fetch job in one transaction. Errors: `not_found`, `backpressure` (too many runs of this source queued),
   * `schema_drift` (the source is stopped).
   */
  ingest(context: RequestContext, sourceId: string, trigger: Exclude<Run['trigger'], 'replay'>): Promise<Run>;
  /**
   * A run that normalizes again what was captured before: of each request the newest payload, if it was captured in the range, under the active
   * or the named version of the source's profile. Repeating it changes nothing. Errors: as ingest; `conflict` when a newer version made records already.
   */
  replay(context: RequestContext, request: ReplayRequest): Promise<Run>;
  /**
   * A run that normalizes again, under the active version, the payloads with open quarantine rows that another version refused.
   * Errors: as replay; `conflict` when there are none.
   */
  recover(context: RequestContext, sourceId: string, reasonCode?: ReasonCode): Promise<Run>;
  /**
   * What a replay would change; writes nothing. `profile` is a version that need not be registered; one that is named by its version counts as if it were
   * promoted. Errors: `not_found`, `validation_failed`.
   */
  previewReplay(tenantId: string, request: ReplayRequest & { profile?: Profile }): Promise<ReplayPreview>;
  /** How many open quarantine rows a profile would recover, by source. Errors: as previewReplay. */
  previewRecovery(
    tenantId: string,
    request: { sourceId?: string; profile?: ProfileChoice },
  ): Promise<RecoveryPreview[]>;
  /** How two versions of a profile differ on the current payloads of a source. Errors: as previewReplay. */
  diffProfiles(
    tenantId: string,
    request: { a: ProfileChoice; b: ProfileChoice; sourceId?: string },
  ): Promise<ReplayPreview>;
  /**
   * Looks through captured payloads for personal data, some seconds at a time, and appends `scan.completed` to the ledger; `next` in the answer asks
   * for the rest. Errors: `not_found`, `bad_request` for a cursor that is none, and those of the normalizer's `scan`.
   */
  scan(context: RequestContext, request: ScanRequest, signal?: AbortSignal): Promise<Scan>;
  run(tenantId: string, runId: string): Promise<RunDetail>;
  /** Newest first; `after` is the cursor of the page before. */
  runs(
    tenantId: string,
    options?: { sourceId?: string; state?: Run['state']; limit?: number; after?: string },
  ): Promise<{ items: Run[]; next: string | undefined }>;
  /** Resolves when the run has ended (any terminal state). */
  waitForRun(
    tenantId: string,
    runId: string,
    options?: { signal?: AbortSignal; onChange?: (run: Run) => void },
  ): Promise<Run>;
  cancel(context: RequestContext, runId: string): Promise<Run>;
  /** A new run of the same source, on the active profile. */
  retry(context: RequestContext, runId: string): Promise<Run>;

  deadLetters(
    tenantId: string,
    options?: { state?: DeadLetter['state']; limit?: number; after?: string },
  ): Promise<{ items: DeadLetter[]; next: string | undefined }>;
  /** Puts the job back on its queue and restores its step and run counters in one transaction. */
  retryDeadLetter(context: RequestContext, jobId: string): Promise<void>;
  discardDeadLetter(context: RequestContext, jobId: string, reason: string): Promise<void>;

  /**
   * Carries out now what the active profile of one source, or of all that say something of the kind, has as retention; it is carried out every hour anyway. A dry run
   * only counts. Records lie before the moment by their own time, payloads by their capture, quarantine rows by when they were found. Payloads with open
   * rows, and those of a source with a run under way, wait. Errors: `not_found`, `storage_unavailable`.
   */
  retain(tenantId: string, options: { sourceId?: string; dryRun?: boolean }): Promise<Retained[]>;

  /** Changes of the shape of sources' rows, newest first; `after` is the cursor of the page before. Default: those that are open. */
  drifts(
    tenantId: string,
    options?: {
      sourceId?: string;
      state?: DriftEvent['state'];
      severity?: DriftEvent['severity'];
      limit?: number;
      after?: string;
    },
  ): Promise<{ items: DriftEvent[]; next: string | undefined }>;
  /** Errors: `not_found`. */
  drift(tenantId: string, driftId: string): Promise<DriftEvent>;
  /**
   * The change is known from now on, with a ledger entry. When it was the last to hold payloads of its source back, the source is free, and the jobs that were
   * held are queued again. Errors: `not_found`; `conflict` when it was accepted before.
   */
  acceptDrift(context: RequestContext, driftId: string): Promise<DriftDecision>;
  /** The event is open no longer; what it says of payloads stays. Errors: `not_found`; `conflict` when it was decided before. */
  ignoreDrift(context: RequestContext, driftId: string): Promise<DriftDecision>;

  /** Totals over all ended runs' receipts by source: what became of every row. */
  totals(tenantId: string): Promise<Map<string, Counts>>;
  health(): Promise<{ queues: { queue: string; depth: number }[] }>;
}

export interface ReplayRequest {
  sourceId: string;
  profileVersion?: string;
  /** Payloads captured from here on, and before `to`. */
  from?: string;
  to?: string;
}

export interface ScanRequest {
  /** Default: every source. */
  sourceId?: string | undefined;
  detectors?: readonly Detector[] | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** `next` of the answer before. */
  after?: string | undefined;
}

/** A registered version, as `id@1.0.0`, or a profile that need not be registered. */
export type ProfileChoice = { applied: string } | { profile: Profile };

/** What a handler did, for the orchestrator to settle. */
export type JobKind = Job['kind'];

export { createOrchestrator } from './orchestrator.ts';
export { createRemoteOrchestrator } from './remote.ts';
export { orchestratorRoutes } from './routes.ts';
