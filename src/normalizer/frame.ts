import type { BatchFrame } from './contract-check.ts';
import type { NormalizeTask } from './index.ts';

/** What all records of a payload under a profile version have in common. */
export function frameOf({
  tenantId,
  sourceId,
  raw,
  profile,
}: Pick<NormalizeTask, 'tenantId' | 'sourceId' | 'raw' | 'profile'>): BatchFrame {
  const capturedAtMs = Date.parse(raw.captured_at);
  return {
    tenantId,
    sourceId,
    rawSha256: raw.sha256,
    profileId: profile.profile.profile,
    profileVersion: profile.profile.version,
    profileDigest: profile.digest,
    revision: BigInt(profile.ordinal) * 2n ** 44n + BigInt(capturedAtMs),
    capturedAtMs,
  };
}
