import type { Profile } from '#contracts';
import { ChartlyError, sha256Hex } from '#kit';
import { type GivenEntity, givenLines } from './lookup-entities.ts';
import { lookupUses } from './lookup-uses.ts';
import { type LookupData, type Lookups, sharedData } from './lookup-resources.ts';

export type { GivenEntity };

/**
 * The tables of a profile where there are no stores: `files` are the contents of reference files by digest, `entities`
 * those to look up in by name of the table (default none). Errors: `profile_invalid` when a file is not among them; `profile_limit_exceeded`.
 */
export function localLookups(
  profile: Profile,
  files: ReadonlyMap<string, Uint8Array>,
  entities: ReadonlyMap<string, readonly GivenEntity[]>,
): Lookups {
  const uses = lookupUses(profile);
  const lookups: Record<string, LookupData> = {};
  for (const [name, setting] of Object.entries(profile.lookups ?? {})) {
    const content =
      setting.file === undefined
        ? givenLines(setting, uses.get(name)!, entities.get(name) ?? [])
        : files.get(setting.sha256 ?? '');
    if (content === undefined) {
      throw new ChartlyError('profile_invalid', `The content of ${setting.file} is not at hand.`, {
        details: [{ pointer: `/lookups/${name}/file`, message: 'cannot be read' }],
      });
    }
    lookups[name] = sharedData(sha256Hex(content), content);
  }
  return lookups;
}
