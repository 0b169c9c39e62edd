import { CellError } from './cell-error.ts';
import { NumberText } from './json-rows.ts';

/** Names as they stand, trimmed; one that comes again gets a number, as `name_2`, so that no column is lost. */
export function distinctNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  /** The number that the next column of a name tries, so that many of one name do not all count from the start. */
  const next = new Map<string, number>();
  return names.map((raw) => {
    const name = raw.trim();
    let free = name;
    let n = next.get(name) ?? 2;
    for (; used.has(free); n++) free = `${name}_${n}`;
    next.set(name, n);
    used.add(free);
    return free;
  });
}

/** The text of a cell, as a table of texts would have it. */
export function cellText(cell: unknown): string {
  if (typeof cell === 'string') return cell;
  if (cell instanceof NumberText) return cell.source;
  if (cell instanceof CellError) return cell.code;
  return typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : '';
}

/** The names of a sheet's columns from its header; one without a title is called by its letters. `first`: the number of the first. */
export function columnTitles(cells: readonly unknown[], first: number): string[] {
  const titles = Array.from(cells, (cell, i) => {
    const text = cellText(cell).trim();
    return text === '' ? columnLetters(first + i) : text;
  });
  return distinctNames(titles);
}

/** `A` for 0, `AA` for 26. */
export function columnLetters(column: number): string {
  let letters = '';
  for (let n = column + 1; n > 0; n = Math.floor((n - 1) / 26))
    letters = String.fromCharCode(65 + ((n - 1) % 26)) + letters;
  return letters;
}
