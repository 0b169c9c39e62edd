import type { FieldRule, Lookup, LookupTable, Profile, Rule } from '#contracts';

/** Columns, or dimensions, that make up the key of a table. */
export function keyOf({ key }: LookupTable): readonly string[] {
  return typeof key === 'string' ? [key] : key;
}

/** The fields that give the key of a look-up. */
export function keyFieldsOf({ key }: Lookup): readonly FieldRule[] {
  return Array.isArray(key) ? key : [key];
}

/** A key of several parts as one text. */
export function joinKey(parts: readonly string[]): string {
  if (parts.length === 1) return parts[0]!;
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

/** Every field rule of a profile, also those that give the keys of look-ups. */
export function fieldRules(profile: Profile): Rule[] {
  const rules: Rule[] = [];
  const visit = (field: FieldRule | undefined): void => {
    if (typeof field !== 'object') return;
    rules.push(field);
    if (field.lookup !== undefined) for (const part of keyFieldsOf(field.lookup)) visit(part);
  };
  for (const { name, ts, value, key, dimensions, measures } of profile.records) {
    for (const field of [name, ts, value, ...key]) visit(field);
    for (const field of [...Object.values(dimensions ?? {}), ...Object.values(measures ?? {})]) visit(field);
  }
  visit(profile.dedupe?.by);
  return rules;
}

/** What rules take from each table: names of fields, sorted. Tables hold nothing else. */
export function lookupUses(profile: Profile): Map<string, string[]> {
  const uses = new Map(Object.keys(profile.lookups ?? {}).map((name) => [name, new Set<string>()]));
  for (const { lookup } of fieldRules(profile)) if (lookup !== undefined) uses.get(lookup.in)?.add(lookup.field);
  return new Map([...uses].map(([name, fields]) => [name, [...fields].sort()]));
}
