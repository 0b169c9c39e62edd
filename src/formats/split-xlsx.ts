import { plainDecimal, survivesDouble } from '#kit';
import type { Columns } from './columns.ts';
import type { Profile } from '#contracts';
import { type Archive, type DecodedPiece, isDamage, layerOf, openArchive } from '#storage';
import { CellError } from './cell-error.ts';
import { NumberText } from './json-rows.ts';
import type { RowCaps } from './row-sink.ts';
import type { Source } from './spool.ts';
import { columnTitles } from './table-header.ts';
import { tooLargeRow, type WholeSink } from './whole-sink.ts';
import { rangeOf, type SheetRange } from './xlsx/range.ts';
import { sharedTexts } from './xlsx/shared-texts.ts';
import { SheetDamage } from './xlsx/sheet-damage.ts';
import { sheetHandler, type SheetRow } from './xlsx/sheet-rows.ts';
import { type Parts, readWorkbook, type SheetRef, type Workbook } from './xlsx/workbook.ts';
import { XmlScanner } from './xlsx/xml.ts';

type Options = NonNullable<Profile['xlsx']>;

/** What reading a sheet needs. */
export interface SheetReading {
  source: Source;
  options: Options | undefined;
  limits: Profile['limits'];
  caps: RowCaps;
}

/** A sheet's rows, a few at a time; [start, end) is where it stands in the payload. */
interface OpenSheet {
  start: number;
  end: number;
  rows: AsyncGenerator<SheetRow[], void, undefined>;
}

/**
 * The rows of a sheet, whose header binds the columns; a row's range is its sheet's, its number the sheet's, from 0. What cannot be read of the sheet
 * is one fault behind the rows that could. Holds the workbook's shared texts and a few rows. Returns how many rows it counted.
 */
export async function* splitXlsx(
  reading: SheetReading,
  columns: Columns,
  sink: WholeSink,
): AsyncGenerator<void, number, undefined> {
  let sheet: OpenSheet | undefined;
  let row = 0;
  try {
    sheet = await openSheet(reading);
    const table = tableOf(reading, columns, sink, sheet);
    for await (const rows of sheet.rows) {
      for (const found of rows) {
        row = found.index;
        table.row(found);
      }
      yield;
    }
    table.end();
  } catch (error) {
    if (!(error instanceof SheetDamage)) throw error;
    const whole = { row: 0, start: 0, end: reading.source.size };
    if (error.reason === 'no_rows') sink.fault('no_rows', whole, `The workbook gives no rows. ${error.message}`);
    else if (sheet === undefined)
      sink.fault(error.reason, whole, `The payload cannot be read as a workbook. ${error.message}`);
    // Behind the last row that could be read, so that it is not taken for that one.
    else
      sink.fault(
        error.reason,
        { row: row + 1, start: sheet.start, end: sheet.end },
        `The sheet cannot be read from here on. ${error.message}`,
      );
  }
  return row + 2;
}

/** Opens the sheet that the options name. Throws SheetDamage. */
export async function openSheet({ source, options, limits, caps }: SheetReading): Promise<OpenSheet> {
  const archive = archiveOf(source, limits);
  const parts = partsOf(archive);
  const workbook = await readWorkbook(parts);
  const sheet = chosenSheet(workbook, options?.sheet);
  const entry = archive.find(sheet.part);
  if (entry === undefined) throw new SheetDamage('The file of the sheet is missing in it.');
  const texts = await textsOf(parts, workbook);
  const range = rangeOf(options?.range);
  const rows: SheetRow[] = [];
  const setting = { ...workbook, texts, number: cellNumber, error: cellError, mostSize: caps.rowBytes, columns: range };
  const scanner = new XmlScanner(sheetHandler(setting, (row) => void (inRange(row, range) && rows.push(row))));
  async function* read(): AsyncGenerator<SheetRow[], void, undefined> {
    let failure: SheetDamage | undefined;
    try {
      for await (const piece of archive.read(entry!)) {
        if (!Buffer.isBuffer(piece)) throw damageOf(piece);
        scanner.push(piece);
        if (rows.length > 0) yield rows.splice(0);
      }
      scanner.end();
    } catch (error) {
      if (!(error instanceof SheetDamage)) throw error;
      failure = error;
    }
    // Rows before the damage stand.
    if (rows.length > 0) yield rows.splice(0);
    if (failure !== undefined) throw failure;
  }
  return { ...archive.range(entry), rows: read() };
}

function inRange({ index }: SheetRow, { firstRow, lastRow }: SheetRange): boolean {
  return index >= firstRow && index < lastRow;
}

