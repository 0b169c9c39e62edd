/** What is asked for when a run is: a fetch, or to normalize again what was captured before. */
import type { NewEntry } from '#audit';
import type { Job, ReasonCode, ReplayScope, Run } from '#contracts';
import { ChartlyError, type RequestContext } from '#kit';
import type { AppliedProfile } from '#normalizer';
import type { Sql } from '#storage';
import { activeSource, documentVersion, toProfile } from './documents.ts';
import { replayPayloads } from './replay-payloads.ts';
import type { Unit } from './unit.ts';

export type Asked =
  | { trigger: Exclude<Run['trigger'], 'replay'> }
  | { trigger: 'replay'; scope: ReplayScope; profile: AppliedProfile };

export function replayPart(asked: Asked): Pick<Job, 'profile_id' | 'profile_version' | 'replay'> {
  if (asked.trigger !== 'replay') return {};
  const { profile } = asked.profile;
  return { profile_id: profile.profile, profile_version: profile.version, replay: asked.scope };
}

export function askedDetails(asked: Asked): NewEntry['details'] {
  if (asked.trigger !== 'replay') return {};
  const { scope, profile } = asked;
  const { from, to, quarantined } = scope;
  return {
    profile_id: profile.profile.profile,
    profile_version: profile.profile.version,
    profile_digest: profile.digest,
    scope: quarantined === undefined ? 'current payloads' : 'payloads with open quarantine rows',
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(quarantined?.reason_code === undefined ? {} : { reason_code: quarantined.reason_code }),
  };
}

/** The version of the source's profile that is named, or the active one. Errors: `not_found`; `conflict` when it is only staged. */
export async function replayProfile(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  version: string | undefined,
): Promise<AppliedProfile> {
  const { source, profile } = await activeSource(sql, tenantId, sourceId);
  if (version === undefined || version === profile.profile.version) return profile;
  const row = await documentVersion(sql, tenantId, 'profile', source.profile, version);
  if (row === undefined) throw new ChartlyError('not_found', `Profile ${source.profile}@${version} is not registered.`);
  return toProfile(row);
}

/** The store keeps what the newest version made, so an older one has no effect. Errors: `conflict`. */
export async function refuseOlder(
  sql: Sql,
  tenantId: string,
  sourceId: string,
  { profile, ordinal }: AppliedProfile,
): Promise<void> {
  const [newer] = await sql.query<{ profile_id: string; profile_version: string }>(
    `select profile_id, profile_version from batch_receipt
     where tenant_id = $1 and source_id = $2 and revision >= ($3::bigint + 1) * 17592186044416 order by revision desc limit 1`,
    [tenantId, sourceId, ordinal],
  );
  if (newer === undefined) return;
  const { profile_id, profile_version } = newer;
  throw new ChartlyError(
    'conflict',
    `Records of ${sourceId} were made by ${profile_id}@${profile_version} already, which became active after ${profile.profile}@${profile.version}.`,
    {
      action: `To bring older rules back, promote them: \`chartly profile promote ${profile.profile}@${profile.version} --replay\`.`,
    },
  );
}

/** Errors: `conflict` when no other version than the active one refused what stands open, so that nothing can be recovered. */
export async function recovery(
  { tx }: Unit,
  { tenantId }: RequestContext,
  sourceId: string,
  reasonCode: ReasonCode | undefined,
): Promise<Asked> {
  const profile = await replayProfile(tx, tenantId, sourceId, undefined);
  await refuseOlder(tx, tenantId, sourceId, profile);
  const scope: ReplayScope = { quarantined: reasonCode === undefined ? {} : { reason_code: reasonCode } };
  const payloads = await replayPayloads(tx, { tenantId, sourceId }, scope, profile);
  if (payloads.length === 0) {
    const { profile: id, version } = profile.profile;
    throw new ChartlyError(
      'conflict',
      `Source ${sourceId} has no open rows${reasonCode === undefined ? '' : ` for ${reasonCode}`} that another version than ${id} ${version} refused.`,
      {
        action:
          'Change the profile, see what it would recover with `chartly quarantine preview --profile FILE`, apply it, then recover.',
      },
    );
  }
  return { trigger: 'replay', scope, profile };
}
