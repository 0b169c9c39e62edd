import type { Columns } from '#formats';
/** A row as mapping rules see it: a parsed JSON value, or the fields of a CSV row. */
export type RowValue = unknown;

/** The part of a row that a candidate is made of: a column of unpivot, or an item of explode. One object serves all candidates of a rule. */
export interface Part {
  /** The cell, or the item. */
  value: unknown;
  /** The name of the column, or the item's index. */
  label: string | number;
  /** RFC 6901, of the part in the row. */
  pointer(): string;
}

/** What a record rule divides its rows into, and so which names its paths may use. */
export type Division = 'unpivot' | 'explode' | undefined;

/** What a path reads besides the row. */
export interface Divided {
  part: Part | undefined;
}

export type Getter = (row: RowValue, of: Divided) => unknown;

export interface CompiledPath {
  get: Getter;
  /** RFC 6901, relative to the row, or to the part when `ofPart`. */
  pointer: string;
  ofPart: boolean;
  /** The path is `@cell`. */
  isCell: boolean;
}

/** A path that is not one; `message` says where. */
export class PathError extends Error {}

/** Compiles a path. With `columns` the rows are CSV: the whole text is a column's name unless it starts with `$.` or `$[`. */
export function compilePath(path: string, columns: Columns | undefined, division: Division): CompiledPath {
  if (path === '@column' || path === '@cell') return cellPath(path, division);
  if (division === 'explode' && /^@(?:index$|item(?:$|[.[]))/.test(path)) return itemPath(path);
  const query = path.startsWith('$.') || path.startsWith('$[') || path === '$';
  const steps = query ? pathSteps(path, 1, 1) : columns === undefined ? pathSteps(`.${path}`, 0, 0) : [path];
  const pointer = pointerTo(steps);
  if (columns === undefined) return { get: follow(steps), pointer, ofPart: false, isCell: false };
  if (steps.length !== 1 || typeof steps[0] !== 'string')
    throw new PathError('a row of a table has columns alone; write the name of one');
  const slot = columns.slot(steps[0]);
  return { get: (row) => (row as string[])[slot.index], pointer, ofPart: false, isCell: false };
}

function cellPath(path: '@column' | '@cell', division: Division): CompiledPath {
  if (division !== 'unpivot')
    throw new PathError(
      `${path} has a meaning only in a record rule with unpivot; write the path of a field, or add unpivot`,
    );
  const get: Getter = path === '@column' ? (_row, { part }) => part!.label : (_row, { part }) => part!.value;
  return { get, pointer: '', ofPart: true, isCell: path === '@cell' };
}

/** `@index`, `@item`, and steps into the item: `@item.x`. */
function itemPath(path: string): CompiledPath {
  if (path === '@index') return { get: (_row, { part }) => part!.label, pointer: '', ofPart: true, isCell: false };
  const steps = pathSteps(path.slice('@item'.length), 0, '@item'.length + 1);
  const inside = follow(steps);
  return {
    get: (_row, of) => inside(of.part!.value, of),
    pointer: pointerTo(steps),
    ofPart: true,
    isCell: false,
  };
}

export function pointerTo(steps: readonly (string | number)[]): string {
  return steps.map((s) => `/${String(s).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const strictName = /\.([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)/y;
const looseName = /\.([^.[\]]+)/y;
const bracket = /\[\s*(?:(-?(?:0|[1-9]\d{0,15}))|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/y;

/**
 * The steps of an RFC 9535 singular query (`from` its second character: strict names), or of the shorthand, whose names may hold anything but `.`, `[`
 * and `]`. `shift` leads from an index of the path to the character, counted from 1, of what its author wrote.
 */
function pathSteps(path: string, from: 0 | 1, shift: number): (string | number)[] {
  const strict = from === 1;
  const steps: (string | number)[] = [];
  const name = strict ? strictName : looseName;
  // `['a b'].c` in shorthand arrives as `.['a b'].c`.
  let at: number = !strict && path.startsWith('.[') ? 1 : from;
  while (at < path.length) {
    const pattern = path[at] === '.' ? name : bracket;
    pattern.lastIndex = at;
    const found = pattern.exec(path);
    if (found === null)
      throw new PathError(
        `the path is not understood from character ${at + shift} on; write names with dots and places in brackets, as geometry.coordinates[0], and a name with a dot as ['a.b']`,
      );
    steps.push(pattern === name ? found[1]! : bracketStep(found));
    at = pattern.lastIndex;
  }
  return steps;
}

function bracketStep([, index, single, double]: RegExpExecArray): string | number {
  if (index !== undefined) return Number(index);
  if (double !== undefined) return jsonText(`"${double}"`);
  return jsonText(`"${single!.replaceAll(/\\'|"/g, (c) => (c === '"' ? '\\"' : "'"))}"`);
}

function jsonText(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw new PathError('a name in brackets has a malformed escape; write \\\\ for a backslash');
  }
}

function follow(steps: (string | number)[]): Getter {
  const [a, b] = steps.map(child);
  if (steps.length === 0) return (row) => row;
  if (steps.length === 1) return (row) => a!(row);
  if (steps.length === 2) return (row) => b!(a!(row));
  const all = steps.map(child);
  return (row) => {
    let value = row;
    for (const one of all) value = one(value);
    return value;
  };
}

type Child = (value: unknown) => unknown;

/** Members of objects and items of lists only: never what they inherit. */
function child(step: string | number): Child {
  if (typeof step === 'number') {
    if (step >= 0) return (v) => (Array.isArray(v) ? (v as unknown[])[step] : undefined);
    return (v) => (Array.isArray(v) ? (v as unknown[]).at(step) : undefined);
  }
  if (step in Object.prototype || step in Array.prototype || /^\d+$/.test(step)) {
    return (v) => (isObject(v) && Object.hasOwn(v, step) ? v[step] : undefined);
  }
  return (v) => (typeof v === 'object' && v !== null ? (v as Record<string, unknown>)[step] : undefined);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
