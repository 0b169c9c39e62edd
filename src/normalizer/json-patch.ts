import type { PatchOperation } from '#contracts';
import { ChartlyError } from '#kit';

/** Applies RFC 6902 operations `add`, `remove` and `replace`; the document itself stays as it is. Errors: `conflict` when a place is not there. */
export function applyPatch<T>(document: T, operations: readonly PatchOperation[]): T {
  const copy = structuredClone(document);
  for (const operation of operations) applyOne(copy, operation);
  return copy;
}

function applyOne(document: unknown, operation: PatchOperation): void {
  const steps = operation.path.split('/').slice(1).map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~')); // prettier-ignore
  const last = steps.pop();
  let at = document;
  for (const step of steps) at = member(at, step);
  if (last === undefined || typeof at !== 'object' || at === null) throw missing(operation.path);
  if (operation.op !== 'add' && member(at, last) === undefined) throw missing(operation.path);
  if (Array.isArray(at)) {
    const index = last === '-' ? at.length : Number(last);
    if (operation.op === 'remove') at.splice(index, 1);
    else at.splice(index, operation.op === 'add' ? 0 : 1, operation.value);
  } else if (operation.op === 'remove') Reflect.deleteProperty(at, last);
  else
    Object.defineProperty(at, last, { value: operation.value, enumerable: true, configurable: true, writable: true });
}

function member(value: unknown, step: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string, unknown>)[step]
    : undefined;
}

function missing(path: string): ChartlyError {
  return new ChartlyError('conflict', `The profile has nothing at ${path}.`, {
    action: 'The profile has changed since; edit it by hand.',
  });
}
