import { columnOf } from './sheet-rows.ts';

/** Cells that are read: rows and columns from 0, ends exclusive. */
export interface SheetRange {
  first: number;
  last: number;
  firstRow: number;
  lastRow: number;
}

const pattern = /^\$?([A-Za-z]{1,3})\$?(\d{1,8})?:\$?([A-Za-z]{1,3})\$?(\d{1,8})?$/;

/** `B3:F200`, `B3:F` (to the end) or `B:F`. Undefined when it is none, or its ends are the wrong way round. */
export function parseRange(text: string): SheetRange | undefined {
  const found = pattern.exec(text.trim());
  if (found === null) return undefined;
  const [, from, top, to, bottom] = found;
  const range = {
    first: columnOf(from!),
    last: columnOf(to!) + 1,
    firstRow: top === undefined ? 0 : Number(top) - 1,
    lastRow: bottom === undefined ? Infinity : Number(bottom),
  };
  return range.first < range.last && range.firstRow >= 0 && range.firstRow < range.lastRow ? range : undefined;
}

/** All of the sheet without a range, or with one that is wrong and was reported when the profile was compiled. */
export function rangeOf(text: string | undefined): SheetRange {
  const all = { first: 0, last: Infinity, firstRow: 0, lastRow: Infinity };
  return (text === undefined ? undefined : parseRange(text)) ?? all;
}
