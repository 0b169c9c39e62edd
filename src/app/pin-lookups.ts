// Reference files of the workspace: a profile names them by path, and what is applied names their content.
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import type { Profile } from '#contracts';
import { sha256Hex, type ErrorDetail } from '#kit';

export interface ReferenceFile {
  /** Relative to the workspace. */
  path: string;
  sha256: string;
  content: Buffer;
}

export interface PinnedProfile {
  /** The profile with the digest of each file beside its path. */
  profile: Profile;
  references: ReferenceFile[];
  problems: ErrorDetail[];
}

const maxBytes = 16 << 20;

/** Reads the reference files of a profile from the workspace, and pins the profile to their content. */
export async function pinLookups(profile: Profile, dir: string): Promise<PinnedProfile> {
  const pinned: PinnedProfile = { profile, references: [], problems: [] };
  for (const [name, table] of Object.entries(profile.lookups ?? {})) {
    if (table.file === undefined) continue;
    const content = await readReference(dir, table.file);
    if (typeof content === 'string') {
      pinned.problems.push({ pointer: `/lookups/${name}/file`, message: content });
      continue;
    }
    const sha256 = sha256Hex(content);
    if (table.sha256 !== undefined && table.sha256 !== sha256) {
      const message = `${table.file} has another content: its sha256 is ${sha256}; write that, or leave it out`;
      pinned.problems.push({ pointer: `/lookups/${name}/sha256`, message });
      continue;
    }
    pinned.references.push({ path: table.file, sha256, content });
    const lookups = { ...pinned.profile.lookups, [name]: { ...table, sha256 } };
    pinned.profile = { ...pinned.profile, lookups };
  }
  return pinned;
}

/** The content, or why there is none. */
async function readReference(dir: string, path: string): Promise<Buffer | string> {
  if (isAbsolute(path) || path.split(/[/\\]/).includes('..'))
    return `${path} leads outside of the workspace; put the file into it, and name it by its path from chartly.yaml`;
  const root = await realpath(dir).catch(() => dir);
  const file = await realpath(resolve(root, path)).catch(() => undefined);
  if (file === undefined) return `there is no file ${path} in the workspace`;
  if (!file.startsWith(root.endsWith(sep) ? root : root + sep))
    return `${path} leads outside of the workspace; put the file into it`;
  const found = await stat(file);
  if (!found.isFile()) return `${path} is no file`;
  if (found.size > maxBytes) return `${path} has ${found.size} bytes, and ${maxBytes} are the most`;
  return readFile(file);
}
