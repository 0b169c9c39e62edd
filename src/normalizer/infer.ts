import {
  CellError,
  Columns,
  type CsvDialect,
  csvFields,
  defaultCaps,
  isTable,
  NumberText,
  type RowSink,
  splitCsv,
} from '#formats';
import type { Profile, Report } from '#contracts';
import { ChartlyError } from '#kit';
import { archiveFiles, decodePayload, decodedBytes, layerOf } from '#storage';
import type { CompiledProfile } from './compile.ts';
import { compileDateFormat, fieldsMs, newDateFields } from './date-format.ts';
import { findMember, isWorkbook } from './infer/archive.ts';
import { sheetFrame } from './infer-sheet.ts';
import { Collector, valueAt } from './infer/collector.ts';
import type { Sense } from './infer/column.ts';
import { type Dialect, findDialect } from './infer/csv-dialect.ts';
import { chooseTime, draftProfile, layOut, type Note } from './infer/draft.ts';
import { ShapeScanner } from './infer/json-shape.ts';
import { type KeyFound, KeySearch } from './infer/keys.ts';
import { idOf } from './infer/names.ts';
import { draftReport } from './infer/report.ts';
import { type Guess, guessRoles } from './infer/roles.ts';
import { type TimeReaders, timeReaders } from './infer/time-formats.ts';
import { isXml, xmlFrame } from './infer-xml.ts';
import { isObject } from './path.ts';
import { createDetect } from './policy/detect.ts';
import { detectorTitles, hintsOfName } from './policy/detector-names.ts';
import { createRowReader, type RowReader } from './row-reader.ts';

export interface InferInput {
  /** Opens the payload from its start, compressed or not; asked some four times. */
  open: () => AsyncIterable<Uint8Array>;
  /** Becomes the ids of profile and report; any text. */
  name: string;
  /** Default: seen from the bytes. */
  format?: Profile['format'] | undefined;
  /** Rows to look at (default: all). */
  limit?: number | undefined;
}

/** Documents that fit a payload, and why they are as they are. */
export interface Inference {
  id: string;
  profile: Profile;
  report: Report;
  notes: { profile: Note[]; report: Note[] };
  /** Rows looked at. */
  rows: number;
}

/**
 * Drafts a profile and a report from a payload: finds the rows, the times, what identifies a row, dimensions and measures. Reads in
 * a stream; memory grows with the number of columns, and with the rows up to 100,000 looked at for keys. Errors: `validation_failed` when
 * there are no rows to learn from; what `open` throws.
 */
export async function inferProfile(input: InferInput): Promise<Inference> {
  const { frame, notes: frameNotes } = await findFrame(input);
  readers ??= timeReaders(readerOf);
  const collector = new Collector(readers, senseOf);
  const csv = isTable(frame);
  await eachRow(input, frame, (row, names) => {
    if (frame.format === 'xlsx') collector.addValue(namedCells(names, row as unknown[]));
    else if (csv) collector.addFields(names, row as string[]);
    else collector.addValue(row);
    return collector.rows < (input.limit ?? Infinity);
  });
  const guesses = guessRoles(collector.columns, collector.rows, csv);
  if (guesses.every(({ role }) => role === 'ignored')) throw nothingToRead();
  const { time, refused } = chooseTime(guesses);
  const id = idOf(input.name);
  const layout = layOut(id, guesses, time);
  // Of a wide table the series are values: what identifies a row is beside them.
  const keyable = guesses.filter((guess) => layout.series.length === 0 || !layout.measures.includes(guess));
  const key = await findKey(input, frame, keyable, time, collector.rows);
  const drafted = draftProfile({ id, frame, frameNotes, rows: collector.rows, layout, key, refused });
  const drawn = draftReport(id, layout);
  return {
    id,
    profile: drafted.profile,
    report: drawn.report,
    notes: { profile: drafted.notes, report: drawn.notes },
    rows: collector.rows,
  };
}

/** Personal data in words, as a column's name lets it be found. */
function senseOf(name: string): Sense {
  const detect = createDetect({ hints: hintsOfName(name) });
  return (text) => detect(text).map(({ detector }) => detectorTitles[detector]);
}

let readers: TimeReaders | undefined;

function nothingToRead(): ChartlyError {
  return new ChartlyError('validation_failed', 'There are no rows with values in this payload to learn from.', {
    action: 'Give a payload with rows, or say how it is written with --format.',
  });
}

function readerOf(format: string): (text: string) => number | undefined {
  const parse = compileDateFormat(format);
  const fields = newDateFields();
  return (text) => {
    if (!parse(text, fields)) return undefined;
    return fieldsMs(fields) - (fields.offset ?? 0) * 60_000;
  };
}

type Frame = Pick<Profile, 'format' | 'zip' | 'select' | 'csv' | 'xlsx'>;
interface FoundFrame {
  frame: Frame;
  notes: Note[];
}

const headBytes = 256 * 1024;

async function findFrame(input: InferInput): Promise<FoundFrame> {
  const files = await archiveFiles(input.open);
  if (input.format === 'xlsx' || (input.format === undefined && isWorkbook(files))) return sheetFrame(input.open);
  const archive = findMember(files);
  const zip = archive === undefined ? {} : { zip: { member: archive.member } };
  const { frame, notes } = await findText(input, () => decodedBytes(input.open, layerOf(zip)));
  const { format, ...options } = frame;
  return { frame: { format, ...zip, ...options }, notes: [...(archive?.notes ?? []), ...notes] };
}

