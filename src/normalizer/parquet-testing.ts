/** Parquet files for this room's tests, and their rows as the reader gives them. */
import { createSpool, defaultCaps, type RowCaps, splitParquet } from '#formats';
import { ByteWriter, type ColumnSource, parquetWrite } from 'hyparquet-writer';
import type { Profile } from '#contracts';

type WriteOptions = Omit<Parameters<typeof parquetWrite>[0], 'columnData' | 'writer'>;

export function parquetOf(columnData: ColumnSource[], options: WriteOptions = {}): Buffer {
  const writer = new ByteWriter();
  // With a writer that keeps all in memory this is done when it returns.
  void parquetWrite({ columnData, ...options, writer });
  return Buffer.from(writer.getBuffer());
}

export interface ReadParquet {
  rows: unknown[];
  /** Number and range of each row. */
  places: [row: number, start: number, end: number][];
  faults: [reason: string, row: number, message: string][];
}

export function readParquet(
  bytes: Buffer,
  options: { caps?: Partial<RowCaps>; parquet?: Profile['parquet'] } = {},
): ReadParquet {
  const spool = createSpool();
  spool.write(bytes);
  const found: ReadParquet = { rows: [], places: [], faults: [] };
  const sink: Parameters<typeof splitParquet>[1] = {
    row(value, { row, start, end }) {
      found.rows.push(value);
      found.places.push([row, start, end]);
    },
    fault(reason, { row }, message) {
      found.faults.push([reason, row, message]);
    },
  };
  const steps = splitParquet(spool, sink, { ...defaultCaps, ...options.caps }, options.parquet);
  while (steps.next().done !== true);
  return found;
}
