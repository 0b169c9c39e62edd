// Generated from contracts/v1 by `npm run generate`. Do not edit.
import s0 from '../../../contracts/v1/api/applied-document.json' with { type: 'json' };
import s1 from '../../../contracts/v1/api/apply-request.json' with { type: 'json' };
import s2 from '../../../contracts/v1/api/checkpoint.json' with { type: 'json' };
import s3 from '../../../contracts/v1/api/dead-letter-state.json' with { type: 'json' };
import s4 from '../../../contracts/v1/api/discard-request.json' with { type: 'json' };
import s5 from '../../../contracts/v1/api/drift-decision.json' with { type: 'json' };
import s6 from '../../../contracts/v1/api/health.json' with { type: 'json' };
import s7 from '../../../contracts/v1/api/key-created.json' with { type: 'json' };
import s8 from '../../../contracts/v1/api/key-request.json' with { type: 'json' };
import s9 from '../../../contracts/v1/api/key.json' with { type: 'json' };
import s10 from '../../../contracts/v1/api/ledger-entry.json' with { type: 'json' };
import s11 from '../../../contracts/v1/api/lineage.json' with { type: 'json' };
import s12 from '../../../contracts/v1/api/profile-diff-request.json' with { type: 'json' };
import s13 from '../../../contracts/v1/api/profile-document.json' with { type: 'json' };
import s14 from '../../../contracts/v1/api/promote-request.json' with { type: 'json' };
import s15 from '../../../contracts/v1/api/promotion.json' with { type: 'json' };
import s16 from '../../../contracts/v1/api/quarantine-count.json' with { type: 'json' };
import s17 from '../../../contracts/v1/api/quarantine-discard-request.json' with { type: 'json' };
import s18 from '../../../contracts/v1/api/quarantine-discarded.json' with { type: 'json' };
import s19 from '../../../contracts/v1/api/quarantined-row.json' with { type: 'json' };
import s20 from '../../../contracts/v1/api/recovery-preview-request.json' with { type: 'json' };
import s21 from '../../../contracts/v1/api/recovery-preview.json' with { type: 'json' };
import s22 from '../../../contracts/v1/api/recovery-request.json' with { type: 'json' };
import s23 from '../../../contracts/v1/api/reference-upload.json' with { type: 'json' };
import s24 from '../../../contracts/v1/api/reference.json' with { type: 'json' };
import s25 from '../../../contracts/v1/api/replay-preview.json' with { type: 'json' };
import s26 from '../../../contracts/v1/api/replay-request.json' with { type: 'json' };
import s27 from '../../../contracts/v1/api/replay.json' with { type: 'json' };
import s28 from '../../../contracts/v1/api/report-document.json' with { type: 'json' };
import s29 from '../../../contracts/v1/api/retention-request.json' with { type: 'json' };
import s30 from '../../../contracts/v1/api/retention.json' with { type: 'json' };
import s31 from '../../../contracts/v1/api/reveal-request.json' with { type: 'json' };
import s32 from '../../../contracts/v1/api/revealed.json' with { type: 'json' };
import s33 from '../../../contracts/v1/api/scan-request.json' with { type: 'json' };
import s34 from '../../../contracts/v1/api/scan.json' with { type: 'json' };
import s35 from '../../../contracts/v1/api/source-document.json' with { type: 'json' };
import s36 from '../../../contracts/v1/api/source-totals.json' with { type: 'json' };
import s37 from '../../../contracts/v1/api/verify-report.json' with { type: 'json' };
import s38 from '../../../contracts/v1/audit/entry.json' with { type: 'json' };
import s39 from '../../../contracts/v1/canonical/entity.json' with { type: 'json' };
import s40 from '../../../contracts/v1/canonical/envelope.json' with { type: 'json' };
import s41 from '../../../contracts/v1/canonical/event.json' with { type: 'json' };
import s42 from '../../../contracts/v1/canonical/metric.json' with { type: 'json' };
import s43 from '../../../contracts/v1/canonical/provenance.json' with { type: 'json' };
import s44 from '../../../contracts/v1/common.json' with { type: 'json' };
import s45 from '../../../contracts/v1/errors/codes.json' with { type: 'json' };
import s46 from '../../../contracts/v1/errors/problem.json' with { type: 'json' };
import s47 from '../../../contracts/v1/jobs/dead-letter.json' with { type: 'json' };
import s48 from '../../../contracts/v1/jobs/job.json' with { type: 'json' };
import s49 from '../../../contracts/v1/jobs/run.json' with { type: 'json' };
import s50 from '../../../contracts/v1/jobs/step.json' with { type: 'json' };
import s51 from '../../../contracts/v1/policies/policy.json' with { type: 'json' };
import s52 from '../../../contracts/v1/profiles/profile.json' with { type: 'json' };
import s53 from '../../../contracts/v1/quarantine/quarantine-record.json' with { type: 'json' };
import s54 from '../../../contracts/v1/quarantine/reason-codes.json' with { type: 'json' };
import s55 from '../../../contracts/v1/raw/raw-ref.json' with { type: 'json' };
import s56 from '../../../contracts/v1/reports/manifest.json' with { type: 'json' };
import s57 from '../../../contracts/v1/reports/projection.json' with { type: 'json' };
import s58 from '../../../contracts/v1/reports/query-result.json' with { type: 'json' };
import s59 from '../../../contracts/v1/reports/query.json' with { type: 'json' };
import s60 from '../../../contracts/v1/reports/report.json' with { type: 'json' };
import s61 from '../../../contracts/v1/sources/source.json' with { type: 'json' };
import s62 from '../../../contracts/v1/sources/workspace.json' with { type: 'json' };
import s63 from '../../../contracts/v1/telemetry/drift-event.json' with { type: 'json' };
import s64 from '../../../contracts/v1/telemetry/job-status.json' with { type: 'json' };
import s65 from '../../../contracts/v1/telemetry/log.json' with { type: 'json' };