async function findText(input: InferInput, open: InferInput['open']): Promise<FoundFrame> {
  const { head, whole } = await headOf(open);
  if (input.format === 'parquet' || (input.format === undefined && head.toString('latin1', 0, 4) === 'PAR1'))
    return { frame: { format: 'parquet' }, notes: [] };
  if (input.format === 'xml' || (input.format === undefined && isXml(head))) return xmlFrame(open, head);
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const format = input.format ?? (/^\s*[[{]/.test(text) ? undefined : 'csv');
  if (format === 'csv') return csvFrame(head, whole);
  if (format === 'ndjson') return { frame: { format }, notes: [] };
  const scanner = new ShapeScanner();
  for await (const chunk of open()) scanner.push(chunk);
  const { documents, select, note } = scanner.found();
  if (format === undefined && documents > 1) return { frame: { format: 'ndjson' }, notes: [] };
  const notes = note === undefined ? [] : [{ pointer: '/select', text: `guess: ${note}` }];
  return { frame: select === undefined ? { format: 'json' } : { format: 'json', select }, notes };
}

async function headOf(open: InferInput['open']): Promise<{ head: Buffer; whole: boolean }> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of open()) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= headBytes) return { head: Buffer.concat(parts), whole: false };
  }
  return { head: Buffer.concat(parts), whole: true };
}

function csvFrame(head: Buffer, whole: boolean): FoundFrame {
  const bytes = head.subarray(head.subarray(0, 3).toString('latin1') === '\u00ef\u00bb\u00bf' ? 3 : 0);
  const dialect: Dialect = findDialect((delimiter) => cutCsv(bytes, delimiter, whole));
  const { delimiter, header, columns, note } = dialect;
  const csv = {
    ...(delimiter === ',' ? {} : { delimiter }),
    ...(header ? {} : { header }),
    ...(columns === undefined ? {} : { columns }),
  };
  const notes = note === undefined ? [] : [{ pointer: '/csv', text: note }];
  return { frame: Object.keys(csv).length === 0 ? { format: 'csv' } : { format: 'csv', csv }, notes };
}

const dialectRows = 200;

/** The first rows of a text, by one delimiter. */
function cutCsv(head: Buffer, delimiter: string, whole: boolean): string[][] {
  const rows: string[][] = [];
  const dialect: CsvDialect = { delimiter, quote: '"', encoding: 'utf-8' };
  const sink: RowSink = {
    row(bytes, from, to, _start, _text, quoted) {
      const fields = rows.length < dialectRows && csvFields(bytes.toString('utf8', from, to), quoted === true, dialect);
      if (fields) rows.push(fields);
    },
    fault() {},
  };
  const splitter = splitCsv(sink, defaultCaps, dialect);
  splitter.push(head, undefined);
  if (whole) splitter.end();
  return rows;
}

/** Reads rows as the normalizer does, until `take` wants no more. `names`: the columns of a CSV. */
async function eachRow(
  input: InferInput,
  frame: Frame,
  take: (row: unknown, names: readonly string[]) => boolean,
): Promise<void> {
  const columns = isTable(frame) ? new Columns() : undefined;
  const typed = frame.format === 'parquet' || frame.format === 'xlsx';
  const state = { wanted: true };
  const reading: CompiledProfile = {
    profile: { profile: 'draft', version: '1.0.0', records: [{ kind: 'entity', name: 'draft', key: ['$'] }], ...frame },
    columns,
    map(row) {
      state.wanted &&= take(typed ? digits(row) : row, columns?.names ?? []);
      return 0;
    },
  };
  const reader = createRowReader(reading, defaultCaps, { candidates() {}, fault() {} });
  try {
    await readRows(input, frame, reader, () => state.wanted);
  } finally {
    reader.close();
  }
}

async function readRows(input: InferInput, frame: Frame, reader: RowReader, wanted: () => boolean): Promise<void> {
  for await (const piece of decodePayload(input.open, layerOf(frame))) {
    if (Buffer.isBuffer(piece)) {
      // Small pieces, so that a limit is kept to within a few rows.
      for (let at = 0; at < piece.length && wanted(); at += 65_536) reader.push(piece.subarray(at, at + 65_536));
    } else reader.push(piece);
    if (!wanted()) return;
  }
  for await (const _ of reader.end()) if (!wanted()) return;
}

/** The cells of a sheet's row by their columns' names; an error is no value to learn from. */
function namedCells(names: readonly string[], cells: readonly unknown[]): Record<string, unknown> {
  const named = names.map((name, i) => [name, cells[i] instanceof CellError ? undefined : cells[i]] as const);
  return Object.fromEntries(named);
}

/** A row with the digits of its long numbers, which say what they are. */
function digits(value: unknown): unknown {
  if (value instanceof NumberText) return value.source;
  if (Array.isArray(value)) return value.map(digits);
  if (!isObject(value) || value instanceof CellError) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, digits(item)]));
}

async function findKey(
  input: InferInput,
  frame: Frame,
  guesses: readonly Guess[],
  time: Guess | undefined,
  rows: number,
): Promise<KeyFound> {
  const search = new KeySearch(guesses, time, rows);
  let seen = 0;
  await eachRow(input, frame, (row, names) => {
    const read = (guess: Guess): unknown =>
      isTable(frame)
        ? (row as unknown[])[names.indexOf(String(guess.column.steps[0]))]
        : valueAt(row, guess.column.steps);
    return search.add(read) && ++seen < (input.limit ?? Infinity);
  });
  return search.found();
}
