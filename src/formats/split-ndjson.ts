import { Carry, type RowCaps, type RowSink, type Splitter, tooLargeMessage } from './row-sink.ts';

const newline = 10;

/** Cuts at line feeds. Lines of white space alone are no rows; a row's range leaves out the white space around it. */
export function splitNdjson(sink: RowSink, caps: RowCaps): Splitter {
  const carry = new Carry(caps.rowBytes);
  let base = 0;
  let lineStart = 0;

  function line(bytes: Buffer, from: number, to: number, start: number, text: string | undefined): void {
    while (from < to && isSpace(bytes[from]!)) {
      from++;
      start++;
    }
    while (to > from && isSpace(bytes[to - 1]!)) to--;
    if (from < to) sink.row(bytes, from, to, start, text);
  }

  function finish(chunk: Buffer, from: number, to: number, text: string | undefined): void {
    const size = carry.length + to - from;
    if (size > caps.rowBytes) {
      carry.clear();
      sink.fault('row_too_large', lineStart, lineStart + size, tooLargeMessage(size, caps.rowBytes));
    } else if (carry.length === 0) line(chunk, from, to, lineStart, text);
    else {
      carry.add(chunk, from, to);
      const whole = carry.take();
      line(whole, 0, whole.length, lineStart, undefined);
    }
  }

  return {
    push(chunk, text) {
      let from = 0;
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
        finish(chunk, from, at, text);
        from = at + 1;
        lineStart = base + from;
      }
      carry.add(chunk, from, chunk.length);
      base += chunk.length;
    },
    end() {
      if (carry.length > 0) finish(Buffer.alloc(0), 0, 0, undefined);
    },
    openFrom: () => lineStart,
  };
}

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 13 || byte === 9;
}
