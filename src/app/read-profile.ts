import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Policy, type Profile, validator } from '#contracts';
import { ChartlyError } from '#kit';
import { pinLookups, type ReferenceFile } from './pin-lookups.ts';
import { addPolicy, namedPolicy, withPolicy } from './policies.ts';
import { parseYaml } from './yaml-source.ts';

/**
 * Reads one profile from a YAML file, with the policy that it names from policies/ beside its directory, and the contents of the reference
 * files that it names; these lie in the workspace around it, else below the current directory.
 * Errors: `not_found`; `profile_invalid` with line and column of everything that is wrong.
 */
export async function readProfile(file: string): Promise<{ profile: Profile; references: ReferenceFile[] }> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ChartlyError('not_found', `There is no file ${file} that can be read.`, { cause });
  });
  const { value: written, problems, locate } = parseYaml(text);
  const value = await resolved(written, file);
  const check = validator('profiles/profile');
  if (problems.length > 0) throw invalid(file, problems);
  if (!check(value)) {
    throw invalid(
      file,
      check.explain(value).map(({ pointer, message }) => ({ pointer, message, ...locate(pointer) })),
    );
  }
  const pinned = await pinLookups(value, await workspaceOf(file));
  if (pinned.problems.length === 0) return pinned;
  throw invalid(
    file,
    pinned.problems.map((problem) => ({ ...problem, ...locate(problem.pointer ?? '') })),
  );
}

function invalid(file: string, details: ChartlyError['details']): ChartlyError {
  return new ChartlyError('profile_invalid', `${file} is not a profile that can be used.`, {
    details: details.map((detail) => ({ file, ...detail })),
  });
}

async function workspaceOf(file: string): Promise<string> {
  for (let dir = dirname(resolve(file)); ; dir = dirname(dir)) {
    const manifest = await stat(join(dir, 'chartly.yaml')).catch(() => undefined);
    if (manifest?.isFile() === true) return dir;
    if (dir === dirname(dir)) return '.';
  }
}

async function resolved(profile: unknown, file: string): Promise<unknown> {
  const id = namedPolicy(profile);
  // An id is no path.
  if (id === undefined || !/^[a-z0-9][a-z0-9._-]*$/.test(id)) return profile;
  const policies = new Map<string, Policy>();
  for (const extension of ['yaml', 'yml']) {
    const path = join(dirname(file), '..', 'policies', `${id}.${extension}`);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const { value, problems } = parseYaml(text);
    const details = [...problems, ...(problems.length === 0 ? addPolicy(policies, value) : [])];
    if (details.length > 0) {
      const located = details.map((problem) => ({ file: path, ...problem }));
      throw new ChartlyError('profile_invalid', `${path} is not a policy.`, { details: located });
    }
  }
  return withPolicy(profile, policies);
}
