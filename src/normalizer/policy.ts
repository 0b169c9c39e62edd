/** A profile's policy, compiled: what becomes of the fields of its records before anyone sees them. */
import type { FieldPolicy, FieldRule, Policy, RecordRule } from '#contracts';
import type { CanonicalRecord } from '#storage';
import type { Attempt, Failure, Site } from './attempt.ts';
import type { Field } from './field.ts';
import { concealed } from './mask.ts';
import { createDetect, type Detect } from './policy/detect.ts';
import { hintsOfName } from './policy/detector-names.ts';
import { redacted } from './policy/hide.ts';
import type { TenantKeys } from './policy/keyed.ts';
import { type Protect, protectField, protectUndeclared, type Violation } from './policy/protect.ts';
import { tokenOf } from './policy/sealed.ts';
import type { RowValue } from './path.ts';

/** What of a record is still to be sealed, once the key of its subject is known. */
export interface Sealing {
  /** Keyed hash; empty for the tenant's own key. */
  subject: string;
  /** What to say when the subject was erased. */
  erased: Failure;
  /** Dimensions that hold plain text until then. */
  encrypt: string[];
  tokens: { token: string; text: string }[];
}

export interface CompiledPolicy {
  policy: Policy;
  keys: TenantKeys;
  /** Records that are not to be let out before they are sealed. */
  sealing: WeakMap<CanonicalRecord, Sealing>;
}

/** Applies the policy to a record that a rule has built; undefined when the attempt has a failure. */
export type Guard = (record: CanonicalRecord, row: RowValue, attempt: Attempt) => CanonicalRecord | undefined;

/** The fields of a record rule that a policy can speak of. */
export interface GuardedFields {
  name: Field<string>;
  value: Field<number> | undefined;
  dimensions: readonly { name: string; field: Field<string> }[];
  measures: readonly { name: string; field: Field<number> }[];
  /** Whose data it is, when the policy says so. */
  subject: Field<string> | undefined;
}

interface GuardedText {
  name: string;
  site: Site;
  protect: Protect;
}

/** What the policy says of a field of a record rule: for this rule alone, else for all. */
export function fieldPolicy(policy: Policy, index: number, field: string): FieldPolicy | undefined {
  return policy.fields?.[`records[${index}].${field}`] ?? policy.fields?.[field];
}

function isSealed(rule: FieldPolicy | undefined): boolean {
  return rule?.action === 'encrypt' || rule?.action === 'tokenise';
}

/** The dimensions of a record rule for which the policy says this. */
export function dimensionsWith(
  policy: Policy,
  rule: RecordRule,
  index: number,
  action: FieldPolicy['action'],
): string[] {
  const names = Object.keys(rule.dimensions ?? {});
  return names.filter((name) => fieldPolicy(policy, index, `dimensions.${name}`)?.action === action);
}

/** Tells whether records of a rule wait for keys: those of subjects also to learn whether one was erased. */
export function waitsForKeys(policy: Policy, rule: RecordRule, index: number): boolean {
  return policy.subject !== undefined || dimensionsWith(policy, rule, index, 'tokenise').length > 0;
}

/** Tells whether a record of a rule cannot be without a subject. */
export function needsSubject(policy: Policy, rule: RecordRule, index: number): boolean {
  return (['encrypt', 'tokenise'] as const).some((action) => dimensionsWith(policy, rule, index, action).length > 0);
}

export function guardRecord(rule: RecordRule, index: number, fields: GuardedFields, compiled: CompiledPolicy): Guard {
  const { policy, keys } = compiled;
  const protection = (field: string, name: string, written: FieldRule | undefined): Protect | undefined => {
    const own = fieldPolicy(policy, index, field);
    if (own !== undefined) return isSealed(own) ? undefined : protectField(name, own, policy, keys);
    // A constant is the author's own text.
    return typeof written === 'object' && written.const !== undefined ? undefined : protectUndeclared(name, policy);
  };
  const named = typeof rule.name === 'string' ? { const: rule.name } : rule.name;
  const ofName = protection('name', 'name', named);
  const texts: GuardedText[] = fields.dimensions.flatMap(({ name, field }) => {
    const protect = protection(`dimensions.${name}`, name, rule.dimensions![name]);
    return protect === undefined ? [] : [{ name, site: field.site, protect }];
  });
  const numbers = numberGuards(rule, index, fields, policy);
  const sealing = sealer(rule, index, fields, compiled);

  return (record, row, attempt) => {
    if (ofName !== undefined) {
      const name = ofName(record.name);
      if (typeof name === 'string') record.name = name;
      else violate(attempt, fields.name.site, name);
    }
    const { dimensions } = record;
    for (const { name, site, protect } of texts) {
      const text = dimensions[name];
      if (text === undefined) continue;
      const left = protect(text);
      if (left === text) continue;
      if (typeof left === 'string') dimensions[name] = left;
      else violate(attempt, site, left);
    }
    for (const guard of numbers) guard(record, attempt);
    sealing?.(record, row, attempt);
    return attempt.failures.length === 0 ? record : undefined;
  };
}

