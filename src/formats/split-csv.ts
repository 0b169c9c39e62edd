import type { CsvDialect } from './csv-dialect.ts';
import { Carry, type RowCaps, type RowSink, type Splitter, tooLargeMessage } from './row-sink.ts';

/** Where the scanner stands: at a field's first byte, in a plain field, inside quotes, or behind a quote that may end them. */
const fieldStart = 0;
const plain = 1;
const quoted = 2;
const quoteSeen = 3;

/**
 * Cuts CSV (RFC 4180) into rows: line feeds inside quotes belong to the row. A quote opens only at the start of a field; anything but a
 * delimiter or line end behind a closing quote makes the row a parse error. Empty lines are no rows; LF and CRLF end a line.
 */
export function splitCsv(sink: RowSink, caps: RowCaps, dialect: CsvDialect): Splitter {
  const delimiter = dialect.delimiter.charCodeAt(0);
  const quote = dialect.quote.charCodeAt(0);
  /** Bytes of one code unit. */
  const unit = dialect.encoding === 'utf-16le' ? 2 : 1;
  /** The first half of a code unit that the last chunk was cut in. */
  let held = Buffer.alloc(0);
  const carry = new Carry(caps.rowBytes);
  let base = 0;
  let rowStart = 0;
  let state = fieldStart;
  let hasQuote = false;
  let broken = false;

  function emit(bytes: Buffer, from: number, to: number, text: string | undefined): void {
    if (to > from && bytes[to - unit] === 13 && (unit === 1 || bytes[to - 1] === 0)) to -= unit;
    if (to === from) return;
    if (broken) {
      sink.fault('parse_error', rowStart, rowStart + to - from, 'A quoted field goes on behind its closing quote.');
    } else sink.row(bytes, from, to, rowStart, text, hasQuote);
  }

  function finish(chunk: Buffer, from: number, to: number, text: string | undefined): void {
    const size = carry.length + to - from;
    if (size > caps.rowBytes) {
      carry.clear();
      sink.fault('row_too_large', rowStart, rowStart + size, tooLargeMessage(size, caps.rowBytes));
    } else if (carry.length === 0) emit(chunk, from, to, text);
    else {
      carry.add(chunk, from, to);
      const whole = carry.take();
      emit(whole, 0, whole.length, undefined);
    }
    state = fieldStart;
    hasQuote = false;
    broken = false;
  }

  /** As the loop for bytes below, over code units of two. */
  function pushWide(part: Buffer): void {
    const joined = held.length === 0 ? part : Buffer.concat([held, part]);
    const size = joined.length - (joined.length % 2);
    held = Buffer.from(joined.subarray(size));
    let from = 0;
    for (let i = 0; i < size; i += 2) {
      const c = joined[i]! | (joined[i + 1]! << 8);
      if (state === quoted) {
        if (c === quote) state = quoteSeen;
      } else if (c === 10) {
        finish(joined, from, i, undefined);
        from = i + 2;
        rowStart = base + from;
      } else if (c === delimiter) state = fieldStart;
      else if (c === quote && state !== plain) {
        state = quoted;
        hasQuote = true;
      } else if (state === quoteSeen && c === 13) continue;
      else {
        broken ||= state === quoteSeen;
        state = plain;
      }
    }
    carry.add(joined, from, size);
    base += size;
  }

  return {
    push(chunk, text) {
      if (unit === 2) {
        pushWide(chunk);
        return;
      }
      let from = 0;
      const size = chunk.length;
      for (let i = 0; i < size; i++) {
        if (state === quoted) {
          const at = chunk.indexOf(quote, i);
          if (at < 0) break;
          i = at;
          state = quoteSeen;
          continue;
        }
        const c = chunk[i]!;
        if (c === 10) {
          finish(chunk, from, i, text);
          from = i + 1;
          rowStart = base + from;
        } else if (c === delimiter) state = fieldStart;
        else if (c === quote && state !== plain) {
          state = quoted;
          hasQuote = true;
        } else if (state === quoteSeen) {
          // A carriage return may be half of the line end; csvFields finds the one that is not.
          if (c !== 13) {
            broken = true;
            state = plain;
          }
        } else state = plain;
      }
      carry.add(chunk, from, size);
      base += size;
    },
    end() {
      carry.add(held, 0, held.length);
      base += held.length;
      if (carry.length === 0) return;
      if (state === quoted) {
        sink.fault('truncated', rowStart, base, 'The payload ends inside a quoted field.');
        carry.clear();
      } else finish(Buffer.alloc(0), 0, 0, undefined);
    },
    openFrom: () => rowStart,
  };
}

/** The fields of one row; undefined when its quoting is wrong. */
export function csvFields(
  text: string,
  hasQuote: boolean,
  dialect: Pick<CsvDialect, 'delimiter' | 'quote'>,
): string[] | undefined {
  const { delimiter, quote } = dialect;
  if (!hasQuote) return text.split(delimiter);
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text.startsWith(quote, at)) {
      const end = closingQuote(text, at + 1, quote);
      if (end < 0) return undefined;
      fields.push(text.slice(at + 1, end).replaceAll(quote + quote, quote));
      at = end + 1;
      if (at === text.length) return fields;
      if (text[at] !== delimiter) return undefined;
    } else {
      const end = text.indexOf(delimiter, at);
      fields.push(end < 0 ? text.slice(at) : text.slice(at, end));
      if (end < 0) return fields;
      at = end;
    }
    at++;
  }
}

function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at;
  }
  return -1;
}
