import { Columns, isTable } from '#formats';
import type { FieldRule, Profile, RecordRule, Rule } from '#contracts';
import { keyFieldsOf } from './lookup-uses.ts';
import { compilePath, type Division, PathError } from './path.ts';
import { anyItem, anyMember, fieldName, type Shape, type ShapeStep } from './shape.ts';

/** A part of a profile that reads a field of the rows. */
export interface FieldUse {
  /** As in the path: an index of a list is a number in text. */
  segments: readonly string[];
  /** RFC 6901 in the profile. */
  pointer: string;
  /** e.g. `records[0].key[0]` */
  rule: string;
  record: number;
  member: 'name' | 'key' | 'ts' | 'value' | 'dimensions' | 'measures' | 'unpivot' | 'explode' | 'expression';
  spec: Rule;
  /** Without the field no row gives a record. */
  vital: boolean;
}

/** Which fields a profile reads, and where. The profile must be one that compiles. */
export function usesOf(profile: Profile): FieldUse[] {
  return [
    ...profile.records.flatMap((record, index) => usesOfRecord(profile, record, index)),
    ...usesOfDedupe(profile),
  ];
}

/** What candidates are compared by; a path into parts of rows is left to the rules that have them. */
function usesOfDedupe(profile: Profile): FieldUse[] {
  const by = profile.dedupe?.by;
  if (by === undefined) return [];
  const spec = typeof by === 'string' ? { path: by } : by;
  const place = { record: 0, spec, rule: 'dedupe.by', pointer: '/dedupe/by', vital: false };
  const path =
    spec.path === undefined
      ? undefined
      : segmentsOf(spec.path, isTable(profile) ? new Columns() : undefined, undefined);
  return [
    ...referencesOf(spec.cel).map((segments) => ({ ...place, member: 'expression' as const, segments })),
    ...(path === undefined ? [] : [{ ...place, member: 'value' as const, segments: path.segments }]),
  ];
}

function usesOfRecord(profile: Profile, record: RecordRule, index: number): FieldUse[] {
  const columns = isTable(profile) ? new Columns() : undefined;
  const division: Division =
    record.unpivot !== undefined ? 'unpivot' : record.explode !== undefined ? 'explode' : undefined;
  const uses: FieldUse[] = [];
  const list = typeof record.explode === 'object' ? record.explode.path : record.explode;
  const base = { record: index, spec: {} as Rule };
  const listed = list === undefined ? undefined : segmentsOf(list, columns, undefined)?.segments;
  const add = (member: FieldUse['member'], rule: FieldRule | undefined, at: string, needed: boolean): void => {
    if (rule === undefined) return;
    const spec = typeof rule === 'string' ? { path: rule } : rule;
    const place = {
      ...base,
      spec,
      rule: `records[${index}].${at.replaceAll(/\/(\d+)$/g, '[$1]').replaceAll('/', '.')}`,
      pointer: `/records/${index}/${at}`,
    };
    for (const segments of referencesOf(spec.cel))
      uses.push({ ...place, member: 'expression', segments, vital: false });
    const vital = needed && spec.default === undefined;
    if (spec.lookup !== undefined) {
      const listed = Array.isArray(spec.lookup.key);
      keyFieldsOf(spec.lookup).forEach((key, i) => add('key', key, `${at}/lookup/key${listed ? `/${i}` : ''}`, vital));
    }
    const found = spec.path === undefined ? undefined : segmentsOf(spec.path, columns, division);
    if (found === undefined || (found.ofPart && listed === undefined)) return;
    const segments = found.ofPart ? [...listed!, '0', ...found.segments] : found.segments;
    uses.push({ ...place, member, segments, vital });
  };
  if (typeof record.name !== 'string') add('name', record.name, 'name', true);
  record.key.forEach((rule, i) => add('key', rule, `key/${i}`, true));
  add('ts', record.ts, 'ts', record.kind !== 'entity');
  add('value', record.value, 'value', true);
  for (const member of ['dimensions', 'measures'] as const) {
    for (const [name, rule] of Object.entries(record[member] ?? {}))
      add(member, rule, `${member}/${name}`, typeof rule === 'object' && rule.required === true);
  }
  for (const segments of referencesOf(record.when))
    uses.push({
      ...base,
      segments,
      member: 'expression',
      rule: `records[${index}].when`,
      pointer: `/records/${index}/when`,
      vital: false,
    });
  record.unpivot?.columns?.forEach((name, i) =>
    uses.push({
      ...base,
      segments: [name],
      member: 'unpivot',
      rule: `records[${index}].unpivot`,
      pointer: `/records/${index}/unpivot/columns/${i}`,
      vital: false,
    }),
  );
  if (listed !== undefined)
    uses.push({
      ...base,
      segments: listed,
      member: 'explode',
      rule: `records[${index}].explode`,
      pointer: `/records/${index}/explode`,
      vital: true,
    });
  return uses;
}

function segmentsOf(
  path: string,
  columns: Columns | undefined,
  division: Division,
): { segments: string[]; ofPart: boolean } | undefined {
  try {
    const { pointer, ofPart } = compilePath(path, columns, division);
    const segments = pointer.split('/').slice(1).map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~')); // prettier-ignore
    return path === '@index' ? undefined : { segments, ofPart };
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}

/** What an expression reads of the row, as far as its text tells. */
function referencesOf(cel: string | undefined): string[][] {
  const found = cel?.matchAll(/\brow((?:\.[A-Za-z_]\w{0,127}|\[(?:"[^"\\]{1,128}"|'[^'\\]{1,128}')\])+)/g) ?? [];
  return [...found].map(([, steps]) => [...steps!.matchAll(/\.(\w+)|\["([^"]+)"\]|\['([^']+)'\]/g)].map(([, a, b, c]) => (a ?? b ?? c)!)); // prettier-ignore
}

/** The segments as steps into a shape: a number leads to a list's items where there is a list. Beyond what the shape holds they stay names. */
export function stepsIn(shape: Shape, segments: readonly string[]): ShapeStep[] {
  let at: Shape | undefined = shape;
  return segments.map((segment) => {
    const name = at?.members === undefined ? fieldName(segment) : anyMember;
    const field: Shape | undefined = at?.members ?? at?.fields?.find(([own]) => own === name)?.[1];
    const isIndex: boolean = field === undefined && at?.items !== undefined && /^-?\d+$/.test(segment);
    at = isIndex ? at!.items : field;
    return isIndex ? anyItem : name;
  });
}
