import type { ErrorDetail } from '#kit';
import { isObject, type Json, type JsonObject } from './chart-spec.ts';

/** Fields that a chart reads though neither its section has such a column nor one of its transforms makes it. */
export function unknownFields(chart: Json, columns: readonly string[], pointer: string): ErrorDetail[] {
  const known = new Set(columns);
  const read: { field: string; pointer: string }[] = [];
  let open = false;
  const visit = (value: Json, at: string): void => {
    if (Array.isArray(value)) value.forEach((item, i) => visit(item, `${at}/${i}`));
    if (!isObject(value)) return;
    for (const [key, item] of Object.entries(value)) {
      if (key === 'field' && typeof item === 'string') read.push({ field: item, pointer: `${at}/field` });
      else if (key === 'transform' && Array.isArray(item)) {
        // A pivot makes its columns from values, and a repeat names its fields elsewhere.
        open ||= item.some((t) => isObject(t) && 'pivot' in t);
        for (const transform of item) if (isObject(transform)) addOutputs(transform, known);
        visit(item, `${at}/${key}`);
      } else visit(item, `${at}/${key}`);
    }
  };
  visit(chart, pointer);
  if (open) return [];
  return read
    .filter(({ field }) => !known.has(root(field)))
    .map(({ field, pointer: at }) => ({
      pointer: at,
      message: `The chart reads ${field}, which is no column of its section. There is: ${columns.join(', ')}.`,
    }));
}

/** `a\.b` is the column `a.b`; `a.b` and `a[0]` are parts of the column a. */
function root(field: string): string {
  const match = /^(?:\\.|[^.[\\])+/.exec(field);
  return (match?.[0] ?? field).replaceAll('\\', '');
}

const defaults: Record<string, string[]> = {
  fold: ['key', 'value'],
  density: ['value', 'density'],
  quantile: ['prob', 'value'],
};

function addOutputs(transform: JsonObject, known: Set<string>): void {
  for (const names of nested(transform)) known.add(names);
  for (const [kind, names] of Object.entries(defaults)) {
    if (kind in transform) for (const name of names) known.add(name);
  }
}

function* nested(value: Json): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* nested(item);
  if (!isObject(value)) return;
  for (const [key, item] of Object.entries(value)) {
    if (key !== 'as') yield* nested(item);
    else for (const name of Array.isArray(item) ? item : [item]) if (typeof name === 'string') yield name;
  }
}
