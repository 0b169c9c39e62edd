// Generated from contracts/v1 by `npm run generate`. Do not edit.
import s0 from '../../../contracts/v1/audit/entry.json' with { type: 'json' };
import s1 from '../../../contracts/v1/canonical/entity.json' with { type: 'json' };
import s2 from '../../../contracts/v1/canonical/envelope.json' with { type: 'json' };
import s3 from '../../../contracts/v1/canonical/event.json' with { type: 'json' };
import s4 from '../../../contracts/v1/canonical/metric.json' with { type: 'json' };
import s5 from '../../../contracts/v1/canonical/provenance.json' with { type: 'json' };
import s6 from '../../../contracts/v1/common.json' with { type: 'json' };
import s7 from '../../../contracts/v1/errors/codes.json' with { type: 'json' };
import s8 from '../../../contracts/v1/errors/problem.json' with { type: 'json' };
import s9 from '../../../contracts/v1/jobs/dead-letter.json' with { type: 'json' };
import s10 from '../../../contracts/v1/jobs/job.json' with { type: 'json' };
import s11 from '../../../contracts/v1/jobs/run.json' with { type: 'json' };
import s12 from '../../../contracts/v1/jobs/step.json' with { type: 'json' };
import s13 from '../../../contracts/v1/profiles/profile.json' with { type: 'json' };
import s14 from '../../../contracts/v1/quarantine/quarantine-record.json' with { type: 'json' };
import s15 from '../../../contracts/v1/quarantine/reason-codes.json' with { type: 'json' };
import s16 from '../../../contracts/v1/raw/raw-ref.json' with { type: 'json' };
import s17 from '../../../contracts/v1/reports/manifest.json' with { type: 'json' };
import s18 from '../../../contracts/v1/reports/projection.json' with { type: 'json' };
import s19 from '../../../contracts/v1/reports/query-result.json' with { type: 'json' };
import s20 from '../../../contracts/v1/reports/query.json' with { type: 'json' };
import s21 from '../../../contracts/v1/reports/report.json' with { type: 'json' };
import s22 from '../../../contracts/v1/sources/source.json' with { type: 'json' };
import s23 from '../../../contracts/v1/sources/workspace.json' with { type: 'json' };
import s24 from '../../../contracts/v1/telemetry/job-status.json' with { type: 'json' };
import s25 from '../../../contracts/v1/telemetry/log.json' with { type: 'json' };

/** Every contract by its path under contracts/v1, without the extension. */
export const schemas = {
  'audit/entry': s0,
  'canonical/entity': s1,
  'canonical/envelope': s2,
  'canonical/event': s3,
  'canonical/metric': s4,
  'canonical/provenance': s5,
  'common': s6,
  'errors/codes': s7,
  'errors/problem': s8,
  'jobs/dead-letter': s9,
  'jobs/job': s10,
  'jobs/run': s11,
  'jobs/step': s12,
  'profiles/profile': s13,
  'quarantine/quarantine-record': s14,
  'quarantine/reason-codes': s15,
  'raw/raw-ref': s16,
  'reports/manifest': s17,
  'reports/projection': s18,
  'reports/query-result': s19,
  'reports/query': s20,
  'reports/report': s21,
  'sources/source': s22,
  'sources/workspace': s23,
  'telemetry/job-status': s24,
  'telemetry/log': s25,
} as const;
