import fc from 'fast-check';
import { expect, it } from 'vitest';
import { validator } from '#contracts';
import { isoMs } from '#kit';
import { type CanonicalRecord, createRecordEncoder } from '#storage';
import { contractCheck } from './contract-check.ts';
import { varyingContract } from './varying-contract.ts';

const frame = {
  tenantId: 'default',
  sourceId: 'test',
  rawSha256: 'a'.repeat(64),
  profileId: 'p',
  profileVersion: '1.0.0',
  profileDigest: 'b'.repeat(64),
  revision: 5n,
  capturedAtMs: 0,
};
const hash = 'c'.repeat(64);
const batchId = 'd'.repeat(32);

function form(r: CanonicalRecord, recordHash: string): Record<string, unknown> {
  const ts = r.tsMs === undefined ? {} : { ts: isoMs(r.tsMs) };
  const metric = r.kind === 'metric' ? { value: r.value, unit: r.unit } : {};
  return {
    tenant_id: 'default',
    source_id: 'test',
    kind: r.kind,
    name: r.name,
    record_id: r.recordId,
    dimensions: r.dimensions,
    measures: r.measures,
    ...ts,
    ...metric,
    ...(r.exact === undefined ? {} : { exact: r.exact }),
    revision: '5',
    record_hash: recordHash,
    provenance: {
      raw_sha256: frame.rawSha256,
      byte_start: r.byteStart,
      byte_end: r.byteEnd,
      row: r.row,
      profile_id: 'p',
      profile_version: '1.0.0',
      profile_digest: frame.profileDigest,
      batch_id: batchId,
      captured_at: isoMs(0),
    },
  };
}

const often = <T>(value: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 8 }, { arbitrary: other, weight: 1 });
const record: fc.Arbitrary<CanonicalRecord> = fc.record({
  kind: fc.constantFrom('metric', 'event', 'entity'),
  name: often('name', fc.constantFrom('', 'x'.repeat(257), 5 as unknown as string)),
  tsMs: often<number | undefined>(0, fc.constantFrom(undefined, -3e12, 2e13)),
  recordId: fc.constant('e'.repeat(32)),
  value: often<number | undefined>(1, fc.constantFrom(undefined, NaN, 'x' as unknown as number)),
  unit: often('m', fc.constant('x'.repeat(65))),
  dimensions: often<Record<string, string>>(
    { a: 'b' },
    fc.constantFrom({ a: 5 as unknown as string }, { a: 'x'.repeat(65_537) }),
  ),
  measures: often<Record<string, number>>({ a: 1 }, fc.constantFrom({ a: NaN }, { a: 'x' as unknown as number })),
  exact: often<Record<string, string> | undefined>(undefined, fc.constantFrom({ a: '1.5' }, { a: '1e5' })),
  byteStart: often(0, fc.constantFrom(-1, 1.5)),
  byteEnd: often(5, fc.constant(-1)),
  row: often(0, fc.constant(-1)),
  recordHash: fc.constant(''),
});

it('says of every record of a batch what the whole contract says', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const check = contractCheck(frame);
      for (const r of records) {
        const valid = validator(`canonical/${r.kind}`) as { (value: unknown): boolean; violations(): unknown[] };
        const expected = valid(form(r, hash)) ? undefined : valid.violations()[0];
        expect(check(r, hash, batchId)).toEqual(expected);
      }
    }),
    { numRuns: 1000 },
  );
});

it('holds the digests of a batch to their form', () => {
  const [good] = fc.sample(
    record.filter((r) => contractCheck(frame)(r, hash, batchId) === undefined),
    1,
  );
  expect(contractCheck(frame)({ ...good!, recordId: 'E' }, hash, batchId)).toMatchObject({ pointer: '/record_id' });
  expect(contractCheck(frame)(good!, 'no', batchId)).toMatchObject({ pointer: '/record_hash' });
  // Behind the first record of a batch it is the encoder that no other form passes.
  const encoder = createRecordEncoder();
  expect(() => encoder.add({ ...good!, recordHash: 'no' })).toThrow(TypeError);
  expect(() => encoder.add({ ...good!, recordHash: hash, recordId: 'E'.repeat(31) })).toThrow(TypeError);
});

it('finds that members of the contracts can be validated apart', () => {
  for (const kind of ['metric', 'event', 'entity'] as const) expect(varyingContract(kind)).toBeDefined();
});

it('refuses every record when what they share is wrong', () => {
  const check = contractCheck({ ...frame, sourceId: 'Not An Id' });
  const [good] = fc.sample(
    record.filter((r) => contractCheck(frame)(r, hash, batchId) === undefined),
    1,
  );
  for (let i = 0; i < 3; i++) expect(check(good!, hash, batchId)).toMatchObject({ pointer: '/source_id' });
});
