import type { Io } from './io.ts';
import { fit, paint, printable, textWidth } from './text.ts';

export interface Column {
  title: string;
  align?: 'right';
  /** Never cut, whatever the width of the terminal: an id that somebody will copy. */
  whole?: boolean;
  /** Colours one cell. */
  paint?: (text: string) => string;
}

const gap = '  ';
const narrowest = 8;

/** A table with a head and aligned columns. On a terminal it is made to fit; elsewhere nothing is cut. */
export function table(io: Io, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = columns.map((column, i) => {
    let width = textWidth(column.title);
    for (const row of cells) width = Math.max(width, textWidth(row[i] ?? ''));
    return width;
  });
  if (io.columns !== undefined) shrink(widths, columns, io.columns);
  const line = (texts: readonly string[], style: (text: string, column: Column) => string): string =>
    columns
      .map((column, i) => {
        const text = fit(texts[i] ?? '', widths[i]!);
        const padding = ' '.repeat(widths[i]! - textWidth(text));
        const styled = style(text, column);
        if (column.align === 'right') return padding + styled;
        return i === columns.length - 1 ? styled : styled + padding;
      })
      .join(gap)
      .trimEnd();
  const head = line(
    columns.map((column) => column.title),
    (text) => paint(io, 'dim', text),
  );
  return [head, ...cells.map((row) => line(row, (text, column) => column.paint?.(text) ?? text))].join('\n') + '\n';
}

/** Takes columns away from the widest that may lose some, until the line fits or nothing is left to take. */
function shrink(widths: number[], columns: readonly Column[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - available;
  while (excess > 0) {
    let widest = -1;
    for (const [i, width] of widths.entries()) {
      if (columns[i]!.whole !== true && width > narrowest && (widest < 0 || width > widths[widest]!)) widest = i;
    }
    if (widest < 0) return;
    widths[widest]! -= 1;
    excess -= 1;
  }
}

/** Names and values, one a line, the values aligned. Values that are undefined are left out. */
export function fields(io: Io, entries: readonly (readonly [string, string | undefined])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => textWidth(name)));
  return shown
    .map(([name, value]) => `${paint(io, 'dim', name)}${' '.repeat(width - textWidth(name))}  ${printable(value)}\n`)
    .join('');
}

/** RFC 4180, with CRLF: a cell is quoted when it must be. */
export function csv(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (value: string | number | null): string => {
    const text = value === null ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
