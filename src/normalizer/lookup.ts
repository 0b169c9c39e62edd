import type { Attempt } from './attempt.ts';
import { refused } from './cleanse.ts';
import type { Field } from './field.ts';
import type { LookupView } from './lookup-table.ts';
import { joinKey } from './lookup-uses.ts';
import type { RowValue } from './path.ts';

/** The table has no such key. */
export const noMatch = Symbol('no match');

/** Gives the value, undefined when the key or the value is missing, `noMatch`, or `refused` when the key could not be read. */
export type LookupGetter = (row: RowValue, attempt: Attempt) => unknown;

export function lookupGetter(table: LookupView, keys: readonly Field<string>[], slot: number): LookupGetter {
  const parts: string[] = [];
  return (row, attempt) => {
    const before = attempt.failures.length;
    parts.length = 0;
    for (const key of keys) {
      const part = key.read(row, attempt);
      if (part === undefined) return attempt.failures.length > before ? refused : undefined;
      parts.push(part);
    }
    const entry = table.find(joinKey(parts), attempt.tsMs);
    if (entry !== undefined) return entry[slot];
    attempt.missedKey = parts.join(' ');
    return noMatch;
  };
}
