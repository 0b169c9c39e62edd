import { plainDecimal, survivesDouble } from '#kit';
import type { Profile } from '#contracts';
import { NumberText } from './json-rows.ts';
import type { ValueForms } from './parquet/convert.ts';
import { Damage } from './parquet/damage.ts';
import { type ParquetFile, readFooter, type RowGroup } from './parquet/footer.ts';
import { type GroupReader, groupReader } from './parquet/read-rows.ts';
import type { RowCaps } from './row-sink.ts';
import type { Source } from './spool.ts';
import { tooLargeRow, type WholeSink } from './whole-sink.ts';

/** Rows between two steps: what other work waits for at most. */
const rowsPerStep = 64;

/**
 * The rows of a Parquet file, row group by row group; a row's range is its row group's. What cannot be read of a row group is one fault, and the
 * other groups go on. Holds one page of each column. Returns how many rows the file says it has. `within`: other
 * row groups are passed over.
 */
export function* splitParquet(
  source: Source,
  sink: WholeSink,
  caps: RowCaps,
  options: Profile['parquet'],
  within?: { start: number; end: number },
): Generator<void, number, undefined> {
  let file: ParquetFile;
  try {
    file = readFooter(source, caps.depth);
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    sink.fault(
      error.reason,
      { row: 0, start: 0, end: source.size },
      `The payload cannot be read as Parquet. ${error.message}`,
    );
    return 1;
  }
  const read = groupReader(file, source, formsOf(options), { row: caps.rowBytes, pages: caps.pageBytes });
  for (const group of file.groups) {
    if (within !== undefined && (group.end <= within.start || group.start >= within.end)) continue;
    yield* readGroup(group, read, sink, caps);
  }
  return file.groups.reduce((rows, group) => Math.max(rows, group.firstRow + group.rows), 0);
}

export function formsOf({ binary = 'base64' }: NonNullable<Profile['parquet']> = {}): ValueForms {
  return { number: exactNumber, binary };
}

function exactNumber(text: string): number | NumberText {
  const number = Number(text);
  const plain = plainDecimal(text);
  return plain !== undefined && survivesDouble(plain, number) ? number : new NumberText(number, text);
}

function* readGroup(
  group: RowGroup,
  read: GroupReader,
  sink: WholeSink,
  caps: RowCaps,
): Generator<void, void, undefined> {
  const { start, end } = group;
  let row = group.firstRow;
  try {
    for (const found of read(group)) {
      const place = { row, start, end };
      if ('value' in found) sink.row(found.value, place);
      else if (found.bad === 'row_too_large') sink.fault('row_too_large', place, tooLargeRow(caps));
      else sink.fault('invalid_utf8', place, 'A text of the row holds bytes that are not UTF-8.');
      row++;
      if (row % rowsPerStep === 0) yield;
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    const left = group.firstRow + group.rows - row;
    const rows = left > 1 ? ` ${left} rows of it are lost.` : '';
    sink.fault(error.reason, { row, start, end }, `The row group cannot be read from here on. ${error.message}${rows}`);
    yield;
  }
}
