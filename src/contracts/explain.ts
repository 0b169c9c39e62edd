// What a validator found, said once and in words: a value that fits none of several forms breaks every one of them.
import type { ErrorObject } from 'ajv/dist/2020.js';

/** One way in which a value breaks its contract. `pointer` is RFC 6901; `message` never holds the value. */
export interface Violation {
  pointer: string;
  message: string;
  keyword: string;
}

// A body may be wrong in a million places; nobody reads them.
const mostErrors = 500;
const mostViolations = 50;

type Schema = Record<string, unknown> & { required?: string[]; properties?: Record<string, { const?: unknown }> };

/** Takes the errors of a validator that finds all of them and keeps the schemas beside them. */
export function explainErrors(all: readonly ErrorObject[]): Violation[] {
  const errors = all.slice(0, mostErrors);
  let left = errors.filter(({ keyword }) => keyword !== 'if');
  const extra: Violation[] = [];
  for (const error of errors) {
    if (error.keyword === 'oneOf' || error.keyword === 'anyOf') left = settleUnion(error, left, extra);
  }
  const misspelt = new Set(left.map(suggestionOf).filter((name) => name !== undefined));
  // The field that is missing is there under a name nearly right.
  left = left.filter(
    (error) => !(error.keyword === 'required' && misspelt.has(`${error.instancePath}/${missingOf(error)}`)),
  );
  const strange = left.filter((error) => error.keyword === 'additionalProperties' && suggestionOf(error) === undefined);
  const described = left.filter((error) => !strange.includes(error)).map(toViolation);
  for (const there of Map.groupBy(strange, (error) => error.instancePath).values()) extra.push(unknownFields(there));
  const unique = new Map([...described, ...extra].map((violation) => [JSON.stringify(violation), violation]));
  return [...unique.values()].slice(0, mostViolations);
}

/** Leaves of the errors of a union those of the form that was meant. */
function settleUnion(union: ErrorObject, errors: ErrorObject[], extra: Violation[]): ErrorObject[] {
  const at = union.instancePath;
  const others = errors.filter((error) => error !== union);
  const say = (pointer: string, message: string): void => void extra.push({ pointer, message, keyword: union.keyword });
  const forms = union.schema as Schema[];
  const needs = forms.map((form) => Object.keys(form).join() === 'required' && form.required!.join(' and '));
  const isInside = (pointer: string): boolean => pointer === at || pointer.startsWith(`${at}/`);
  const parts = forms.map((form) => partsOf(form));
  const isOf = (error: ErrorObject, form: number): boolean =>
    isInside(error.instancePath) && parts[form]!.has(error.parentSchema!);
  const inForm = (error: ErrorObject): boolean => forms.some((_, form) => isOf(error, form));
  // `required` asks nothing of what has no fields: that it is none of these has been said.
  if (needs.every(Boolean) && !isObject(union.data)) return others.filter((error) => !inForm(error));
  if ((union.params as { passingSchemas?: unknown }).passingSchemas) {
    say(at, needs.every(Boolean) ? `only one of these may stand here: ${needs.join(', ')}` : 'has more than one form');
    return others;
  }
  if (needs.every(Boolean)) {
    const misspelt = others.some((e) => e.instancePath === at && suggestionOf(e) !== undefined);
    if (!misspelt) say(at, `one of these is missing: ${needs.join(', ')}`);
    return others.filter((error) => !inForm(error));
  }
  if (forms.every((form) => form.const !== undefined)) {
    say(at, `must be one of ${forms.map((form) => String(form.const)).join(', ')}`);
    return others.filter((error) => !inForm(error));
  }
  const mark = discriminatorOf(forms);
  if (mark !== undefined) {
    const known = forms.map((form) => form.properties![mark]!.const);
    const meant = known.indexOf((union.data as Record<string, unknown> | null)?.[mark]);
    if (meant >= 0) return others.filter((error) => !inForm(error) || isOf(error, meant));
    say(`${at}/${mark}`, `must be one of ${known.join(', ')}`);
    return others.filter((error) => !inForm(error));
  }
  const inside = others.filter(({ instancePath }) => isInside(instancePath));
  const types = inside.filter((error) => error.instancePath === at && error.keyword === 'type');
  const explained = inside.length > types.length || extra.some(({ pointer }) => isInside(pointer));
  if (explained) return others.filter((error) => !types.includes(error));
  say(at, types.length === 0 ? 'has none of its forms' : `must be ${types.map(typeOf).join(' or ')}`);
  return others.filter((error) => !types.includes(error));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema and all schemas written inside of it: paths of schemas are not unique once references are followed. */
function partsOf(schema: unknown, parts = new Set<unknown>()): Set<unknown> {
  if (typeof schema !== 'object' || schema === null) return parts;
  parts.add(schema);
  for (const part of Object.values(schema)) partsOf(part, parts);
  return parts;
}

/** The property whose constant tells the forms apart. */
function discriminatorOf(forms: readonly Schema[]): string | undefined {
  const names = Object.keys(forms[0]?.properties ?? {});
  return names.find((name) => forms.every((form) => form.properties?.[name]?.const !== undefined));
}

const missingOf = (error: ErrorObject): string =>
  String((error.params as { missingProperty?: unknown }).missingProperty);
const typeOf = (error: ErrorObject): string => [(error.params as { type: string | string[] }).type].flat().join(' or ');

function knownFields({ parentSchema }: ErrorObject): string[] {
  return Object.keys(parentSchema?.properties ?? {});
}

/** Pointer of the known field that an unknown one resembles. */
function suggestionOf(error: ErrorObject): string | undefined {
  if (error.keyword !== 'additionalProperties') return undefined;
  const similar = nearest(String(error.params.additionalProperty), knownFields(error));
  return similar === undefined ? undefined : `${error.instancePath}/${similar}`;
}

function toViolation(error: ErrorObject): Violation {
  return { pointer: error.instancePath, message: messageOf(error), keyword: error.keyword };
}

/** Fields of one object that resemble none that it may have. */
function unknownFields(errors: readonly ErrorObject[]): Violation {
  const [first] = errors;
  const names = errors.map((error) => String(error.params.additionalProperty)).join(', ');
  const known = knownFields(first!).join(', ');
  return {
    pointer: first!.instancePath,
    message: `unknown ${errors.length === 1 ? 'field' : 'fields'} ${names}; there are ${known}`,
    keyword: 'additionalProperties',
  };
}

function messageOf(error: ErrorObject): string {
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(error.params.additionalProperty);
      return `unknown field ${name}; did you mean ${nearest(name, knownFields(error))}?`;
    }
    case 'required':
      return `the field ${missingOf(error)} is missing`;
    case 'enum':
      return `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}`;
    case 'type':
      return `must be ${typeOf(error)}`;
    default:
      return error.message ?? 'is invalid';
  }
}

/** The name that differs in at most two letters, and in less than half of them. */
function nearest(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.min(2, Math.floor((name.length - 1) / 2) + (name.length === 2 ? 1 : 0));
  for (const candidate of names) {
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= least && (best === undefined || distance < least)) [best, least] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, delete, replace or swap with their neighbour. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
