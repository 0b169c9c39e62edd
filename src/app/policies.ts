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

/** A profile with its policy written out. One that is not known is left as it is: the compiler says so. */
export function withPolicy(profile: unknown, policies: ReadonlyMap<string, Policy>): unknown {
  const id = namedPolicy(profile);
  const shared = id === undefined ? undefined : policies.get(id);
  if (shared === undefined || !isObject(profile)) return profile;
  const { use: _, ...own } = isObject(profile.policy) ? profile.policy : {};
  return {
    ...profile,
    policy: { ...shared, ...own, ...both('detectors', shared, own), ...both('fields', shared, own) },
  };
}

function both(member: 'detectors' | 'fields', shared: Policy, own: Record<string, unknown>): Record<string, unknown> {
  const [first, second] = [shared[member], own[member]];
  return isObject(first) && isObject(second) ? { [member]: { ...first, ...second } } : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
