import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex, shortId } from '#kit';
import { decodeBlock } from './native-decode.ts';
import { createRecordEncoder, encodePlan } from './native.ts';
import type { CanonicalRecord } from './port.ts';

const constants = {
  tenantId: 't',
  sourceId: 's',
  batchId: shortId(['batch']),
  rawSha256: sha256Hex('raw'),
  profileId: 'p',
  profileVersion: '1.0.0',
  profileDigest: sha256Hex('p'),
  revision: 2n ** 45n + 3n,
  capturedAtMs: 1_700_000_000_123,
};

const name = fc.string({ minLength: 1, maxLength: 8, unit: 'binary' });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const map = <T>(value: fc.Arbitrary<T>) =>
  fc.uniqueArray(fc.tuple(name, value), { maxLength: 5, selector: ([key]) => key }).map((pairs) => {
    const record: Record<string, T> = {};
    for (const [key, one] of pairs) Object.defineProperty(record, key, { value: one, enumerable: true });
    return record;
  });
const recordArb: fc.Arbitrary<CanonicalRecord> = fc
  .record({
    kind: fc.constantFrom('metric' as const, 'event' as const, 'entity' as const),
    name,
    tsMs: fc.oneof(fc.integer({ min: -2_208_988_800_000, max: 10_413_792_000_000 }), fc.constant(undefined)),
    value: fc.option(finite, { nil: undefined }),
    unit: fc.string({ maxLength: 4 }),
    dimensions: map(fc.string({ unit: 'binary', maxLength: 90 })),
    measures: map(finite),
    exact: fc.option(map(fc.string()), { nil: undefined }),
    byteStart: fc.maxSafeNat(),
    byteEnd: fc.maxSafeNat(),
    row: fc.maxSafeNat(),
    seed: fc.string(),
  })
  .map(({ seed, tsMs, exact, ...record }) => ({
    ...record,
    tsMs: tsMs ?? (record.kind === 'entity' ? undefined : 0),
    exact: exact !== undefined && Object.keys(exact).length === 0 ? undefined : exact,
    recordId: shortId(['record', seed]),
    recordHash: sha256Hex(seed),
  }));

describe('blocks', () => {
  it('give back what was put in, without what was left out, batch after batch', () => {
    const encoder = createRecordEncoder();
    const batchArb = fc.array(fc.tuple(recordArb, fc.boolean()), { maxLength: 20 });
    fc.assert(
      fc.property(batchArb, (entries) => {
        for (const [record] of entries) encoder.add(record);
        expect(encoder.count).toBe(entries.length);
        const without = new Set(entries.flatMap(([, dropped], i) => (dropped ? [i] : [])));
        const left = entries.filter(([, dropped]) => !dropped).map(([record]) => normal(record));
        const encoded = encoder.finish(constants, without);
        expect(decodeBlock(encoded.block)).toEqual(left);
        expect(encoded.count).toBe(left.length);
        expect(Buffer.from(encoded.ids).toString('hex')).toBe(left.map((r) => r.recordId).join(''));
        expect(Buffer.from(encoded.hashes).toString('hex')).toBe(left.map((r) => r.recordHash).join(''));
        expect(encoded.first?.recordId).toBe(left[0]?.recordId);
        expect(encoder.count).toBe(0);
      }),
    );
  });

  it('are the same however they are made', () => {
    fc.assert(
      fc.property(fc.array(recordArb, { maxLength: 8 }), (records) => {
        const encoder = createRecordEncoder();
        for (const record of records) encoder.add(record);
        const plan = encodePlan(constants, { records, rows: undefined, tombstones: [] });
        expect(Buffer.compare(encoder.finish(constants).block, plan)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('refuse numbers that are not finite and ids that are not digits', () => {
    const [record] = fc.sample(recordArb, 1);
    const encoder = createRecordEncoder();
    expect(() => encoder.add({ ...record!, value: NaN })).toThrow(TypeError);
    expect(() => encoder.add({ ...record!, measures: { a: Infinity } })).toThrow(TypeError);
    expect(() => encoder.add({ ...record!, recordId: 'x'.repeat(32) })).toThrow(TypeError);
  });
});

/** A lone surrogate has no bytes, and the epoch is no time of an entity. */
function normal(record: CanonicalRecord): CanonicalRecord {
  return { ...record, tsMs: record.kind === 'entity' && record.tsMs === 0 ? undefined : record.tsMs };
}
