import { Damage } from './damage.ts';

/** The physical types, by their numbers in the format. */
export const physical = ['boolean', 'int32', 'int64', 'int96', 'float', 'double', 'bytes', 'fixed'] as const;
export type Physical = (typeof physical)[number];

export type TimeUnit = 'ms' | 'us' | 'ns';

/** What the values of a leaf mean. `plain`: as their physical type says. */
export type Meaning =
  | { is: 'plain' | 'text' | 'date' | 'uuid' | 'float16' | 'interval' | 'unsigned' }
  | { is: 'decimal'; scale: number }
  | { is: 'time'; unit: TimeUnit }
  | { is: 'timestamp'; unit: TimeUnit; utc: boolean };

/** An element of the schema as the footer lists them, depth first. */
export interface Element {
  name: string;
  repetition: number;
  children: number;
  type: number | undefined;
  length: number;
  meaning: Meaning;
  shape: 'list' | 'map' | undefined;
}

export type Repetition = 'required' | 'optional' | 'repeated';

/** A node of the schema, with the levels that say whether it is there. */
export interface SchemaNode {
  name: string;
  repetition: Repetition;
  /** Definition level from which on the node is present. */
  def: number;
  /** Repetition levels up to and with this node. */
  rep: number;
  shape: 'leaf' | 'group' | 'list' | 'map';
  children: SchemaNode[];
  /** Indices of the leaves below, or its own: [first, last). */
  first: number;
  last: number;
  type: Physical;
  /** Bytes of a value of type `fixed`. */
  length: number;
  meaning: Meaning;
}

export const maxColumns = 10_000;

/** The tree of a schema, without its root. Throws Damage. */
export function schemaTree(
  elements: readonly Element[],
  depthCap: number,
): { roots: SchemaNode[]; leaves: SchemaNode[] } {
  const leaves: SchemaNode[] = [];
  let at = 1;

  function children(count: number, parent: Pick<SchemaNode, 'def' | 'rep'>, depth: number): SchemaNode[] {
    if (depth > depthCap) throw new Damage(`Its columns are nested deeper than ${depthCap} levels.`, 'too_deep');
    return Array.from({ length: bounded(count) }, () => node(parent, depth));
  }

  function node(parent: Pick<SchemaNode, 'def' | 'rep'>, depth: number): SchemaNode {
    const element = elements[at++];
    if (element === undefined) throw new Damage('Its list of columns is not whole.');
    const repetition = (['required', 'optional', 'repeated'] as const)[element.repetition];
    if (repetition === undefined) throw new Damage('Its list of columns is malformed.');
    const def = parent.def + (repetition === 'required' ? 0 : 1);
    const rep = parent.rep + (repetition === 'repeated' ? 1 : 0);
    const first = leaves.length;
    const base = { name: element.name, repetition, def, rep, first, length: element.length, meaning: element.meaning };
    if (element.children > 0) {
      const below = children(element.children, { def, rep }, depth + 1);
      const shape = shapeOf(element, below);
      return { ...base, shape, children: below, last: leaves.length, type: 'bytes' };
    }
    const type = element.type === undefined ? undefined : physical[element.type];
    if (type === undefined) throw new Damage('It has a column of an unknown type.');
    if (type === 'fixed' && !(element.length > 0 && element.length <= 1 << 20))
      throw new Damage('It has a column of values without a length.');
    const leaf: SchemaNode = { ...base, shape: 'leaf', children: [], last: first + 1, type };
    leaves.push(leaf);
    if (leaves.length > maxColumns) throw tooManyColumns();
    return leaf;
  }

  const root = elements[0];
  if (root === undefined) throw new Damage('It lists no columns.');
  const roots = children(root.children, { def: 0, rep: 0 }, 1);
  if (roots.length === 0) throw new Damage('It lists no columns.');
  return { roots, leaves };
}

function bounded(count: number): number {
  if (count > maxColumns) throw tooManyColumns();
  return Math.max(0, count);
}

function tooManyColumns(): Damage {
  return new Damage(`It has more than ${maxColumns} columns.`, 'row_too_large');
}

/** A list or map as the format draws them; anything else that calls itself one is a plain group. */
function shapeOf({ shape }: Element, children: readonly SchemaNode[]): SchemaNode['shape'] {
  const [only] = children;
  if (children.length !== 1 || only!.repetition !== 'repeated') return 'group';
  if (shape === 'list') return 'list';
  const pair = only!.children;
  return shape === 'map' && pair.length === 2 && pair.every((node) => node.repetition !== 'repeated') ? 'map' : 'group';
}
