import { createSpool, part, type RowCaps, type Source, splitParquet, splitXlsx, type WholeSink } from '#formats';
import type { Profile } from '#contracts';
import { isDamage, nextFile, type PayloadDamage } from '#storage';
import type { CompiledProfile } from './compile.ts';
import type { Candidate } from './record-rule.ts';
import type { CandidateSink, RowReader } from './row-reader.ts';

/** The parts of such a payload are found from its end, so that reading begins when all of it is there. */
export function isWhole({ format }: Pick<Profile, 'format'>): boolean {
  return format === 'parquet' || format === 'xlsx';
}

/**
 * A record's range in such a payload is that of what holds its row (row group, sheet), which others share; its row's number is its own, whatever the
 * profile says. In other formats a row has its range for itself.
 */
export function sharesRanges(profile: Pick<Profile, 'format'>): boolean {
  return isWhole(profile);
}

/** A file of the payload: most payloads are one. */
interface File {
  start: number;
  end: number;
  damage: PayloadDamage | undefined;
}

/** Gathers the payload, then reads its rows. Of several files the rows are counted on. `within`: only row groups in this range need be read. */
export function createWholeReader(
  compiled: CompiledProfile,
  caps: RowCaps,
  sink: CandidateSink,
  within?: { start: number; end: number },
): RowReader {
  const spool = createSpool();
  const files: File[] = [{ start: 0, end: 0, damage: undefined }];
  const out: Candidate[] = [];

  function sinkOf({ start: shift }: File, rowsBefore: number): WholeSink {
    return {
      row(value, { row, start, end }) {
        out.length = 0;
        const place = { row: row + rowsBefore, start: start + shift, end: end + shift };
        const weight = compiled.map(value, undefined, place, out);
        sink.candidates(out, place, weight);
      },
      fault(reason, { row, start, end }, message) {
        sink.fault(reason, { row: row + rowsBefore, start: start + shift, end: end + shift }, message);
      },
    };
  }

  async function* readFiles(): AsyncGenerator<void, void, undefined> {
    let rows = 0;
    for (const file of files) {
      const to = sinkOf(file, rows);
      const place = { row: 0, start: 0, end: file.end - file.start };
      // What is lost may stand anywhere in the file.
      if (file.damage !== undefined) to.fault(file.damage.reason, place, file.damage.message);
      else if (place.end === 0) sink.fault('empty_payload', { ...place, start: file.start, end: file.start }, empty);
      else rows += yield* rowsOf(part(spool, file.start, file.end), to, file.start);
    }
  }

  function rowsOf(
    source: Source,
    to: WholeSink,
    shift: number,
  ): Generator<void, number, undefined> | AsyncGenerator<void, number, undefined> {
    const { format, parquet, xlsx, limits } = compiled.profile;
    if (format === 'parquet') {
      const wanted = within && { start: within.start - shift, end: within.end - shift };
      return splitParquet(source, to, caps, parquet, wanted);
    }
    return splitXlsx({ source, options: xlsx, limits, caps }, compiled.columns!, to);
  }

  return {
    push(piece) {
      const last = files.at(-1)!;
      if (piece === nextFile) files.push({ start: spool.size, end: spool.size, damage: undefined });
      else if (isDamage(piece)) last.damage ??= piece;
      else {
        spool.write(piece);
        last.end = spool.size;
      }
    },
    end: readFiles,
    bytes: () => spool.size,
    close: () => spool.close(),
  };
}

const empty = 'The payload has no bytes.';
