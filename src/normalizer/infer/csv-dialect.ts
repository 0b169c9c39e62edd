/** How a delimited text is written. */
export interface Dialect {
  delimiter: string;
  header: boolean;
  /** Names when there is no header. */
  columns: string[] | undefined;
  note: string | undefined;
}

const delimiters = [',', '\t', ';', '|'];
const numeric = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const dateLike = /\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/;

/**
 * The dialect of the first rows of a text. `cut` splits the sample into rows by a delimiter: the delimiter that gives most rows the same
 * number of fields, and the most of them, is it.
 */
export function findDialect(cut: (delimiter: string) => string[][]): Dialect {
  let best: { delimiter: string; rows: string[][]; score: number } | undefined;
  for (const delimiter of delimiters) {
    const rows = cut(delimiter);
    const width = commonest(rows.map((row) => row.length));
    const even = rows.filter((row) => row.length === width).length / Math.max(1, rows.length);
    const score = width < 2 ? 0 : even * even * Math.log2(1 + width);
    if (best === undefined || score > best.score) best = { delimiter, rows, score };
  }
  const { delimiter, rows } = best!;
  const header = hasHeader(rows);
  const columns = header ? undefined : (rows[0] ?? []).map((_, i) => `column_${i + 1}`);
  const note = header ? undefined : 'guess: the first row looks like data; these names are made up';
  return { delimiter, header, columns, note };
}

function commonest(numbers: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const n of numbers) counts.set(n, (counts.get(n) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 0;
}

type Kind = 'number' | 'date' | 'text' | 'none';

function kindOf(text: string): Kind {
  const value = text.trim();
  if (value === '') return 'none';
  if (numeric.test(value)) return 'number';
  return dateLike.test(value) ? 'date' : 'text';
}

/** A header's cells are unlike the cells below them; data's are like them. */
function hasHeader(rows: readonly string[][]): boolean {
  const [first = [], ...rest] = rows;
  const names = first.map((cell) => cell.trim()).filter((cell) => cell !== '');
  if (rest.length === 0) return names.every((name) => kindOf(name) === 'text');
  if (areYears(names.filter((name) => kindOf(name) === 'number'))) return true;
  let header = 0;
  let data = 0;
  for (const [i, cell] of first.entries()) {
    const kind = kindOf(cell);
    const below = rest.map((row) => kindOf(row[i] ?? '')).filter((k) => k !== 'none');
    const usual = below.filter((k) => k === kind).length / Math.max(1, below.length);
    if (kind === 'text' && below.length > 0 && usual < 0.5) header++;
    if ((kind === 'number' || kind === 'date') && usual > 0.5) data++;
    // A name does not come again below itself.
    if (kind === 'text' && rest.some((row) => row[i]?.trim() === cell.trim())) data++;
  }
  return header > 0 ? header >= data : data === 0 && new Set(names).size === names.length;
}

/** Years that follow each other are names of columns in a wide table. */
function areYears(cells: readonly string[]): boolean {
  const years = cells.map(Number);
  return (
    years.length > 2 && years.every((year, i) => year >= 1500 && year <= 2200 && (i === 0 || year > years[i - 1]!))
  );
}
