import { createHash } from 'node:crypto';
import type { Counts, Profile } from '#contracts';
import { canonicalJson, sha256Hex } from '#kit';
import { type CanonicalRecord, decodeRecords } from '#storage';
import { emptyCounts, type Rejection } from './batch-builder.ts';
import type { Lookups } from './lookup-resources.ts';
import { batches } from './batches.ts';
import { fixtureKeys } from './resources.ts';

/** What a profile makes of a payload. */
export interface Preview {
  /** As a store is left with them: of two with one id the later, in payload order. */
  records: CanonicalRecord[];
  /** One for each failing rule, in payload order; what quarantine would hold. */
  rejections: Rejection[];
  counts: Counts;
}

export interface PreviewOptions {
  /** Keep at most this many records and as many rejections (default: all); the counts are of the whole payload. */
  keep?: number;
  /** Tables that the profile looks values up in. */
  lookups?: Lookups;
  /** Part of the records' ids (default: the profile's id). */
  sourceId?: string;
}

/**
 * Runs a profile over a payload and stores nothing. `open` is asked twice for the same bytes. Errors: `profile_invalid`, and what `open` throws.
 */
export async function preview(
  profile: Profile,
  open: () => AsyncIterable<Uint8Array>,
  options: PreviewOptions = {},
): Promise<Preview> {
  const digest = createHash('sha256');
  for await (const chunk of open()) digest.update(chunk);
  const frame = {
    tenantId: 'default',
    sourceId: options.sourceId ?? profile.profile,
    rawSha256: digest.digest('hex'),
    profileId: profile.profile,
    profileVersion: profile.version,
    profileDigest: sha256Hex(canonicalJson(profile)),
    revision: 1n,
    capturedAtMs: 0,
  };
  const keep = options.keep ?? Infinity;
  const counts = emptyCounts();
  const records = new Map<string, CanonicalRecord>();
  const rejections: Rejection[] = [];
  const signal = new AbortController().signal;
  const { resources, vault } = fixtureKeys();
  const input = { open, profile, frame, signal, vault, resources: { ...resources, lookups: options.lookups } };
  for await (const batch of batches(input)) {
    for (const key of Object.keys(counts) as (keyof Counts)[]) counts[key] += batch.counts[key];
    for (const record of decodeRecords(batch.records.block)) {
      // A later one takes the later place.
      const replaces = records.delete(record.recordId);
      if (replaces || records.size < keep) records.set(record.recordId, record);
    }
    for (const rejection of batch.rejections) if (rejections.length < keep) rejections.push(rejection);
  }
  return { records: [...records.values()], rejections, counts };
}
