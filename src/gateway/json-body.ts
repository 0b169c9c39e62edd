// Request bodies: strict UTF-8, JSON, not too deep, nothing that could reach an object's prototype.
import { ChartlyError } from '#kit';
import { whereJsonBreaks } from './json-place.ts';

const maxDepth = 100;

/** Parses a body; undefined when it is empty. Errors: `bad_request` with line and column, never the text itself. */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ChartlyError('bad_request', 'The body is not valid JSON.', { details: [placeOf(text)] });
  }
  checkShape(value);
  return value;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ChartlyError('bad_request', 'The body is not valid UTF-8.');
  }
}

function placeOf(text: string): { message: string; line: number; column: number } {
  const position = whereJsonBreaks(text);
  const before = text.slice(0, position).split('\n');
  const message = position >= text.length ? 'ends too early' : 'cannot be read from here';
  return { message, line: before.length, column: before.at(-1)!.length + 1 };
}

function checkShape(root: unknown): void {
  let level: object[] = typeof root === 'object' && root !== null ? [root] : [];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= maxDepth) {
      throw new ChartlyError('bad_request', `The body is nested more than ${maxDepth} levels deep.`);
    }
    const next: object[] = [];
    for (const value of level) {
      if (Object.hasOwn(value, '__proto__')) {
        throw new ChartlyError('bad_request', 'The body holds a member named __proto__.');
      }
      for (const item of Object.values(value)) if (typeof item === 'object' && item !== null) next.push(item as object);
    }
    level = next;
  }
}
