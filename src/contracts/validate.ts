import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { explainErrors, type Violation } from './explain.ts';
import { schemas } from './v1/schemas.ts';
import type * as T from './v1/types.ts';

/** Contracts that values are validated against, and the type each one proves. */
export interface ContractTypes {
  'api/applied-document': T.AppliedDocumentView;
  'api/apply-request': T.ApplyRequest;
  'api/checkpoint': T.Checkpoint;
  'api/dead-letter-state': T.DeadLetterState;
  'api/discard-request': T.DiscardRequest;
  'api/drift-decision': T.DriftDecision;
  'api/health': T.Health;
  'api/key': T.ApiKey;
  'api/key-created': T.ApiKeyCreated;
  'api/key-request': T.KeyRequest;
  'api/ledger-entry': T.LedgerEntryView;
  'api/lineage': T.LineageView;
  'api/profile-document': T.ProfileDocument;
  'api/profile-diff-request': T.ProfileDiffRequest;
  'api/promote-request': T.PromoteRequest;
  'api/promotion': T.PromotionView;
  'api/quarantine-count': T.QuarantineCount;
  'api/quarantine-discard-request': T.QuarantineDiscardRequest;
  'api/quarantine-discarded': T.QuarantineDiscarded;
  'api/recovery-preview': T.RecoveryPreview;
  'api/recovery-preview-request': T.RecoveryPreviewRequest;
  'api/recovery-request': T.RecoveryRequest;
  'api/reference': T.Reference;
  'api/reference-upload': T.ReferenceUpload;
  'api/replay': T.Replay;
  'api/replay-preview': T.ReplayPreview;
  'api/replay-request': T.ReplayRequest;
  'api/quarantined-row': T.QuarantinedRow;
  'api/report-document': T.ReportDocument;
  'api/retention-request': T.RetentionRequest;
  'api/retention': T.RetentionView;
  'api/reveal-request': T.RevealRequest;
  'api/revealed': T.Revealed;
  'api/scan': T.Scan;
  'api/scan-request': T.ScanRequest;
  'api/source-document': T.SourceDocument;
  'api/source-totals': T.SourceTotals;
  'api/verify-report': T.VerifyReportView;
  'audit/entry': T.AuditEntry;
  'canonical/entity': T.Entity;
  'canonical/envelope': T.Envelope;
  'canonical/event': T.Event;
  'canonical/metric': T.Metric;
  'canonical/provenance': T.Provenance;
  'errors/problem': T.Problem;
  'jobs/dead-letter': T.DeadLetter;
  'jobs/job': T.Job;
  'jobs/run': T.Run;
  'jobs/step': T.Step;
  'policies/policy': T.Policy;
  'profiles/profile': T.Profile;
  'quarantine/quarantine-record': T.QuarantineRecord;
  'raw/raw-ref': T.RawRef;
  'reports/manifest': T.Manifest;
  'reports/projection': T.Projection;
  'reports/query': T.Query;
  'reports/query-result': T.QueryResult;
  'reports/report': T.Report;
  'sources/source': T.Source;
  'sources/workspace': T.Workspace;
  'telemetry/drift-event': T.DriftEvent;
  'telemetry/job-status': T.JobStatus;
  'telemetry/log': T.LogEntry;
}
export type ContractName = keyof ContractTypes;

export interface Validator<T> {
  /** True when the value satisfies the contract. Does not change the value; allocates nothing on success. */
  (value: unknown): value is T;
  /** What was wrong with the last value that this validator refused. Read it before validating again. */
  violations(): Violation[];
  /** Everything that is wrong with a value, in words for whoever wrote it; nothing when it satisfies the contract. Slower. */
  explain(value: unknown): Violation[];
}

/**
 * Patterns remember the last text that they accepted: of a batch's records most digests and ids are the same string,
 * and comparing a string with itself costs nothing.
 */
function rememberingRegExp(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  const expression = new RegExp(pattern, flags);
  let accepted: string | undefined;
  return {
    test(text) {
      if (text === accepted) return true;
      if (!expression.test(text)) return false;
      accepted = text;
      return true;
    },
    // Ajv keeps patterns apart by this text.
    toString: () => expression.toString(),
  };
}
rememberingRegExp.code = 'new RegExp';

function createAjv(options: Options): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    schemas: [],
    code: { regExp: rememberingRegExp },
    ...options,
  });
  for (const keyword of ['x-status', 'x-action']) ajv.addKeyword(keyword);
  ajv.addFormat('uri-reference', true);
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  return ajv;
}

const ajv = createAjv({ allErrors: false });
// Made when first needed: most processes explain nothing.
let thorough: Ajv2020 | undefined;

const compiled = new Map<string, Validator<unknown>>();

/** The validator of a contract, compiled on first use and kept. */
export function validator<N extends ContractName>(name: N): Validator<ContractTypes[N]> {
  let found = compiled.get(name);
  if (found === undefined) {
    found = wrap(schemas[name].$id);
    compiled.set(name, found);
  }
  return found as Validator<ContractTypes[N]>;
}

function wrap(id: string): Validator<unknown> {
  const validate: ValidateFunction = ajv.getSchema(id)!;
  const check = ((value: unknown) => validate(value)) as Validator<unknown>;
  check.violations = () => (validate.errors ?? []).map(toViolation);
  check.explain = (value) => {
    thorough ??= createAjv({ allErrors: true, verbose: true });
    const explaining: ValidateFunction = thorough.getSchema(id)!;
    return explaining(value) ? [] : explainErrors(explaining.errors ?? []);
  };
  return check;
}

function toViolation(error: ErrorObject): Violation {
  const extra = error.keyword === 'additionalProperties' ? `: ${String(error.params.additionalProperty)}` : '';
  const allowed = error.keyword === 'enum' ? `: ${(error.params.allowedValues as unknown[]).join(', ')}` : '';
  return {
    pointer: error.instancePath,
    message: `${error.message ?? 'is invalid'}${extra}${allowed}`,
    keyword: error.keyword,
  };
}
