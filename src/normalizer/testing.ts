/** Runs the pure half of the normalizer over bytes; for tests. */
import type { RowCaps } from '#formats';
import { sha256Hex, canonicalJson } from '#kit';
import type { Counts, Profile, RecordRule } from '#contracts';
import { type CanonicalRecord, decodeRecords } from '#storage';
import { type Batch, type BatchLimits, emptyCounts, type Rejection } from './batch-builder.ts';
import { batches } from './batches.ts';
import type { Lookups } from './lookup-resources.ts';
import { fixtureKeys } from './resources.ts';
import type { Vault } from './sealing.ts';
import type { Watch } from './shape-observer.ts';

export interface Ran {
  batches: Batch[];
  records: CanonicalRecord[];
  rejections: Rejection[];
  counts: Counts;
}

export interface RunOptions {
  /** Sizes of the chunks, over and over. */
  chunks?: readonly number[];
  caps?: RowCaps;
  limits?: BatchLimits;
  vault?: Vault;
  lookups?: Lookups;
  watch?: Watch;
}

export function event(rule: Partial<RecordRule> = {}): RecordRule {
  return { kind: 'event', name: 'thing', key: ['id'], ts: { path: 't', cast: 'epoch_s' }, ...rule };
}

export function profileOf(format: Profile['format'], records: RecordRule[], more: Partial<Profile> = {}): Profile {
  return { profile: 'test', version: '1.0.0', format, records, ...more };
}

export async function run(profile: Profile, payload: string | Uint8Array, options: RunOptions = {}): Promise<Ran> {
  const bytes = Buffer.from(payload);
  const frame = {
    tenantId: 'default',
    sourceId: 'test',
    rawSha256: sha256Hex(bytes),
    profileId: profile.profile,
    profileVersion: profile.version,
    profileDigest: sha256Hex(canonicalJson(profile)),
    revision: 2n ** 44n + 5n,
    capturedAtMs: 1_700_000_000_000,
  };
  const found: Batch[] = [];
  const signal = new AbortController().signal;
  const { caps, limits, lookups, watch } = options;
  const open = () => cut(bytes, options.chunks);
  const { resources: secrets, vault } = fixtureKeys();
  const given = { resources: { ...secrets, lookups }, vault: options.vault ?? vault };
  for await (const batch of batches({ open, profile, frame, signal, caps, limits, watch, ...given })) found.push(batch);
  const counts = emptyCounts();
  for (const batch of found)
    for (const key of Object.keys(counts) as (keyof Counts)[]) counts[key] += batch.counts[key];
  return {
    batches: found,
    counts,
    records: standing(found),
    rejections: found.flatMap((b) => b.rejections),
  };
}

/** What a store is left with: of two records with one id the later in the payload. Checks what batches say of that themselves. */
function standing(found: readonly Batch[]): CanonicalRecord[] {
  const all = found.flatMap((batch) => decodeRecords(batch.records.block));
  const last = new Map(all.map((record, i) => [record.recordId, i]));
  const standing = all.filter((record, i) => last.get(record.recordId) === i);
  const replaced = found.reduce((sum, batch) => sum + batch.replaced, 0);
  if (all.length - standing.length !== replaced) throw new Error('the batches miscount what they replace');
  return standing;
}

async function* cut(bytes: Buffer, sizes: readonly number[] = [1 << 20]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