const oldFile = 0xe011cfd0;

function archiveOf(source: Source, limits: Profile['limits']): Archive {
  if (source.size >= 4 && source.read(0, 4).readUInt32LE(0) === oldFile)
    throw new SheetDamage('It is encrypted, or an .xls file of old; save it as .xlsx without a password.');
  const archive = openArchive(source, layerOf({ limits }));
  if (!('reason' in archive)) return archive;
  throw new SheetDamage(archive.message, archive.reason);
}

function partsOf(archive: Archive): Parts {
  return {
    has: (name) => archive.find(name) !== undefined,
    async scan(name, handler) {
      const entry = archive.find(name);
      if (entry === undefined) throw new SheetDamage('A part of it is missing.');
      const scanner = new XmlScanner(handler);
      for await (const piece of archive.read(entry)) {
        if (!Buffer.isBuffer(piece)) throw damageOf(piece);
        scanner.push(piece);
      }
      scanner.end();
    },
  };
}

function damageOf(piece: DecodedPiece): SheetDamage {
  return isDamage(piece) ? new SheetDamage(piece.message, piece.reason) : new SheetDamage('A part of it is damaged.');
}

/** By name, by number from 1, or the first that is not hidden. */
function chosenSheet({ sheets }: Workbook, wanted: Options['sheet']): SheetRef {
  const found =
    typeof wanted === 'string'
      ? (sheets.find(({ name }) => name === wanted) ??
        sheets.find(({ name }) => name.trim().toLowerCase() === wanted.trim().toLowerCase()))
      : typeof wanted === 'number'
        ? sheets[wanted - 1]
        : (sheets.find(({ hidden }) => !hidden) ?? sheets[0]);
  if (found !== undefined) return found;
  const which = typeof wanted === 'string' ? 'sheet of the name' : 'sheet';
  throw new SheetDamage(`It has no ${which} that xlsx.sheet of the profile says; it has ${sheets.length}.`, 'no_rows');
}

async function textsOf(parts: Parts, { sharedTexts: part }: Workbook): Promise<string[]> {
  const { texts, handler } = sharedTexts();
  if (part !== undefined) await parts.scan(part, handler);
  return texts;
}

/**
 * A spreadsheet computes in doubles and writes up to 17 digits of them, so that 1.1 is written 1.1000000000000001: the double is what is meant. Whole numbers
 * and those of more digits were written by others, and keep them.
 */
function cellNumber(text: string): unknown {
  const number = Number(text);
  if (/^-?\d{1,15}$/.test(text)) return number;
  const digits = text.replace(/[eE].*$/, '').replace(/^[-+0.]*|\./g, '');
  const whole = /^-?\d+$/.test(text);
  if (!whole && digits.length <= 17) return number;
  const plain = plainDecimal(text);
  return plain === undefined || survivesDouble(plain, number) ? number : new NumberText(number, text);
}

function cellError(code: string): CellError {
  return new CellError(/^#[A-Z0-9/!?_]{1,20}$/.test(code) ? code : 'unknown');
}

interface Table {
  row(row: SheetRow): void;
  end(): void;
}

/** Finds the header, binds the columns, and gives the rows behind it. */
function tableOf({ options = {}, caps }: SheetReading, columns: Columns, sink: WholeSink, sheet: OpenSheet): Table {
  const { columns: names, header_row: headerRow } = options;
  let expectsHeader = headerRow !== undefined || names === undefined;
  let seen = false;
  if (names !== undefined) columns.bind(names);
  const { start, end } = sheet;
  const first = rangeOf(options.range).first;

  function header({ index, cells }: SheetRow): void {
    if (headerRow !== undefined && index + 1 > headerRow)
      throw new SheetDamage(`Row ${headerRow}, which xlsx.header_row of the profile says, is empty.`, 'no_rows');
    if (names === undefined) columns.bind(columnTitles(cells, first));
    expectsHeader = false;
  }

  return {
    row(row) {
      if (expectsHeader && headerRow !== undefined && row.index + 1 < headerRow) return;
      seen = true;
      if (expectsHeader) {
        header(row);
        return;
      }
      const place = { row: row.index, start, end };
      if (row.tooLarge) sink.fault('row_too_large', place, tooLargeRow(caps));
      else if (row.cells.some((cell) => cell !== undefined)) sink.row(row.cells, place);
    },
    end() {
      if (!seen) throw new SheetDamage('It holds no rows with values where the profile looks.', 'no_rows');
    },
  };
}
