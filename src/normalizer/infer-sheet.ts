import { columnLetters, createSpool, defaultCaps, openSheet, SheetDamage, type SheetRow } from '#formats';
import type { Profile } from '#contracts';
import type { Note } from './infer/draft.ts';

const looked = 50;

/** Where the table of a workbook's first sheet that shows begins, by its first rows. */
export async function sheetFrame(
  open: () => AsyncIterable<Uint8Array>,
): Promise<{ frame: Pick<Profile, 'format' | 'xlsx'>; notes: Note[] }> {
  const rows = await firstRows(open);
  const format = 'xlsx';
  const width = Math.max(0, ...rows.map((row) => filled(row)));
  const header = rows.find((row) => filled(row) >= Math.max(2, width / 2)) ?? rows[0];
  if (header === undefined) return { frame: { format }, notes: [] };
  if (header.cells.some((cell) => cell !== undefined && typeof cell !== 'string') && rows.length > 1) {
    const columns = Array.from({ length: width }, (_, i) => columnLetters(i));
    const note = 'guess: no row looks like a header; the columns are called by their letters';
    return { frame: { format, xlsx: { columns } }, notes: [{ pointer: '/xlsx', text: note }] };
  }
  if (header === rows[0]) return { frame: { format }, notes: [] };
  const note = 'guess: the first row with as many texts as the table has columns';
  const xlsx = { header_row: header.index + 1 };
  return { frame: { format, xlsx }, notes: [{ pointer: '/xlsx/header_row', text: note }] };
}

function filled({ cells }: SheetRow): number {
  return cells.filter((cell) => cell !== undefined).length;
}

async function firstRows(open: () => AsyncIterable<Uint8Array>): Promise<SheetRow[]> {
  const spool = createSpool();
  const found: SheetRow[] = [];
  try {
    for await (const chunk of open()) spool.write(Buffer.from(chunk));
    const sheet = await openSheet({ source: spool, options: {}, limits: undefined, caps: defaultCaps });
    for await (const rows of sheet.rows) {
      found.push(...rows);
      if (found.length >= looked) break;
    }
  } catch (error) {
    // What cannot be read is said by the normalizer.
    if (!(error instanceof SheetDamage)) throw error;
  } finally {
    spool.close();
  }
  return found.slice(0, looked);
}
