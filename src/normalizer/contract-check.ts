import { type Metric, type Provenance, type RecordKind, type Validator, validator, type Violation } from '#contracts';
import { isoMs } from '#kit';
import type { CanonicalRecord, RecordBatch } from '#storage';
import { varyingContract } from './varying-contract.ts';

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

/** The members that vary from record to record. */
type Filled = Partial<Omit<Form, 'provenance'>> & { provenance: Partial<Provenance> };

/**
 * Validates every record in its contract form with the compiled contracts. The first record of a kind in a batch is validated whole; of the others
 * the members that can differ from it. One object is filled again and again: building a new one for each record would cost more than validating it.
 */
export function contractCheck(frame: BatchFrame): ContractCheck {
  const checks = {
    metric: kindCheck(frame, 'metric'),
    event: kindCheck(frame, 'event'),
    entity: kindCheck(frame, 'entity'),
  };
  return (record, recordHash, batchId) => checks[record.kind](record, recordHash, batchId);
}

function kindCheck(frame: BatchFrame, kind: RecordKind): ContractCheck {
  const whole = validator(`canonical/${kind}`) as Validator<unknown>;
  const form = newForm(frame, kind);
  const partly = varyingContract(kind);
  const { provenance } = form;
  const rest: Filled = {
    provenance: { byte_start: 0, byte_end: 0, row: 0 },
    ...(kind === 'metric' ? { value: 0, unit: '' } : {}),
  };

  function fill(to: Filled, record: CanonicalRecord): void {
    to.name = record.name;
    to.ts = record.tsMs === undefined ? undefined : isoMs(record.tsMs);
    to.dimensions = record.dimensions;
    to.measures = record.measures;
    to.exact = record.exact;
    to.provenance.byte_start = record.byteStart;
    to.provenance.byte_end = record.byteEnd;
    to.provenance.row = record.row;
    if (kind === 'metric') {
      to.value = record.value;
      to.unit = record.unit;
    }
  }

  return (record, recordHash, batchId) => {
    if (partly !== undefined && batchId === provenance.batch_id) {
      fill(rest, record);
      if (partly(rest)) return undefined;
    }
    // The whole contract speaks when a part has refused, so that the answer is always the contract's own.
    fill(form, record);
    form.record_id = record.recordId;
    form.record_hash = recordHash;
    provenance.batch_id = batchId;
    if (whole(form)) return undefined;
    const [violation] = whole.violations();
    // What was refused may lie outside of the varying members: the next record is validated whole again.
    provenance.batch_id = '';
    return violation;
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
