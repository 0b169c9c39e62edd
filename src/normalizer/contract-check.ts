import { type Metric, type RecordKind, validator, type Violation } from '#contracts';
import { isoMs } from '#kit';
import type { CanonicalRecord, RecordBatch } from '#storage';

/** What the records of one payload have in common. */
export type BatchFrame = Omit<RecordBatch, 'batchId' | 'records'>;

/** The first way in which a record breaks its canonical contract, or undefined when it satisfies it. */
export type ContractCheck = (record: CanonicalRecord, recordHash: string, batchId: string) => Violation | undefined;

/** Members may be absent or undefined: the validators take both for missing. */
type Form = Omit<Metric, 'kind' | 'ts' | 'value' | 'unit'> & {
  kind: RecordKind;
  ts?: string;
  value?: number;
  unit?: string;
};

/**
 * Validates every record in its contract form with the compiled contracts. One object of each kind is filled again and again:
 * building a new one for each record would cost more than the validation.
 */
export function contractCheck(frame: BatchFrame): ContractCheck {
  const checks = {
    metric: [validator('canonical/metric'), newForm(frame, 'metric')] as const,
    event: [validator('canonical/event'), newForm(frame, 'event')] as const,
    entity: [validator('canonical/entity'), newForm(frame, 'entity')] as const,
  };
  return (record, recordHash, batchId) => {
    const [valid, form] = checks[record.kind];
    form.name = record.name;
    form.record_id = record.recordId;
    form.ts = record.tsMs === undefined ? undefined : isoMs(record.tsMs);
    form.dimensions = record.dimensions;
    form.measures = record.measures;
    form.exact = record.exact;
    form.record_hash = recordHash;
    form.provenance.byte_start = record.byteStart;
    form.provenance.byte_end = record.byteEnd;
    form.provenance.row = record.row;
    form.provenance.batch_id = batchId;
    if (record.kind === 'metric') {
      form.value = record.value;
      form.unit = record.unit;
    }
    return valid(form) ? undefined : (valid as { violations(): Violation[] }).violations()[0];
  };
}

function newForm(frame: BatchFrame, kind: RecordKind): Form {
  return {
    tenant_id: frame.tenantId,
    source_id: frame.sourceId,
    kind,
    name: '',
    record_id: '',
    ts: undefined,
    dimensions: {},
    measures: {},
    exact: undefined,
    provenance: {
      raw_sha256: frame.rawSha256,
      byte_start: 0,
      byte_end: 0,
      row: 0,
      profile_id: frame.profileId,
      profile_version: frame.profileVersion,
      profile_digest: frame.profileDigest,
      batch_id: '',
      captured_at: isoMs(frame.capturedAtMs),
    },
    revision: String(frame.revision),
    record_hash: '',
    ...(kind === 'metric' ? { value: 0, unit: '' } : {}),
  };
}
