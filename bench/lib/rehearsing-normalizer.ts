import type { Audit } from '#audit';
import type { Profile } from '#contracts';
import { canonicalJson, sha256Hex, silentLogger, systemClock } from '#kit';
import { createNormalizer, type JudgeTask, type Normalizer } from '#normalizer';
import type { BlobInfo, BlobStore, CanonicalStore, KeyStore, Relational } from '#storage';

/**
 * A normalizer for what needs no settling: `judge` makes and encodes records and drops them, `rehearse` writes them to a fork of the canonical
 * store. Payloads are real, and nothing stands in quarantine. It maps in a thread, as the server's does.
 */
export function rehearsingNormalizer(blobs: BlobStore, canonical?: CanonicalStore): Normalizer {
  return createNormalizer({
    blobs,
    relational: { query: async () => [] } as unknown as Relational,
    canonical: canonical ?? ({} as CanonicalStore),
    audit: {} as Audit,
    keys: { tenantSecret: async () => Buffer.alloc(32, 7) } as unknown as KeyStore,
    logger: silentLogger,
    clock: systemClock,
    threads: 1,
  });
}

/** A stored payload of the bench's source. `shape`: its rows are watched, as those of an ingest are. */
export function taskOf(stored: BlobInfo, profile: Profile, shape = true): JudgeTask {
  const of = { tenant_id: 'default', source_id: 'bench', run_id: '00000000-0000-7000-8000-000000000000' };
  const how = {
    content_type: 'application/x-ndjson',
    captured_at: '2026-01-01T00:00:00.000Z',
    request_key: '',
    page: 0,
  };
  return {
    tenantId: of.tenant_id,
    sourceId: of.source_id,
    payloads: [{ ...of, ...stored, ...how }],
    profile: { profile, digest: sha256Hex(canonicalJson(profile)), ordinal: 1 },
    signal: new AbortController().signal,
    ...(shape ? { guard: { types: 0, count: 0, objects: 0 } } : {}),
  };
}
