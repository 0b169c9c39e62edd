/** What is known of a source's rows, and how it grows. */
import type { DriftModes } from '#contracts';
import {
  allowedTypes,
  anyItem,
  type KnownShape,
  mergeShapes,
  type ObservedShape,
  type Shape,
  type ShapeStep,
  typeBits,
} from './shape.ts';
import type { ShapeChange } from './shape-changes.ts';

/** Takes a payload in. What a mode other than `evolve` keeps out is not learned from it; `all`: everything is, for the source is new. */
export function learnShape(
  known: KnownShape | undefined,
  seen: ObservedShape,
  options: { modes: DriftModes; page: number; textual: boolean; all: boolean },
): KnownShape {
  const { modes, page, textual, all } = options;
  const first = page === 0;
  if (known === undefined) {
    const shape = seen.shape;
    return { rows: seen.rows, payloads: 1, firstPages: first ? 1 : 0, least: first ? seen.rows : 0, shape };
  }
  const taken = all || seen.rows === 0 ? seen.shape : admitted(seen.shape, known.shape, modes, textual, true);
  return {
    rows: known.rows + seen.rows,
    payloads: known.payloads + 1,
    firstPages: known.firstPages + (first ? 1 : 0),
    least: !first ? known.least : known.firstPages === 0 ? seen.rows : Math.min(known.least, seen.rows),
    shape: mergeShapes(known.shape, taken),
  };
}

function admitted(seen: Shape, known: Shape, modes: DriftModes, textual: boolean, isRow: boolean): Shape {
  const mode = isRow ? modes.records : modes.types;
  const shape = { ...seen };
  if ((mode ?? 'evolve') !== 'evolve') shape.types &= allowedTypes(known.types, textual);
  if (shape.items !== undefined && known.items !== undefined)
    shape.items = admitted(shape.items, known.items, modes, textual, false);
  else if (shape.items !== undefined && (shape.types & typeBits.list) === 0) delete shape.items;
  const evolves = (modes.fields ?? 'evolve') === 'evolve';
  if (known.members !== undefined) return shape;
  if (shape.members !== undefined && !evolves) delete shape.members;
  const before = new Map(known.fields);
  const fields = shape.fields
    ?.filter(([name]) => evolves || before.has(name))
    .map(([name, field]): [string, Shape] => {
      const old = before.get(name);
      return [name, old === undefined ? field : admitted(field, old, modes, textual, false)];
    });
  if (fields !== undefined) shape.fields = fields;
  return shape;
}

/** Takes in what a change showed: it is no news any more. */
export function learnChange(known: KnownShape, lesson: ShapeChange['lesson']): KnownShape {
  const { steps, shape, forget } = lesson;
  if (shape === undefined && forget !== true) return { ...known, firstPages: 0, least: 0 };
  const change = (at: Shape | undefined): Shape | undefined =>
    // Rows have been there that lacked the field: its share says so from now on.
    forget === true ? at && { ...at, count: 0 } : at === undefined ? shape : mergeShapes(at, shape!);
  return { ...known, shape: changeAt(known.shape, steps, change) ?? known.shape };
}

function changeAt(
  shape: Shape | undefined,
  steps: readonly ShapeStep[],
  change: (at: Shape | undefined) => Shape | undefined,
): Shape | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return change(shape);
  if (shape === undefined) return undefined;
  if (step === anyItem) return { ...shape, ...optional('items', changeAt(shape.items, rest, change)) };
  if (shape.members !== undefined) return { ...shape, ...optional('members', changeAt(shape.members, rest, change)) };
  const fields = new Map(shape.fields);
  const changed = changeAt(fields.get(step), rest, change);
  if (changed !== undefined) fields.set(step, changed);
  return { ...shape, fields: [...fields] };
}

function optional(name: 'items' | 'members', shape: Shape | undefined): Partial<Shape> {
  return shape === undefined ? {} : { [name]: shape };
}
