import { hash } from 'node:crypto';
import { isoMs } from '#kit';
import type { CanonicalRecord } from '#storage';

/**
 * Everything that a record's hash covers, flat: what the writer holds, and what stands in the store's columns (a StoredRecord is one).
 * Left out on purpose: batch, revision and capture time, so that the hash is a function of the payload and the profile alone.
 */
export interface HashedRecord extends Omit<CanonicalRecord, 'recordHash'> {
  tenantId: string;
  sourceId: string;
  rawSha256: string;
  profileId: string;
  profileVersion: string;
  profileDigest: string;
}

/**
 * SHA-256 (hexadecimal) over the RFC 8785 form of the record, as contracts/v1/canonical/envelope.json says: provenance at the
 * top level, `ts` as RFC 3339 text, `unit` and `value` for metrics alone, no `exact` when it is empty.
 */
export function recordHash(record: HashedRecord): string {
  return hash('sha256', hashedText(record), 'hex');
}

/** The text that is hashed. Written by hand because a generic serializer costs more than the digest itself. */
export function hashedText(r: HashedRecord): string {
  const fixed = fixedParts(r);
  const metric = r.kind === 'metric' ? `,"unit":${JSON.stringify(r.unit)},"value":${number(r.value ?? 0)}}` : '}';
  const ts = r.tsMs === undefined ? '' : `,"ts":"${isoMs(r.tsMs)}"`;
  const exact = r.exact === undefined || isEmpty(r.exact) ? '' : `,"exact":${texts(r.exact)}`;
  return (
    `{"byte_end":${r.byteEnd},"byte_start":${r.byteStart},"dimensions":${texts(r.dimensions)}${exact}` +
    `,"kind":"${r.kind}","measures":${numbers(r.measures)},"name":${JSON.stringify(r.name)}${fixed.middle}` +
    `"${r.recordId}","row":${r.row}${fixed.end}${ts}${metric}`
  );
}

/** The members that all records of a batch share, written once as long as they stay the same. */
let last = { r: undefined as HashedRecord | undefined, middle: '', end: '' };

function fixedParts(r: HashedRecord): { middle: string; end: string } {
  const l = last.r;
  if (
    l !== undefined &&
    l.rawSha256 === r.rawSha256 &&
    l.profileDigest === r.profileDigest &&
    l.profileId === r.profileId &&
    l.profileVersion === r.profileVersion &&
    l.sourceId === r.sourceId &&
    l.tenantId === r.tenantId
  ) {
    return last;
  }
  const text = JSON.stringify;
  const { tenantId, sourceId, rawSha256, profileId, profileVersion, profileDigest } = r;
  last = {
    // A copy: the caller may reuse its object for the next record.
    r: { tenantId, sourceId, rawSha256, profileId, profileVersion, profileDigest } as HashedRecord,
    middle:
      `,"profile_digest":${text(profileDigest)},"profile_id":${text(profileId)},"profile_version":${text(profileVersion)}` +
      `,"raw_sha256":${text(rawSha256)},"record_id":`,
    end: `,"source_id":${text(sourceId)},"tenant_id":${text(tenantId)}`,
  };
  return last;
}

/** One native call for a map whose names are in order already, as the writer's are. */
function texts(map: Record<string, string>): string {
  let before: string | undefined;
  for (const name in map) {
    if (before !== undefined && name < before) return sorted(map);
    before = name;
  }
  return JSON.stringify(map);
}

function numbers(map: Record<string, number>): string {
  let before: string | undefined;
  for (const name in map) {
    if (!Number.isFinite(map[name])) throw new TypeError(notFinite);
    if (before !== undefined && name < before) return sorted(map);
    before = name;
  }
  return JSON.stringify(map);
}

/** Maps come back from a store in any order; RFC 8785 orders keys by UTF-16 code units, as `<` and `sort` do. */
function sorted(map: Record<string, string | number>): string {
  const parts = Object.keys(map)
    .sort()
    .map((key) => {
      const value = map[key]!;
      return `${JSON.stringify(key)}:${typeof value === 'number' ? number(value) : JSON.stringify(value)}`;
    });
  return `{${parts.join(',')}}`;
}

const notFinite = 'a record holds a number that JSON has no form for';

function number(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(notFinite);
  return value === 0 ? '0' : String(value);
}

function isEmpty(map: object): boolean {
  for (const _ in map) return false;
  return true;
}
