import type { FieldPolicy, Policy, Profile } from '#contracts';
import { dimensionsWith } from './policy.ts';
import { knowsCountry } from './policy/phone.ts';

type Problem = (pointer: string, message: string) => void;

/** The policy of a profile, checked against its records; undefined when it has none, or one that cannot be used. */
export function checkedPolicy(profile: Profile, problem: Problem): Policy | undefined {
  const { policy } = profile;
  if (policy === undefined) return undefined;
  if (typeof policy === 'string' || policy.use !== undefined) {
    const id = typeof policy === 'string' ? policy : policy.use;
    problem(
      typeof policy === 'string' ? '/policy' : '/policy/use',
      `the policy ${id} is not written out here; run this in a workspace that has policies/${id}.yaml, or write the policy into the profile`,
    );
    return undefined;
  }
  checkCountry(policy.country, '/policy/country', problem);
  const there = fieldsOf(profile);
  for (const [field, rule] of Object.entries(policy.fields ?? {})) {
    const pointer = `/policy/fields/${field}`;
    if (!there.has(field))
      problem(
        pointer,
        `no record rule has this field; there are ${[...there].filter((name) => !name.startsWith('records[')).join(', ')}`,
      );
    checkField(field, rule, pointer, problem);
  }
  const encrypts = profile.records.some((rule, i) => dimensionsWith(policy, rule, i, 'encrypt').length > 0);
  if (encrypts && policy.subject === undefined)
    problem('/policy', 'a field is encrypted, so say by `subject` whose key it is, e.g. `subject: customer_id`');
  return policy;
}

function checkField(field: string, rule: FieldPolicy, pointer: string, problem: Problem): void {
  const { action } = rule;
  checkCountry(rule.country, `${pointer}/country`, problem);
  const kind = field.replace(/^records\[\d+\]\./, '').split('.')[0]!;
  if ((kind === 'value' || kind === 'measures') && action !== 'deny' && action !== 'allow')
    problem(`${pointer}/action`, `a number is either denied or allowed; to ${action} it, make it a dimension`);
  if (kind === 'name' && (action === 'encrypt' || action === 'tokenise'))
    problem(`${pointer}/action`, `only dimensions are ${action}d; a name may be hashed`);
  if (rule.keep_last !== undefined && action !== 'mask')
    problem(
      `${pointer}/keep_last`,
      `only mask shows something, and this is ${action}; leave it out, or write action: mask`,
    );
  if (rule.reason !== undefined && action !== 'allow')
    problem(`${pointer}/reason`, `only allow needs a reason, and this is ${action}; leave it out`);
}

function checkCountry(country: string | undefined, pointer: string, problem: Problem): void {
  if (country !== undefined && !knowsCountry(country))
    problem(pointer, `no phone numbers of ${country} are known; use a code of ISO 3166 such as DE`);
}

/** Every field of the records, as policies name them. */
function fieldsOf({ records }: Profile): Set<string> {
  const fields = new Set<string>();
  for (const [index, rule] of records.entries()) {
    const own = [
      'name',
      ...(rule.kind === 'metric' ? ['value'] : []),
      ...Object.keys(rule.dimensions ?? {}).map((name) => `dimensions.${name}`),
      ...Object.keys(rule.measures ?? {}).map((name) => `measures.${name}`),
    ];
    for (const field of own) fields.add(field).add(`records[${index}].${field}`);
  }
  return fields;
}
