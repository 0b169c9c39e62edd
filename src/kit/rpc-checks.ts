/** What arguments that come from another process must be. */
import { validator, type ContractTypes } from '#contracts';
import type { ErrorDetail } from './errors.ts';

/** Undefined when the value is right. */
export type Check = (value: unknown, pointer: string) => ErrorDetail | undefined;

const fails = (pointer: string, message: string): ErrorDetail => ({ pointer, message });
const longestText = 65_536;

function isA(what: string, test: (value: unknown) => boolean): Check {
  return (value, pointer) => (test(value) ? undefined : fails(pointer, `must be ${what}`));
}

export const check = {
  text: isA('a text', (value) => typeof value === 'string' && value.length <= longestText),
  flag: isA('true or false', (value) => typeof value === 'boolean'),
  whole: isA('a whole number', (value) => Number.isSafeInteger(value)),
  bigint: isA('a whole number of any size', (value) => typeof value === 'bigint'),
  bytes: isA('bytes', (value) => value instanceof Uint8Array),
  signal: isA('a signal', (value) => value instanceof AbortSignal),
  callback: isA('a function', (value) => typeof value === 'function'),
  /** What the room that takes it checks itself. */
  object: isA('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  anything: (() => undefined) as Check,
  oneOf: (...values: readonly string[]): Check =>
    isA(`one of ${values.join(', ')}`, (value) => typeof value === 'string' && values.includes(value)),
  optional:
    (inner: Check): Check =>
    (value, pointer) =>
      value === undefined ? undefined : inner(value, pointer),
  list:
    (inner: Check): Check =>
    (value, pointer) => {
      if (!Array.isArray(value)) return fails(pointer, 'must be a list');
      for (const [i, item] of value.entries()) {
        const found = inner(item, `${pointer}/${i}`);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  /** Exactly these members, of which those with an optional check may be missing. */
  members:
    (members: Record<string, Check>): Check =>
    (value, pointer) => {
      if (typeof value !== 'object' || value === null) return fails(pointer, 'must be an object');
      const stray = Object.keys(value).find((name) => !Object.hasOwn(members, name));
      if (stray !== undefined) return fails(`${pointer}/${stray}`, 'is not known');
      for (const [name, inner] of Object.entries(members)) {
        const found = inner((value as Record<string, unknown>)[name], `${pointer}/${name}`);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  contract:
    (name: keyof ContractTypes): Check =>
    (value, pointer) => {
      const valid = validator(name);
      if (valid(value)) return undefined;
      const [first] = valid.explain(value);
      return fails(`${pointer}${first?.pointer ?? ''}`, first?.message ?? `must obey the contract ${name}`);
    },
};

/** A RequestContext. */
export const contextCheck: Check = check.members({ tenantId: check.text, actor: check.text, requestId: check.text });
