import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256Hex } from '#kit';
import { type HashedRecord, hashedText, recordHash } from './record-hash.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((s) => s.isWellFormed());
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/),
  text,
  fc.constantFrom('é', 'a', '10', '9', '😀', '\ufb33'),
);
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const safe = (key: string) => key !== '__proto__';
const record: fc.Arbitrary<HashedRecord> = fc.record({
  tenantId: text,
  sourceId: text,
  rawSha256: text,
  profileId: text,
  profileVersion: text,
  profileDigest: text,
  kind: fc.constantFrom('metric', 'event', 'entity'),
  name: text,
  tsMs: fc.option(fc.integer({ min: -2_208_988_800_000, max: 10_413_791_999_999 }), { nil: undefined }),
  recordId: fc.constant('0123456789abcdef0123456789abcdef'),
  value: double,
  unit: text,
  dimensions: fc.dictionary(name.filter(safe), text),
  measures: fc.dictionary(name.filter(safe), double),
  exact: fc.option(fc.dictionary(name.filter(safe), text), { nil: undefined }),
  byteStart: fc.nat(),
  byteEnd: fc.maxSafeNat(),
  row: fc.nat(),
});

function plain(r: HashedRecord): Record<string, unknown> {
  const metric = r.kind === 'metric' ? { unit: r.unit, value: r.value } : {};
  return {
    tenant_id: r.tenantId,
    source_id: r.sourceId,
    raw_sha256: r.rawSha256,
    profile_id: r.profileId,
    profile_version: r.profileVersion,
    profile_digest: r.profileDigest,
    kind: r.kind,
    name: r.name,
    ...(r.tsMs === undefined ? {} : { ts: new Date(r.tsMs).toISOString() }),
    record_id: r.recordId,
    dimensions: r.dimensions,
    measures: r.measures,
    ...(r.exact === undefined || Object.keys(r.exact).length === 0 ? {} : { exact: r.exact }),
    byte_start: r.byteStart,
    byte_end: r.byteEnd,
    row: r.row,
    ...metric,
  };
}

describe('recordHash', () => {
  it('is SHA-256 over the RFC 8785 form, whatever the texts and numbers are', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        for (const r of [a, b, a]) {
          expect(hashedText(r)).toBe(canonicalJson(plain(r)));
          expect(recordHash(r)).toBe(sha256Hex(canonicalJson(plain(r))));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('does not depend on the order in which a store returns a map', () => {
    fc.assert(
      fc.property(record, (r) => {
        const turned = { ...r, dimensions: Object.fromEntries(Object.entries(r.dimensions).toReversed()) };
        expect(recordHash(turned)).toBe(recordHash(r));
      }),
    );
  });

  it('refuses a number that is not finite', () => {
    const [r] = fc.sample(record, 1);
    expect(() => recordHash({ ...r!, measures: { a: NaN } })).toThrow(TypeError);
  });
});
