import type { Profile } from '#contracts';
import { createTables } from './lookup-table.ts';
import { type LookupDeps, referenceTables } from './lookup-resources.ts';

/**
 * Reads the reference files that a profile names, as mapping will. Errors: `profile_invalid` with a detail for each that is not stored or
 * cannot be used; what the store throws.
 */
export async function checkTables({ blobs }: Pick<LookupDeps, 'blobs'>, profile: Profile): Promise<void> {
  if (profile.lookups === undefined) return;
  const files = Object.entries(profile.lookups).filter(([, { file }]) => file !== undefined);
  const onlyFiles = { ...profile, lookups: Object.fromEntries(files) };
  createTables(onlyFiles, await referenceTables(blobs, onlyFiles));
}
