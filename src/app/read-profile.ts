import { readFile } from 'node:fs/promises';
import { validator, type Profile } from '#contracts';
import { ChartlyError } from '#kit';
import { parseYaml } from './yaml-source.ts';

/** Reads one profile from a YAML file. Errors: `not_found`; `profile_invalid` with line and column of everything that is wrong. */
export async function readProfile(file: string): Promise<Profile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ChartlyError('not_found', `There is no file ${file} that can be read.`, { cause });
  });
  const { value, problems, locate } = parseYaml(text);
  const check = validator('profiles/profile');
  if (problems.length === 0 && check(value)) return value;
  const details =
    problems.length > 0
      ? problems.map((problem) => ({ file, ...problem }))
      : check.explain(value).map(({ pointer, message }) => ({ file, pointer, message, ...locate(pointer) }));
  throw new ChartlyError('profile_invalid', `${file} is not a profile.`, { details });
}
