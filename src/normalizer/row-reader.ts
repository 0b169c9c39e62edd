import {
  byteOrderMark,
  csvFields,
  decoderOf,
  defaultSelect,
  dialectOf,
  distinctNames,
  elementPath,
  isDelimited,
  jsonRows,
  JsonSplitter,
  type RowCaps,
  type RowPlace,
  type RowSink,
  splitByQuery,
  splitCsv,
  splitNdjson,
  type Splitter,
  streamingSteps,
  xmlRows,
  XmlSplitter,
} from '#formats';
import { isAscii } from 'node:buffer';
import type { Profile, ReasonCode } from '#contracts';
import type { CompiledProfile } from './compile.ts';
import { type DecodedPiece, isDamage, nextFile, type PayloadDamage } from '#storage';
import type { Candidate } from './record-rule.ts';
import { createWholeReader, isWhole } from './whole-reader.ts';

/** Takes what rows become, in payload order. */
export interface CandidateSink {
  /** A row's candidates; `out` is reused for the next row. `weight`: characters of text that they hold. */
  candidates(out: readonly Candidate[], place: RowPlace, weight: number): void;
  /** A stretch of the payload that gives no row. */
  fault(reason: ReasonCode, place: RowPlace, message: string): void;
}

export interface RowReader {
  /** Takes decoded bytes, in any division; where one file of an archive ends and the next begins; or what is lost of a file. */
  push(piece: DecodedPiece): void;
  /** Reads what the end of the payload leaves to be read: step by step, to the last, a few rows each. */
  end(): Iterable<void> | AsyncIterable<void>;
  /** Decoded bytes taken so far. */
  bytes(): number;
  /** Lets go of what is held; also where reading ends early. */
  close(): void;
}

/** Bytes in any division, candidates out: the pure half of the normalizer. */
export function createRowReader(compiled: CompiledProfile, caps: RowCaps, sink: CandidateSink): RowReader {
  return isWhole(compiled.profile) ? createWholeReader(compiled, caps, sink) : createStreamReader(compiled, caps, sink);
}

function createStreamReader(compiled: CompiledProfile, caps: RowCaps, sink: CandidateSink): RowReader {
  let rows = 0;
  let bytes = 0;
  let file = newFile(0);
  const { encoding } = dialectOf(compiled.profile);
  const mark = byteOrderMark(encoding);
  const out: Candidate[] = [];

  /** One text: the payload, or a file of it. Its splitter knows nothing of what stands before the text. */
  function newFile(start: number) {
    const place = { start, shift: start };
    const fault: RowSink['fault'] = (reason, from, to, message) => {
      // These speak of the payload: there is no row to count.
      const whole = reason === 'no_rows' || reason === 'empty_payload';
      sink.fault(reason, { row: whole ? 0 : rows++, start: from + place.shift, end: to + place.shift }, message);
    };
    const take = (value: unknown, text: string | undefined, from: number, to: number): void => {
      const at = { row: rows++, start: from + place.shift, end: to + place.shift };
      out.length = 0;
      const weight = compiled.map(value, text, at, out);
      sink.candidates(out, at, weight);
    };
    return {
      place,
      fault,
      splitter: splitterFor(compiled, caps, take, fault),
      /** The first bytes, until it is clear whether they are a byte order mark. */
      head: Buffer.alloc(0) as Buffer | undefined,
      lost: false,
    };
  }

  function feed(chunk: Buffer): void {
    // Of UTF-16 every other byte of plain text is ASCII too, but no character.
    const ascii = encoding !== 'utf-16le' && isAscii(chunk);
    file.splitter.push(chunk, ascii ? chunk.toString('latin1') : undefined);
  }

  function begin(chunk: Buffer, last: boolean): void {
    const head = Buffer.concat([file.head!, chunk]);
    file.head = head;
    if (head.length < mark.length && !last) return;
    if (head.subarray(0, mark.length).equals(mark)) file.place.shift += mark.length;
    const text = head.subarray(file.place.shift - file.place.start);
    file.head = undefined;
    if (text.length > 0) feed(text);
  }

  function endFile(): void {
    if (file.lost) return;
    if (bytes === file.place.start) return file.fault('empty_payload', 0, 0, 'The payload has no bytes.');
    if (file.head !== undefined) begin(Buffer.alloc(0), true);
    file.splitter.end();
  }

  /** The row under way goes with what is lost. */
  function lose({ reason, message }: PayloadDamage): void {
    const from = file.head === undefined ? file.splitter.openFrom() : 0;
    file.fault(reason, from, bytes - file.place.shift, message);
    file.lost = true;
  }

  return {
    push(piece) {
      if (piece === nextFile) {
        endFile();
        file = newFile(bytes);
      } else if (isDamage(piece)) lose(piece);
      else {
        bytes += piece.length;
        if (file.head === undefined) feed(piece);
        else begin(piece, false);
      }
    },
    end() {
      endFile();
      return [];
    },
    bytes: () => bytes,
    close() {},
  };
}

