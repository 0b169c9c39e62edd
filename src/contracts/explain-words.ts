// One error of a validator in words: what is wrong, and what to write instead. Never holds the value; names of fields are no values.
import type { ErrorObject } from 'ajv/dist/2020.js';
import { schemas } from './v1/schemas.ts';

type Schema = Record<string, unknown> & { properties?: Record<string, Schema>; examples?: unknown[] };

export const missingOf = (error: ErrorObject): string =>
  String((error.params as { missingProperty?: unknown }).missingProperty);

export const typeOf = (error: ErrorObject): string =>
  [(error.params as { type: string | string[] }).type].flat().join(' or ');

export function knownFields({ parentSchema }: ErrorObject): string[] {
  return Object.keys(parentSchema?.properties ?? {});
}

export function messageOf(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      return `unknown field ${name}; did you mean ${nearest(name, knownFields(error))}?`;
    }
    case 'required': {
      const name = missingOf(error);
      const example = exampleOf((error.parentSchema as Schema).properties?.[name]) ?? examples().get(name);
      return `the field ${name} is missing${example === undefined ? '' : `; write ${name}: ${example}`}`;
    }
    case 'enum':
      return oneOfWords(params.allowedValues as unknown[], error.data);
    case 'type':
      return `must be ${typeOf(error)}${typeAdvice(typeOf(error), error.data)}`;
    case 'pattern':
      return wordsOfPattern(error);
    case 'const':
      return `must be ${String(params.allowedValue)}`;
    case 'minLength':
      return params.limit === 1
        ? 'is empty: write something, or leave the field out'
        : `needs at least ${String(params.limit)} characters`;
    case 'maxLength':
      return `is too long: at most ${String(params.limit)} characters`;
    case 'minItems':
      return `needs at least ${count(params.limit, 'item')}${exampleText(error.parentSchema as Schema)}`;
    case 'maxItems':
      return `has too many items: at most ${String(params.limit)}`;
    case 'minProperties':
      return `needs at least ${count(params.limit, 'field')}${listed(knownFields(error))}`;
    case 'maxProperties':
      return `has too many fields: at most ${String(params.limit)}`;
    case 'minimum':
      return `is too small: at least ${String(params.limit)}`;
    case 'exclusiveMinimum':
      return `is too small: it must be more than ${String(params.limit)}`;
    case 'maximum':
      return `is too large: at most ${String(params.limit)}`;
    case 'uniqueItems':
      return 'names something twice: leave one out';
    case 'false schema':
      return 'may not stand here beside the other fields: leave it out';
    default:
      return error.message ?? 'is invalid';
  }
}

export function oneOfWords(allowed: readonly unknown[], given: unknown): string {
  const words = allowed.map(String);
  const meant = typeof given === 'string' ? nearest(given, words) : undefined;
  return `must be one of ${words.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

const count = (n: unknown, thing: string): string => `${String(n)} ${thing}${n === 1 ? '' : 's'}`;
const listed = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`);

/** YAML reads `1.0` as a number and an empty place as null: not what its author saw. */
function typeAdvice(wanted: string, given: unknown): string {
  if (given === null) return ', and nothing stands here';
  if (wanted === 'string' && (typeof given === 'number' || typeof given === 'boolean')) return ': put it into quotes';
  if (/^(number|integer|boolean)$/.test(wanted) && typeof given === 'string') return ', written without quotes';
  if (wanted === 'array' && typeof given !== 'object') return ', a list: write [ ] around it';
  return '';
}

/** Of the name of a field, or of a text. */
function wordsOfPattern(error: ErrorObject & { propertyName?: string }): string {
  const schema = error.parentSchema as Schema;
  const what = error.propertyName === undefined ? '' : `the name ${error.propertyName} `;
  const example = exampleOf(schema);
  if (example === undefined) return `${what}must match ${(error.params as { pattern: string }).pattern}`;
  const description = typeof schema.description === 'string' ? ` (${schema.description.replace(/\.$/, '')})` : '';
  return `${what}must be written as ${example}${description}`;
}

function exampleText(schema: Schema): string {
  const example = exampleOf(schema);
  return example === undefined ? '' : `; write ${example}`;
}

/** What could be written where a schema stands, as YAML has it in one line. */
function exampleOf(schema: Schema | undefined): string | undefined {
  if (schema === undefined) return undefined;
  const [example] = schema.examples ?? referred(schema)?.examples ?? [];
  if (example !== undefined) return flow(example);
  const words = schema.enum ?? referred(schema)?.enum;
  return Array.isArray(words) ? words.slice(0, 12).join(' or ') : undefined;
}

function referred({ $ref: ref }: Schema): Schema | undefined {
  const name = typeof ref === 'string' ? /common\.json#\/\$defs\/(\w+)$/.exec(ref)?.[1] : undefined;
  return name === undefined ? undefined : (schemas.common.$defs as Record<string, Schema>)[name];
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([name, part]) => `${name}: ${flow(part)}`)
    .join(', ')} }`;
}

let byName: Map<string, string> | undefined;

/** Examples by the name of the field: a condition that asks for a field does not hold what is said of it. */
function examples(): ReadonlyMap<string, string> {
  if (byName === undefined) {
    byName = new Map();
    collect(schemas, byName);
  }
  return byName;
}

function collect(node: unknown, into: Map<string, string>): void {
  if (typeof node !== 'object' || node === null) return;
  const { properties } = node as Schema;
  for (const [name, schema] of Object.entries(properties ?? {})) {
    const example = typeof schema === 'object' && schema.examples !== undefined ? exampleOf(schema) : undefined;
    if (example !== undefined && !into.has(name)) into.set(name, example);
  }
  for (const part of Object.values(node)) collect(part, into);
}

/** The name that differs in at most two letters, and in less than half of them. */
export function nearest(name: string, names: readonly string[]): string | undefined {
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
