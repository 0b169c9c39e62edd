// Policies are files of a workspace that profiles name; a profile is applied with its policy written out, so that a version of it says everything.
import { type Policy, validator } from '#contracts';
import type { ErrorDetail } from '#kit';

/** Takes a policy file in; returns what is wrong with it. */
export function addPolicy(policies: Map<string, Policy>, value: unknown): ErrorDetail[] {
  const isPolicy = validator('policies/policy');
  if (!isPolicy(value)) return isPolicy.explain(value).map(({ pointer, message }) => ({ pointer, message }));
  if (value.policy === undefined) return [{ pointer: '', message: 'a policy needs an id, e.g. `policy: people`' }];
  if (value.use !== undefined)
    return [{ pointer: '/use', message: 'only the policy of a profile adds to another one' }];
  if (policies.has(value.policy)) return [{ pointer: '/policy', message: `policy ${value.policy} is defined twice` }];
  policies.set(value.policy, value);
  return [];
}

/** The id of the policy that a profile names, before it is written out. */
export function namedPolicy(profile: unknown): string | undefined {
  const policy = isObject(profile) ? profile.policy : undefined;
  const id = isObject(policy) ? policy.use : policy;
  return typeof id === 'string' ? id : undefined;
}

/** A profile with its policy written out: of a shared one the fields that the profile has. One that is not known is left as it is: the compiler says so. */
export function withPolicy(profile: unknown, policies: ReadonlyMap<string, Policy>): unknown {
  const id = namedPolicy(profile);
  const shared = id === undefined ? undefined : policies.get(id);
  if (shared === undefined || !isObject(profile)) return profile;
  const { use: _, ...own } = isObject(profile.policy) ? profile.policy : {};
  const fields = Object.entries(shared.fields ?? {}).filter(([field]) => hasField(profile, field));
  const fitting: Policy = { ...shared, ...(shared.fields === undefined ? {} : { fields: Object.fromEntries(fields) }) };
  return {
    ...profile,
    policy: { ...fitting, ...own, ...both('detectors', fitting, own), ...both('fields', fitting, own) },
  };
}

function both(member: 'detectors' | 'fields', shared: Policy, own: Record<string, unknown>): Record<string, unknown> {
  const [first, second] = [shared[member], own[member]];
  return isObject(first) && isObject(second) ? { [member]: { ...first, ...second } } : {};
}

/** Fields of policies that none of the profiles that name them has: a slip of the hand there would let personal data through. */
export function strayFields(
  policies: ReadonlyMap<string, Policy>,
  profiles: readonly unknown[],
): (ErrorDetail & { policy: string })[] {
  return [...policies].flatMap(([policy, { fields = {} }]) => {
    const users = profiles.filter((profile) => namedPolicy(profile) === policy);
    if (users.length === 0) return [];
    return Object.keys(fields)
      .filter((field) => !users.some((profile) => hasField(profile, field)))
      .map((field) => ({
        policy,
        pointer: `/fields/${field}`,
        message: 'no profile that names this policy has this field',
      }));
  });
}

/** Tells whether a profile, which need not be valid, has a field that a policy names. */
function hasField(profile: unknown, field: string): boolean {
  const records: unknown = isObject(profile) ? profile.records : undefined;
  if (!Array.isArray(records)) return false;
  const found = /^(?:records\[(\d+)\]\.)?(\w+)(?:\.(\w+))?$/.exec(field);
  if (found === null) return false;
  const [, index, member, name] = found;
  const rules: unknown[] = index === undefined ? records : records.slice(Number(index), Number(index) + 1);
  return rules.some((rule) => {
    const value = isObject(rule) ? rule[member!] : undefined;
    return name === undefined ? value !== undefined : isObject(value) && Object.hasOwn(value, name);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
