// How fast the normalizer alone is on one core: bytes → rows → records, hashed, validated, with their Merkle root. The stores
// behind it take everything and do nothing. Options: --rows N (default 300000), --keep first|last (last reads a large payload twice).
import type { Audit } from '#audit';
import { canonicalJson, sha256Hex, silentLogger, systemClock } from '#kit';
import { createNormalizer } from '#normalizer';
import type { BlobStore, CanonicalStore, KeyStore, Relational } from '#storage';
import { earthquakeProfile, earthquakeRow } from './lib/earthquakes.ts';
import type { Bench } from './run.ts';

const runId = '00000000-0000-7000-8000-000000000000';

function payload(rows: number): Buffer {
  return Buffer.from(Array.from({ length: rows }, (_, n) => `${earthquakeRow(n)}\n`).join(''));
}

/** A normalizer whose stores swallow what they are given. */
function bare(bytes: Buffer): ReturnType<typeof createNormalizer> {
  const blobs = {
    async *read() {
      for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
    put: async () => undefined,
  } as unknown as BlobStore;
  const canonical = {
    write: async () => ({ inserted: 0, replaced: 0, moved: 0, stale: 0 }),
  } as unknown as CanonicalStore;
  const relational = { execute: async () => 0, query: async () => [] } as unknown as Relational;
  const audit = { append: async () => [{ seq: 0n }] } as unknown as Audit;
  const keys = { tenantSecret: async () => Buffer.alloc(32, 7) } as unknown as KeyStore;
  return createNormalizer({ relational, blobs, canonical, audit, keys, logger: silentLogger, clock: systemClock });
}

async function run(
  bytes: Buffer,
  keep: 'first' | 'last',
): Promise<{ records: number; seconds: number; cpuSeconds: number }> {
  const profile = { ...earthquakeProfile, dedupe: { keep } };
  const sha256 = sha256Hex(bytes);
  const tenant = { tenant_id: 'default', source_id: 'bench', run_id: runId };
  const place = { bucket: 'raw', key: sha256, sha256, size: bytes.length, request_key: 'bench', page: 0 };
  const started = performance.now();
  const cpu = process.cpuUsage();
  const { counts } = await bare(bytes).normalize({
    tenantId: 'default',
    sourceId: 'bench',
    runId,
    jobId: runId,
    raw: { ...tenant, ...place, content_type: 'application/x-ndjson', captured_at: '2026-01-01T00:00:00.000Z' },
    profile: { profile, digest: sha256Hex(canonicalJson(profile)), ordinal: 1 },
    signal: new AbortController().signal,
  });
  const { user, system } = process.cpuUsage(cpu);
  return { records: counts.records, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
}

export const bench: Bench = async (args) => {
  const option = (name: string): string | undefined => args[args.indexOf(name) + 1 || args.length];
  const keep = option('--keep') === 'last' ? 'last' : 'first';
  await run(payload(20_000), keep);
  const bytes = payload(Number(option('--rows') ?? 300_000));
  const { records, seconds, cpuSeconds } = await run(bytes, keep);
  return {
    keep,
    records,
    bytes: bytes.length,
    seconds: Number(seconds.toFixed(3)),
    // The figure that holds on a busy machine too.
    records_per_cpu_s: Math.round(records / cpuSeconds),
    records_per_s: Math.round(records / seconds),
    mb_per_s: Math.round(bytes.length / seconds / 1e6),
  };
};
