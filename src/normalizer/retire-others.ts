import type { WriterDeps } from './batch-writer.ts';
import type { BatchFrame } from './contract-check.ts';

/**
 * After a payload was normalized anew: what an older profile version made of it, and this one keyed differently, refused or
 * left out, stops being live. The ledger says so, as verification must know why records of an older batch are gone.
 * Repeatable; does nothing for a payload that no other version has settled.
 */
export async function retireOthers(
  { relational, canonical, audit }: WriterDeps,
  frame: BatchFrame,
  runId: string,
): Promise<number> {
  const { tenantId, sourceId, rawSha256, profileDigest, profileId, profileVersion, revision } = frame;
  const others = await relational.query(
    `select 1 from batch_receipt where tenant_id = $1 and source_id = $2 and raw_sha256 = $3 and profile_digest <> $4
       and revision < $5 limit 1`,
    [tenantId, sourceId, rawSha256, profileDigest, revision],
  );
  if (others.length === 0) return 0;
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