function violate(attempt: Attempt, site: Site, violation: Violation): void {
  attempt.fail(site, 'policy_violation', violation.message, '');
}

type NumberGuard = (record: CanonicalRecord, attempt: Attempt) => void;

/** Numbers look like cards and ids by chance: they are looked at where a name or the policy says what they may be. */
function numberGuards(rule: RecordRule, index: number, fields: GuardedFields, policy: Policy): NumberGuard[] {
  const all = [
    ...(fields.value === undefined ? [] : [{ name: 'value', at: 'value', site: fields.value.site }]),
    ...fields.measures.map(({ name, field }) => ({ name, at: `measures.${name}`, site: field.site })),
  ];
  return all.flatMap(({ name, at, site }) => {
    const own = fieldPolicy(policy, index, at);
    if (own?.action === 'allow' || (hintsOfName(name).length === 0 && own === undefined)) return [];
    const protect =
      own === undefined
        ? protectUndeclared(name, policy)
        : protectField(name, { ...own, action: 'deny' }, policy, noKeys);
    if (protect === undefined) return [];
    const isValue = at === 'value';
    return [
      (record: CanonicalRecord, attempt: Attempt) => {
        const number = isValue ? record.value : record.measures[name];
        if (number === undefined) return;
        const text = record.exact?.[name] ?? String(number);
        const left = protect(text);
        if (left === text) return;
        // A number cannot be redacted.
        if (typeof left === 'string') attempt.fail(site, 'policy_violation', 'The number holds personal data.', '');
        else violate(attempt, site, left);
      },
    ];
  });
}

/** Denying asks for no key. */
const noKeys = {} as TenantKeys;

function sealer(rule: RecordRule, index: number, fields: GuardedFields, compiled: CompiledPolicy) {
  const { policy, keys, sealing } = compiled;
  const encrypted = dimensionsWith(policy, rule, index, 'encrypt');
  const tokenised = dimensionsWith(policy, rule, index, 'tokenise');
  if (!waitsForKeys(policy, rule, index)) return undefined;
  return (record: CanonicalRecord, row: RowValue, attempt: Attempt): void => {
    const text = fields.subject?.read(row, attempt);
    if (attempt.failures.length > 0) return;
    const encrypt = encrypted.filter((name) => record.dimensions[name] !== undefined);
    const tokens: Sealing['tokens'] = [];
    for (const name of tokenised) {
      const value = record.dimensions[name];
      if (value === undefined) continue;
      const token = tokenOf(keys.token(value));
      tokens.push({ token, text: value });
      record.dimensions[name] = token;
    }
    if (text === undefined && tokens.length === 0) return;
    const subject = text === undefined ? '' : keys.subject(text);
    sealing.set(record, { subject, erased: erasedOf(fields.subject?.site, attempt), encrypt, tokens });
  };
}

function erasedOf(site: Site | undefined, attempt: Attempt): Failure {
  const message = 'The record is of a subject whose key was destroyed, so that nothing of it is written again.';
  const pointer = site === undefined ? '' : attempt.pointerOf(site);
  return { reason: 'subject_erased', rule: 'policy.subject', pointer, message, masked: concealed('') };
}

/** Hides what a name may hold: names of members come from payloads too. */
export function nameConcealer(): (name: string) => string {
  const detect: Detect = createDetect();
  return (name) => {
    const findings = detect(name);
    return findings.length === 0 ? name : redacted(name, findings, detect);
  };
}

/** The same for the names in a pointer. */
export function pointerConcealer(): (pointer: string) => string {
  const conceal = nameConcealer();
  const each = (step: string): string => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    const left = conceal(name);
    return left === name ? step : left.replaceAll('~', '~0').replaceAll('/', '~1');
  };
  return (pointer) => (pointer === '' ? '' : pointer.split('/').map(each).join('/'));
}
