/** Who has read a payload: several versions of a profile may do so at the same time, and the newest has the last word. */
import type { Relational } from '#storage';
import type { BatchFrame } from './contract-check.ts';

/** The reading of a payload that counts. */
export type Reading = Pick<BatchFrame, 'profileId' | 'profileVersion' | 'profileDigest' | 'revision'>;

const payload = 'tenant_id = $1 and source_id = $2 and raw_sha256 = $3';
const payloadOf = (frame: BatchFrame): string[] => [frame.tenantId, frame.sourceId, frame.rawSha256];

/** Must be durable before anything of the reading is written. Repeatable. */
export async function beginReading(relational: Relational, frame: BatchFrame): Promise<void> {
  await relational.execute(
    `insert into reading (tenant_id, source_id, raw_sha256, revision, ordinal, profile_digest, profile_id, profile_version, ended)
     values ($1, $2, $3, $4::bigint, ($4::bigint >> 44)::integer, $5, $6, $7, false) on conflict do nothing`,
    [...payloadOf(frame), String(frame.revision), frame.profileDigest, frame.profileId, frame.profileVersion],
  );
}

/**
 * Everything of the reading is written. Returns the newest reading that has ended, this one or a newer one, and whether an older one of
 * another version was ever begun. It is read after this one's end is durable, so that of two readings the one that ends last sees both.
 */
export async function endReading(
  relational: Relational,
  frame: BatchFrame,
): Promise<{ newest: Reading; others: boolean }> {
  await relational.execute(
    `update reading set ended = true, revision = greatest(revision, $4::bigint)
     where ${payload} and ordinal = ($4::bigint >> 44)::integer and profile_digest = $5`,
    [...payloadOf(frame), String(frame.revision), frame.profileDigest],
  );
  const [row] = await relational.query<
    Record<'profile_id' | 'profile_version' | 'profile_digest' | 'revision', string> & { others: boolean }
  >(
    `select profile_id, profile_version, profile_digest, revision::text as revision,
       exists (select 1 from reading where ${payload} and profile_digest <> n.profile_digest and revision < n.revision) as others
     from (select * from reading where ${payload} and ended order by revision desc limit 1) n`,
    payloadOf(frame),
  );
  const { profile_id: profileId, profile_version: profileVersion, profile_digest: profileDigest, others } = row!;
  return { newest: { profileId, profileVersion, profileDigest, revision: BigInt(row!.revision) }, others };
}
