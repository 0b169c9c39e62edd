import type { WriterDeps } from './batch-writer.ts';
import type { BatchFrame } from './contract-check.ts';
import type { Reading } from './readings.ts';

/**
 * After a payload was read anew: what older profile versions made of it, and the newest keyed differently, refused or left out, stops
 * being live. The ledger says so, as verification must know why records of an older batch are gone. Repeatable.
 */
export async function retireOthers(
  { canonical, audit }: WriterDeps,
  { tenantId, sourceId, rawSha256 }: BatchFrame,
  { profileDigest, profileId, profileVersion, revision }: Reading,
  runId: string,
): Promise<number> {
  const retired = await canonical.retireOthers({ tenantId, sourceId, rawSha256, profileDigest, revision });
  await audit.append([
    {
      tenantId,
      actor: 'service:normalizer',
      action: 'records.retired',
      resource: `raw:${rawSha256}`,
      outcome: 'succeeded',
      runId,
      dedupeKey: `retired:${sourceId}:${rawSha256}:${profileDigest}:${revision}`,
      details: {
        source_id: sourceId,
        raw_sha256: rawSha256,
        profile_id: profileId,
        profile_version: profileVersion,
        profile_digest: profileDigest,
        revision: String(revision),
        records: retired,
      },
    },
  ]);
  return retired;
}
