import { Damage } from './damage.ts';
import type { LeafReader, RowState } from './leaf-reader.ts';
import type { SchemaNode } from './schema.ts';

/** Where a row is read from: one reader for each leaf. */
export interface Leaves extends RowState {
  readers: LeafReader[];
  /** Beyond this size lists do not grow: the row is too large anyhow. */
  most: number;
}

type Read = (from: Leaves) => unknown;

/** Compiles what puts a row together from its columns. */
export function rowAssembler(roots: readonly SchemaNode[]): (from: Leaves) => Record<string, unknown> {
  const read = members(roots);
  const deep = roots.flatMap((root) => nestedLeaves(root));
  return (from) => {
    const row = read(from);
    // Where a list goes on, a new row cannot begin.
    for (const index of deep)
      if (from.readers[index]!.rep !== 0)
        throw new Damage('The columns of a row group do not agree on where rows begin.');
    return row;
  };
}

function nestedLeaves(node: SchemaNode): number[] {
  if (node.shape !== 'leaf') return node.children.flatMap((child) => nestedLeaves(child));
  return node.rep > 0 ? [node.first] : [];
}

function members(nodes: readonly SchemaNode[]): (from: Leaves) => Record<string, unknown> {
  const fields = nodes.map((node) => ({ name: node.name, read: field(node) }));
  const set = fields.some(({ name }) => name === '__proto__') ? setAny : setPlain;
  return (from) => {
    const object: Record<string, unknown> = {};
    for (const { name, read } of fields) set(object, name, read(from));
    return object;
  };
}

function setPlain(object: Record<string, unknown>, name: string, value: unknown): void {
  object[name] = value;
}

/** A member of its own even where the name is one of the language's. */
function setAny(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function field(node: SchemaNode): Read {
  const { first, last, def, repetition } = node;
  const one = present(node);
  if (repetition === 'required') return one;
  if (repetition === 'optional') {
    return (from) => {
      if (from.readers[first]!.def >= def) return one(from);
      for (let i = first; i < last; i++) from.readers[i]!.skip();
      return null;
    };
  }
  return repeated(node, one);
}

function repeated({ first, last, def, rep }: SchemaNode, one: Read): (from: Leaves) => unknown[] {
  return (from) => {
    const lead = from.readers[first]!;
    const items: unknown[] = [];
    if (lead.def < def) {
      for (let i = first; i < last; i++) from.readers[i]!.skip();
      return items;
    }
    do {
      const item = one(from);
      if (from.size <= from.most) items.push(item);
    } while (lead.rep === rep);
    return items;
  };
}

function present(node: SchemaNode): Read {
  const { first, shape, children } = node;
  if (shape === 'leaf') {
    return (from) => {
      const reader = from.readers[first]!;
      if (reader.def < node.def) throw new Damage('The columns of a row group do not agree on what is there.');
      return reader.take();
    };
  }
  if (shape === 'list') return repeated(children[0]!, listItem(node, children[0]!));
  if (shape === 'map') return mapOf(children[0]!);
  return members(children);
}

/** A list's items stand in a group of their own, except as some older writers had it. */
function listItem(list: SchemaNode, item: SchemaNode): Read {
  const [only] = item.children;
  const bare = item.shape === 'leaf' || item.children.length > 1 || only!.repetition === 'repeated';
  if (bare || item.name === 'array' || item.name === `${list.name}_tuple`) return present(item);
  return field(only!);
}

/** An object when its keys are plain values, else a list of keys and values. */
function mapOf(entry: SchemaNode): Read {
  const [key, value] = entry.children as [SchemaNode, SchemaNode];
  const [readKey, readValue] = [field(key), field(value)];
  const pairs = repeated(entry, (from) => [readKey(from), readValue(from)]);
  const plain = key.shape === 'leaf';
  return (from) => {
    const found = pairs(from) as [unknown, unknown][];
    if (!plain) return found.map(([k, v]) => ({ key: k, value: v }));
    const object: Record<string, unknown> = {};
    for (const [k, v] of found) setAny(object, keyText(k), v);
    return object;
  };
}

function keyText(key: unknown): string {
  if (typeof key === 'object' && key !== null && 'source' in key) return String(key.source);
  return String(key);
}
