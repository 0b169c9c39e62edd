// What a validator found, said once and in words: a value that fits none of several forms breaks every one of them.
import type { ErrorObject } from 'ajv/dist/2020.js';
import { knownFields, messageOf, missingOf, nearest, oneOfWords, typeOf } from './explain-words.ts';

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
  let left = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'propertyNames');
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
    if (!needs.every(Boolean)) {
      say(at, 'has more than one form');
      return others;
    }
    say(at, `only one of these may stand here: ${needs.join(', ')}`);
    // That the others are missing is as it should be.
    return others.filter((error) => !inForm(error));
  }
  if (needs.every(Boolean)) {
    const misspelt = others.some((e) => e.instancePath === at && suggestionOf(e) !== undefined);
    if (!misspelt) say(at, `one of these is missing: ${needs.join(', ')}`);
    return others.filter((error) => !inForm(error));
  }
  if (forms.every((form) => form.const !== undefined)) {
    say(
      at,
      oneOfWords(
        forms.map((form) => form.const),
        union.data,
      ),
    );
    return others.filter((error) => !inForm(error));
  }
  const mark = discriminatorOf(forms);
  if (mark !== undefined) {
    const known = forms.map((form) => form.properties![mark]!.const);
    const meant = known.indexOf((union.data as Record<string, unknown> | null)?.[mark]);
    if (meant >= 0) return others.filter((error) => !inForm(error) || isOf(error, meant));
    say(`${at}/${mark}`, oneOfWords(known, (union.data as Record<string, unknown> | null)?.[mark]));
    return others.filter((error) => !inForm(error));
  }
  const inside = others.filter(({ instancePath }) => isInside(instancePath));
  const types = inside.filter((error) => error.instancePath === at && error.keyword === 'type');
  const explained = inside.length > types.length || extra.some(({ pointer }) => isInside(pointer));
  if (explained) return others.filter((error) => !types.includes(error));
  say(at, types.length === 0 ? 'has none of its forms' : typesInWords(types));
  return others.filter((error) => !types.includes(error));
}

/** Of several types one may be what was meant: then it says how to write that. */
function typesInWords(types: readonly ErrorObject[]): string {
  const words = types.map(messageOf);
  const advised = words.find((text, i) => text !== `must be ${typeOf(types[i]!)}`);
  return `must be ${types.map(typeOf).join(' or ')}${advised?.slice(`must be ${typeOf(types[words.indexOf(advised)]!)}`.length) ?? ''}`;
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

/** Pointer of the known field that an unknown one resembles. */
function suggestionOf(error: ErrorObject): string | undefined {
  if (error.keyword !== 'additionalProperties') return undefined;
  const similar = nearest(String(error.params.additionalProperty), knownFields(error));
  return similar === undefined ? undefined : `${error.instancePath}/${similar}`;
}

function toViolation(error: ErrorObject): Violation {
  const { keyword } = error;
  const strange = keyword === 'additionalProperties' ? [String(error.params.additionalProperty)] : [];
  const named = (error as { propertyName?: string }).propertyName;
  const inside = [...strange, ...(named === undefined ? [] : [named])].map(step).join('');
  return { pointer: error.instancePath + inside, message: messageOf(error), keyword };
}

const step = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** Fields of one object that resemble none that it may have; where the first of them stands. */
function unknownFields(errors: readonly ErrorObject[]): Violation {
  const [first] = errors;
  const names = errors.map((error) => String(error.params.additionalProperty));
  const known = knownFields(first!).join(', ');
  return {
    pointer: first!.instancePath + step(names[0]!),
    message: `unknown ${errors.length === 1 ? 'field' : 'fields'} ${names.join(', ')}; there are ${known}`,
    keyword: 'additionalProperties',
  };
}