type Take = (value: unknown, text: string | undefined, start: number, end: number) => void;

function splitterFor(compiled: CompiledProfile, caps: RowCaps, take: Take, fault: RowSink['fault']): Splitter {
  const { profile } = compiled;
  if (isDelimited(profile)) return csvSplitter(compiled, caps, take, fault);
  if (profile.format === 'xml') return xmlSplitter(profile, caps, take, fault);
  if (profile.format === 'ndjson') return ndjsonSplitter(caps, take, fault);
  const { select } = profile;
  const steps = select === undefined ? undefined : streamingSteps(select);
  if (select !== undefined && steps === undefined) {
    return splitByQuery({ row: jsonRows(take, fault, caps.depth, false), fault }, caps, select);
  }
  return new JsonSplitter({ row: jsonRows(take, fault, caps.depth, false), fault }, caps, steps);
}

function xmlSplitter(profile: Profile, caps: RowCaps, take: Take, fault: RowSink['fault']): Splitter {
  const path = elementPath(profile.select ?? defaultSelect)!;
  const rows = xmlRows(take, fault, profile, () => splitter.bytes.encoding.decode);
  const splitter = new XmlSplitter({ row: rows, fault }, caps, path);
  return splitter;
}

/** A last line without a line end that does not parse was cut off. */
function ndjsonSplitter(caps: RowCaps, take: Take, fault: RowSink['fault']): Splitter {
  let ended = false;
  let seen = false;
  let size = 0;
  let lastByte = 10;
  const row = jsonRows(
    take,
    (reason, start, end, message) => {
      const cut = reason === 'parse_error' && ended;
      fault(cut ? 'truncated' : reason, start, end, cut ? 'The payload ends inside a row.' : message);
    },
    caps.depth,
    true,
  );
  const sink: RowSink = {
    row(...args) {
      seen = true;
      row(...args);
    },
    fault(...args) {
      seen = true;
      fault(...args);
    },
  };
  const splitter = splitNdjson(sink, caps);
  return {
    push(chunk, text) {
      size += chunk.length;
      lastByte = chunk.at(-1) ?? lastByte;
      splitter.push(chunk, text);
    },
    end() {
      ended = lastByte !== 10;
      splitter.end();
      if (!seen) fault('no_rows', 0, size, 'The payload holds white space alone.');
    },
    openFrom: () => splitter.openFrom(),
  };
}

/** Binds the header to the profile's columns, then maps fields. A header that cannot be read makes the whole payload one fault. */
function csvSplitter(compiled: CompiledProfile, caps: RowCaps, take: Take, fault: RowSink['fault']): Splitter {
  const { csv = {} } = compiled.profile;
  const columns = compiled.columns!;
  const dialect = dialectOf(compiled.profile);
  const decodeRow = decoderOf(dialect.encoding);
  let expectsHeader = csv.header ?? csv.columns === undefined;
  let seen = false;
  let lost: { reason: ReasonCode; message: string } | undefined;
  let size = 0;
  if (csv.columns !== undefined) columns.bind(csv.columns);

  function problemOf(fields: string[] | undefined | 'utf8'): { reason: ReasonCode; message: string } | undefined {
    if (fields === 'utf8')
      return { reason: 'invalid_utf8', message: `The row holds bytes that are not ${dialect.encoding.toUpperCase()}.` };
    if (fields === undefined) return { reason: 'parse_error', message: 'The quoting of the row is wrong.' };
    if (expectsHeader || fields.length === columns.names.length) return undefined;
    return {
      reason: 'ragged_row',
      message: `The row has ${fields.length} fields; the header has ${columns.names.length}.`,
    };
  }

  const sink: RowSink = {
    row(bytes, from, to, start, whole, quoted) {
      seen = true;
      if (lost !== undefined) return;
      const text = decodeRow(bytes, from, to, whole);
      const fields = text === undefined ? 'utf8' : csvFields(text, quoted === true, dialect);
      const problem = problemOf(fields);
      if (problem !== undefined) {
        if (expectsHeader) lost = problem;
        else fault(problem.reason, start, start + to - from, problem.message);
      } else if (expectsHeader) {
        columns.bind(csv.columns ?? distinctNames(fields as string[]));
        expectsHeader = false;
      } else take(fields, undefined, start, start + to - from);
    },
    fault(reason, start, end, message) {
      seen = true;
      if (expectsHeader) lost ??= { reason, message };
      else fault(reason, start, end, message);
    },
  };
  const splitter = splitCsv(sink, caps, dialect);
  return {
    push(chunk, text) {
      size += chunk.length;
      splitter.push(chunk, text);
    },
    end() {
      splitter.end();
      if (lost !== undefined)
        fault(lost.reason, 0, size, `The header cannot be read, and so no row can. ${lost.message}`);
      else if (!seen) fault('no_rows', 0, size, 'The payload holds empty lines alone.');
    },
    openFrom: () => (expectsHeader ? 0 : splitter.openFrom()),
  };
}
