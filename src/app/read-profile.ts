import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Policy, type Profile, validator } from '#contracts';
import { ChartlyError } from '#kit';
import { addPolicy, namedPolicy, withPolicy } from './policies.ts';
import { parseYaml } from './yaml-source.ts';

/** Reads one profile from a YAML file, with the policy that it names from policies/ beside its directory. Errors: `not_found`; `profile_invalid` with line and column of everything that is wrong. */
export async function readProfile(file: string): Promise<Profile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ChartlyError('not_found', `There is no file ${file} that can be read.`, { cause });
  });
  const { value: written, problems, locate } = parseYaml(text);
  const value = await resolved(written, file);
  const check = validator('profiles/profile');
  if (problems.length === 0 && check(value)) return value;
  const details =
    problems.length > 0
      ? problems.map((problem) => ({ file, ...problem }))
      : check.explain(value).map(({ pointer, message }) => ({ file, pointer, message, ...locate(pointer) }));
  throw new ChartlyError('profile_invalid', `${file} is not a profile.`, { details });
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
