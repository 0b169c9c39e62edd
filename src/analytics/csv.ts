import type { QueryResult } from '#contracts';

/** RFC 4180 with a header row. Instants are RFC 3339 in UTC; an empty cell is an absent value, `""` an empty text. */
export function toCsv(result: QueryResult): Buffer {
  const lines = [result.columns.map((c) => csvText(c.name)).join(',')];
  for (const row of result.rows) {
    lines.push(
      row.map((cell) => (typeof cell === 'string' ? csvText(cell) : cell === null ? '' : String(cell))).join(','),
    );
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n`);
}

function csvText(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
