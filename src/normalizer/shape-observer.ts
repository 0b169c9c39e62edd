/**
 * Watches rows go by and keeps their shape. A row of known shape costs one comparison a member and allocates nothing: fields are met in the order in which
 * they are expected. The names of all rows are looked at, for new fields; values, for their types and for counting, in the first rows and a sample of the
 * others, unless the profile guards fields or types; of a list the first items.
 */
import { cellText, isTable, NumberText, type RowPlace } from '#formats';
import type { Profile } from '#contracts';
import type { Failure } from './attempt.ts';
import type { CompiledProfile } from './compile.ts';
import { concealed, mask } from './mask.ts';
import { nameConcealer, pointerConcealer } from './policy.ts';
import { cellClassifier, isTextual, lookOf } from './shape-cells.ts';
import {
  allowedTypes,
  anyItem,
  anyMember,
  emptyShape,
  fieldName,
  maxDepth,
  maxFields,
  mergeShapes,
  type Novelty,
  type ObservedShape,
  type Shape,
  shapePointer,
  type ShapeStep,
  typeBits,
} from './shape.ts';

/** What a payload's rows are held against. */
export interface Watch {
  /** What was known when the payload came: what is not in it is a novelty. Undefined: all is learned. */
  known: Shape | undefined;
  /** What rows must look like in what the profile quarantines. It never changes for a version of a profile, as what becomes of a row must not. */
  guard: Shape | undefined;
}

export interface ShapeObserver {
  /** Takes a row. Gives the reasons why it must not become records, if there are any. */
  row(value: unknown, place: RowPlace): Failure[] | undefined;
  observed(): ObservedShape;
  /** Rows taken so far. */
  rows(): number;
}

const { null: nullBit, boolean, integer, number, text, list, object } = typeBits;
const itemsLooked = 32;
const rowsLooked = 1024;
const sampleEvery = 16;
const maxNodes = 8192;
const maxNovelties = 256;
const maxFailures = 8;

/** A place in the rows while they are watched. */
class Node {
  readonly step: ShapeStep;
  readonly parent: Node | undefined;
  readonly depth: number;
  /** Its number among its parent's fields. */
  at = -1;
  types = 0;
  count = 0;
  objects = 0;
  /** Types that need no look any more. */
  calm = 0;
  /** Types that were known before; -1: nothing was. */
  known = -1;
  /** Types that the guard lets through; -1: it does not know the place. */
  guarded = -1;
  names: string[] = [];
  kids: Node[] = [];
  index: Map<string, number> | undefined = undefined;
  items: Node | undefined = undefined;
  members: Node | undefined = undefined;
  /** There are names at or below this place. */
  nested = false;
  nestedKids: Node[] = [];