/** Every contract by its path under contracts/v1, without the extension. */
export const schemas = {
  'api/applied-document': s0,
  'api/apply-request': s1,
  'api/checkpoint': s2,
  'api/dead-letter-state': s3,
  'api/discard-request': s4,
  'api/drift-decision': s5,
  'api/health': s6,
  'api/key-created': s7,
  'api/key-request': s8,
  'api/key': s9,
  'api/ledger-entry': s10,
  'api/lineage': s11,
  'api/profile-diff-request': s12,
  'api/profile-document': s13,
  'api/promote-request': s14,
  'api/promotion': s15,
  'api/quarantine-count': s16,
  'api/quarantine-discard-request': s17,
  'api/quarantine-discarded': s18,
  'api/quarantined-row': s19,
  'api/recovery-preview-request': s20,
  'api/recovery-preview': s21,
  'api/recovery-request': s22,
  'api/reference-upload': s23,
  'api/reference': s24,
  'api/replay-preview': s25,
  'api/replay-request': s26,
  'api/replay': s27,
  'api/report-document': s28,
  'api/retention-request': s29,
  'api/retention': s30,
  'api/reveal-request': s31,
  'api/revealed': s32,
  'api/scan-request': s33,
  'api/scan': s34,
  'api/source-document': s35,
  'api/source-totals': s36,
  'api/verify-report': s37,
  'audit/entry': s38,
  'canonical/entity': s39,
  'canonical/envelope': s40,
  'canonical/event': s41,
  'canonical/metric': s42,
  'canonical/provenance': s43,
  'common': s44,
  'errors/codes': s45,
  'errors/problem': s46,
  'jobs/dead-letter': s47,
  'jobs/job': s48,
  'jobs/run': s49,
  'jobs/step': s50,
  'policies/policy': s51,
  'profiles/profile': s52,
  'quarantine/quarantine-record': s53,
  'quarantine/reason-codes': s54,
  'raw/raw-ref': s55,
  'reports/manifest': s56,
  'reports/projection': s57,
  'reports/query-result': s58,
  'reports/query': s59,
  'reports/report': s60,
  'sources/source': s61,
  'sources/workspace': s62,
  'telemetry/drift-event': s63,
  'telemetry/job-status': s64,
  'telemetry/log': s65,
} as const;
