import type { Profile } from '#contracts';
import { canonicalJson } from '#kit';

type RecordRule = Profile['records'][number];
type Field = RecordRule['key'][number];

/**
 * Two rules of one kind with one key would give every row two records of one identity: one would replace the other, and
 * be counted as a duplicate. Names the later rule, and what to write instead.
 */
export function checkKeys(rules: readonly RecordRule[], problem: (pointer: string, message: string) => void): void {
  const seen = new Map<string, { index: number; rule: RecordRule }[]>();
  for (const [index, rule] of rules.entries()) {
    // A condition may tell the records of two rules apart; what it says is known only when a row comes.
    if (rule.when !== undefined) continue;
    const identity = canonicalJson([rule.kind, rule.key.map(plain), rule.explode ?? null]);
    const before = seen.get(identity) ?? [];
    const twin = before.find((other) => !readOtherColumns(rule, other.rule));
    if (twin !== undefined) problem(`/records/${index}/key`, advice(rule, index, twin.index));
    seen.set(identity, [...before, { index, rule }]);
  }
}

function advice(rule: RecordRule, index: number, twin: number): string {
  const label = typeof rule.name === 'string' ? rule.name : `rule_${index}`;
  const key = [`{ const: ${label} }`, ...rule.key.map(written)].join(', ');
  return `this is also the key of /records/${twin}, so the two records of a row would be taken for one. Tell them apart: key: [${key}]`;
}

/** A path is short for a rule that has nothing else. */
const plain = (field: Field): Exclude<Field, string> => (typeof field === 'string' ? { path: field } : field);

/** As it may stand in a YAML flow sequence. */
function written(field: Field): string {
  const text = typeof field === 'string' ? field : JSON.stringify(field);
  return typeof field !== 'string' || /^[\w$][\w .$-]*$/.test(text) ? text : JSON.stringify(text);
}

/** Rules that turn different columns into records differ in `@column`. */
function readOtherColumns(a: RecordRule, b: RecordRule): boolean {
  if (a.unpivot === undefined || b.unpivot === undefined) return false;
  if (!a.key.some((field) => plain(field).path === '@column')) return false;
  const [first, second] = [a.unpivot, b.unpivot];
  const without = (columns: string[], others: typeof first): boolean =>
    columns.every((column) => (others.columns ? !others.columns.includes(column) : others.exclude?.includes(column)));
  if (first.columns !== undefined) return without(first.columns, second);
  return second.columns !== undefined && without(second.columns, first);
}
