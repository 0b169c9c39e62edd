/** What rows look like: for each place in them which types of values stood there, and how often. Plain data, so that it can be stored and handed between threads. */

export const typeBits = {
  null: 1,
  boolean: 2,
  integer: 4,
  number: 8,
  text: 16,
  list: 32,
  object: 64,
  /** Where values come as texts (cells, XML), one that begins as a date does. In JSON a date is a text. */
  time: 128,
} as const;

export type ShapeType = keyof typeof typeBits;

export interface Shape {
  /** A union of `typeBits`. */
  types: number;
  /** Values other than null. */
  count: number;
  /** Those of them that are objects: what the counts of its fields are to be compared to. */
  objects: number;
  /** In the order in which they were first met. */
  fields?: [name: string, shape: Shape][];
  /** All items of lists, as one. */
  items?: Shape;
  /** All members of objects with too many different names, as one: such an object is a map, and its names are values. */
  members?: Shape;
}

/** Different names of an object before it counts as a map. */
export const maxFields = 512;
/** Below this depth values are not looked into. */
export const maxDepth = 16;
const maxName = 128;

/** What is known of the rows of a source. */
export interface KnownShape {
  rows: number;
  payloads: number;
  /** First pages that were seen, and the rows of the smallest of them. */
  firstPages: number;
  least: number;
  shape: Shape;
}

export function emptyShape(): Shape {
  return { types: 0, count: 0, objects: 0 };
}

/** A member of a map among fields: its name is a value, and the next payload has others. */
export const anyMember = '*';
const valueName =
  /^(?:\d+|\d{4}-\d\d(?:-\d\d(?:[T ].*)?)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|[\da-f]{24,})$/i;

/** A name as shapes keep it. Numbers, dates and ids are members of a map; two names that agree in many characters are taken for one. */
export function fieldName(name: string): string {
  const c = name.charCodeAt(0) | 0x20;
  const isHex = (c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66);
  if (isHex && valueName.test(name)) return anyMember;
  return name.length <= maxName ? name : name.slice(0, maxName);
}

/** Both, as if all values of either had been met together. The order of two shapes, and how several are grouped, makes no difference but to the order of fields. */
export function mergeShapes(a: Shape, b: Shape): Shape {
  const merged: Shape = { types: a.types | b.types, count: a.count + b.count, objects: a.objects + b.objects };
  const items = mergeOptional(a.items, b.items);
  if (items !== undefined) merged.items = items;
  const members = mergeOptional(a.members, b.members);
  const fields = new Map(a.fields);
  for (const [name, shape] of b.fields ?? []) fields.set(name, mergeOptional(fields.get(name), shape)!);
  if (members !== undefined || fields.size > maxFields) {
    merged.members = [...fields.values()].reduce((sum, one) => mergeShapes(sum, one), members ?? emptyShape());
  } else if (fields.size > 0) merged.fields = [...fields];
  return merged;
}

function mergeOptional(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  return a === undefined ? b : b === undefined ? a : mergeShapes(a, b);
}

/** A step into a shape: a name, or the items of a list. */
export const anyItem = 0;
export type ShapeStep = string | typeof anyItem;

/** What stands at a place, and at the place around it. The names of a map lead to its members. */
export function shapeAt(shape: Shape, steps: readonly ShapeStep[]): { shape: Shape; around: Shape } | undefined {
  let around = shape;
  let at: Shape | undefined = shape;
  for (const step of steps) {
    if (at === undefined) return undefined;
    around = at;
    at = step === anyItem ? at.items : (at.members ?? at.fields?.find(([name]) => name === step)?.[1]);
  }
  return at === undefined ? undefined : { shape: at, around };
}

/** RFC 6901, with `*` for the items of a list and the members of a map. */
export function shapePointer(steps: readonly ShapeStep[]): string {
  return steps.map((s) => (s === anyItem ? '/*' : `/${s.replaceAll('~', '~0').replaceAll('/', '~1')}`)).join('');
}

export function typeNames(types: number): ShapeType[] {
  return (Object.keys(typeBits) as ShapeType[]).filter((name) => (types & typeBits[name]) !== 0);
}

/** What may stand where these types stood without being news: null anywhere, a whole number among numbers, and where values come as texts anything in a field of texts. */
export function allowedTypes(types: number, textual: boolean): number {
  const { number, integer, text, boolean, time } = typeBits;
  let allowed = types | typeBits.null;
  if ((types & number) !== 0) allowed |= integer;
  if (textual && (types & text) !== 0) allowed |= number | integer | boolean | time;
  return allowed;
}

/** Where a value of a type that was not known was met first. */
export interface Novelty {
  steps: ShapeStep[];
  type: number;
  row: number;
  start: number;
  end: number;
  masked: string;
  /** How a value where other types were known reads; never the value itself. */
  looks: ValueLook | undefined;
}

export type ValueLook =
  | { kind: 'null word'; word: string }
  | { kind: 'whole number'; digits: number }
  | { kind: 'iso time' | 'number' | 'other' };

/** What was seen of a payload, or of its part so far. */
export interface ObservedShape {
  rows: number;
  shape: Shape;
  novelties: Novelty[];
}