  constructor(step: ShapeStep, parent: Node | undefined) {
    this.step = step;
    this.parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  steps(): ShapeStep[] {
    return this.parent === undefined ? [] : [...this.parent.steps(), this.step];
  }

  add(text: string): Node {
    const name = fieldName(text);
    const kid = new Node(name, this);
    kid.at = this.kids.length;
    this.nest();
    this.index?.set(name, this.kids.length);
    this.names.push(name);
    this.kids.push(kid);
    return kid;
  }

  addMembers(): Node {
    this.members ??= new Node(anyMember, this);
    this.nest();
    return this.members;
  }

  private nest(): void {
    if (this.nested) return;
    this.nested = true;
    if (this.at >= 0) this.parent!.nestedKids.push(this);
    this.parent?.nest();
  }

  find(name: string): number {
    if (this.index === undefined) this.index = new Map(this.names.map((one, i) => [one, i]));
    return this.index.get(fieldName(name)) ?? -1;
  }

  shape(): Shape {
    const shape: Shape = { types: this.types, count: this.count, objects: this.objects };
    if (this.items !== undefined && this.items.types !== 0) shape.items = this.items.shape();
    const met = this.kids.filter((kid) => kid.types !== 0);
    if (this.members !== undefined && this.members.types !== 0) {
      shape.members = met.reduce((sum, kid) => mergeShapes(sum, kid.shape()), this.members.shape());
    } else if (met.length > 0) shape.fields = met.map((kid) => [kid.step as string, kid.shape()]);
    return shape;
  }
}

/** The profile's mapping, with the rows shown to the observer first: those that it refuses are not mapped. */
export function watched(compiled: CompiledProfile, observer: ShapeObserver | undefined): CompiledProfile {
  if (observer === undefined) return compiled;
  return {
    ...compiled,
    map(row, text, place, out) {
      const refused = observer.row(row, place);
      if (refused === undefined) return compiled.map(row, text, place, out);
      out.push(refused);
      return 0;
    },
  };
}

export function createShapeObserver(
  profile: Profile,
  columns: { readonly names: string[] } | undefined,
  watch: Watch,
): ShapeObserver {
  const modes = profile.drift ?? {};
  const guardsFields = watch.guard !== undefined && modes.fields === 'quarantine';
  const guardsTypes = watch.guard !== undefined && modes.types === 'quarantine';
  const guardsRecords = watch.guard !== undefined && modes.records === 'quarantine';
  const table = isTable(profile);
  const root = new Node('', undefined);
  const textual = isTextual(profile);
  const classify = textual ? cellClassifier(profile) : undefined;
  if (watch.known !== undefined) plant(root, watch.known, 'known', textual);
  if (watch.guard !== undefined) plant(root, watch.guard, 'guarded', textual);
  const novelties: Novelty[] = [];
  let nodes = 0;
  let rows = 0;
  let place: RowPlace;
  let failures: Failure[] | undefined;
  // Under a policy no value is shown, and no name that may be one.
  const shown = profile.policy === undefined ? mask : concealed;
  const conceal = profile.policy === undefined ? (pointer: string): string => pointer : pointerConcealer();
  const rename = profile.policy === undefined ? undefined : nameConcealer();

  function refuse(node: Node, mode: string, message: string, value: unknown): void {
    failures ??= [];
    if (failures.length >= maxFailures) return;
    const pointer = conceal(shapePointer(node.steps()));
    failures.push({ reason: 'schema_drift', rule: `drift.${mode}`, pointer, message, masked: shown(value) });
  }

  /** A type that was not met here before in this payload, or that the guard may refuse. */
  function look(node: Node, bit: number, value: unknown): void {
    const first = (node.types & bit) === 0;
    node.types |= bit;
    if (!isRefused(node, bit, value)) node.calm |= bit;
    if (!first || watch.known === undefined || novelties.length >= maxNovelties) return;
    if (node.known !== -1 && (node.known & bit) !== 0) return;
    const looks = node.known > nullBit ? lookOf(value) : undefined;
    novelties.push({ steps: node.steps(), type: bit, ...place, masked: shown(value), looks });
  }

  function isRefused(node: Node, bit: number, value: unknown): boolean {
    if (node === root) {
      if (!guardsRecords || (node.guarded & bit) !== 0) return false;
      refuse(node, 'records', 'The row is of another kind than the rows of this source were.', value);
      return true;
    }
    if (node.guarded === -1) {
      if (!guardsFields) return false;
      refuse(node, 'fields', 'The field is not one that the rows of this source had.', value);
      return true;
    }
    if (!guardsTypes || bit === nullBit || (node.guarded & bit) !== 0) return false;
    refuse(node, 'types', 'The value is of another type than the values of this field were.', value);
    return true;
  }

  function typeOf(value: unknown): number {
    const bit = bitOf(value);
    return bit === text && classify !== undefined ? classify(value as string) : bit;
  }

  function see(node: Node, value: unknown): void {
    const bit = typeOf(value);
    if ((node.calm & bit) === 0) look(node, bit, value);
    if (bit === nullBit) return;
    node.count++;
    if (bit === object) seeObject(node, value as Record<string, unknown>);
    else if (bit === list) seeList(node, value as unknown[]);
  }

  function seeObject(node: Node, value: Record<string, unknown>): void {
    node.objects++;
    if (node.depth >= maxDepth) return;
    const { names, kids } = node;
    let at = 0;
    for (const name in value) {
      let kid = kids[at];
      if (names[at] === name) at++;
      else {
        kid = fieldOf(node, name);
        if (kid === undefined) continue;
        at = kid.at + 1;
      }
      see(kid!, value[name]);
    }
  }

  /** Looks for fields that are new, and at nothing else: names alone, but for what holds more names. */
  function skim(node: Node, value: unknown): void {
    const bit = bitOf(value);
    if ((bit !== object && bit !== list) || node.depth >= maxDepth) return;
    if (bit === list) {
      const { items } = node;
      if (items?.nested !== true) return;
      const end = Math.min((value as unknown[]).length, itemsLooked);
      for (let i = 0; i < end; i++) skim(items, (value as unknown[])[i]);
      return;
    }
    const { names, nestedKids } = node;
    let at = 0;
    for (const name in value as object) {
      if (names[at] === name) at++;
      else at = skimUnexpected(node, name, value as Record<string, unknown>) ?? at;
    }
    for (const kid of nestedKids) {
      const name = kid.step as string;
      if (Object.hasOwn(value as object, name)) skim(kid, (value as Record<string, unknown>)[name]);
    }
  }

  /** Returns the number of the field that is expected next. */
  function skimUnexpected(node: Node, name: string, value: Record<string, unknown>): number | undefined {
    const kid = fieldOf(node, name);
    if (kid === undefined) return undefined;
    if (kid.types === 0) see(kid, value[name]);
    // Those that stand under their own name have their turn after all names.
    else if (kid.nested && (kid.step !== name || kid.at < 0)) skim(kid, value[name]);
    return kid.at + 1;
  }

  /** The place of a field that is not the one expected. Undefined: too many places are watched. */
  function fieldOf(node: Node, given: string): Node | undefined {
    if (node.members !== undefined) return node.members;
    const name = rename === undefined ? given : rename(given);
    const found = node.find(name);
    const kid = found < 0 ? newField(node, name) : node.kids[found];
    // What cannot be watched cannot be known either.
    if (kid === undefined && guardsFields)
      refuse(node, 'fields', 'The row has more fields than are watched.', undefined);
    return kid;
  }

  function newField(node: Node, name: string): Node | undefined {
    if (nodes >= maxNodes) return undefined;
    nodes++;
    if (node.kids.length < maxFields) return node.add(name);
    // What was a field is a member now; it is merged with the others when the shape is taken.
    node.names = [];
    return node.addMembers();
  }

  function seeList(node: Node, value: readonly unknown[]): void {
    if (node.depth >= maxDepth) return;
    const items = (node.items ??= new Node(anyItem, node));
    const end = Math.min(value.length, itemsLooked);
    for (let i = 0; i < end; i++) see(items, value[i]);
  }

  function skimRow(value: unknown): void {
    const bit = typeOf(value);
    if ((root.calm & bit) === 0) look(root, bit, value);
    skim(root, value);
  }

  function isLooked(): boolean {
    return guardsTypes || guardsFields || rows <= rowsLooked || rows % sampleEvery === 0;
  }

  const seeCells = table ? tableWatcher() : undefined;

  function tableWatcher(): (cells: readonly unknown[]) => void {
    let bound: readonly string[] | undefined;
    let nodesOf: (Node | undefined)[] = [];
    return (cells) => {
      if (bound !== columns!.names) {
        bound = columns!.names;
        nodesOf = bound.map((name) => fieldOf(root, name));
      }
      if ((root.calm & object) === 0) look(root, object, cells);
      if (!isLooked()) return;
      root.count++;
      root.objects++;
      for (let i = 0; i < nodesOf.length; i++) {
        const node = nodesOf[i];
        if (node === undefined) continue;
        const cell = cellText(cells[i]);
        const bit = classify!(cell);
        if ((node.calm & bit) === 0) look(node, bit, cell);
        if (bit !== nullBit) node.count++;
      }
    };
  }

  return {
    row(value, at) {
      rows++;
      place = at;
      failures = undefined;
      if (seeCells !== undefined) seeCells(value as unknown[]);
      else if (isLooked()) see(root, value);
      else skimRow(value);
      return failures;
    },
    rows: () => rows,
    observed: () => ({ rows, shape: rows === 0 ? emptyShape() : root.shape(), novelties: [...novelties] }),
  };
}

function bitOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return text;
    case 'number':
      return Number.isInteger(value) ? integer : number;
    case 'boolean':
      return boolean;
    case 'bigint':
      return integer;
    case 'object':
      if (value === null) return nullBit;
      if (Array.isArray(value)) return list;
      return value instanceof NumberText ? bitOf(value.value) : object;
    default:
      return nullBit;
  }
}

/** Makes places of what is known, so that its fields are met in their order. */
function plant(node: Node, shape: Shape, as: 'known' | 'guarded', textual: boolean): void {
  node[as] = allowedTypes(shape.types, textual);
  for (const [name, field] of shape.fields ?? []) {
    const found = node.find(name);
    plant(found < 0 ? node.add(name) : node.kids[found]!, field, as, textual);
  }
  if (shape.items !== undefined) plant((node.items ??= new Node(anyItem, node)), shape.items, as, textual);
  if (shape.members !== undefined) plant(node.addMembers(), shape.members, as, textual);
}
