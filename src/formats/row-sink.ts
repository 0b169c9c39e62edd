import type { ReasonCode } from '#contracts';

/** Bounds that hold for every payload, so that no input can take memory or stack without end. */
export interface RowCaps {
  /** Bytes of one row. */
  rowBytes: number;
  /** Nesting of one JSON row. */
  depth: number;
  /** Bytes of a payload whose selection cannot be streamed. */
  documentBytes: number;
  /** Bytes of a Parquet file's pages that are held at once. */
  pageBytes: number;
}

export const defaultCaps: RowCaps = { rowBytes: 1 << 20, depth: 128, documentBytes: 64 << 20, pageBytes: 256 << 20 };

/** Where the row under way stands in its payload. */
export interface RowPlace {
  row: number;
  start: number;
  end: number;
}

/** Takes what a splitter finds, in payload order. Offsets are of the decoded payload; ends are exclusive. */
export interface RowSink {
  /**
   * One row, in bytes[from, to); `start` is the payload offset of `from`. `text` is all of `bytes` as text, given when they are
   * known to be ASCII, so that indices agree. `quoted` is for CSV: the row holds a quoted field. The bytes may be reused after the call.
   */
  row(bytes: Buffer, from: number, to: number, start: number, text?: string, quoted?: boolean): void;
  /** A stretch that gives no row. It counts as one row, one candidate, one quarantined. */
  fault(reason: ReasonCode, start: number, end: number, message: string): void;
}

/** Cuts a payload into rows. Any division of the payload into chunks gives the same rows. */
export interface Splitter {
  /** `text`: the chunk as text, when it is ASCII: decoding once a chunk is cheaper than once a row. */
  push(chunk: Buffer, text: string | undefined): void;
  /** Reports what the end of the payload leaves open. */
  end(): void;
  /** Where what is not a row yet begins: when the rest cannot be read, that is lost. */
  openFrom(): number;
}

/** The part of a row that came in earlier chunks; beyond the cap it only counts. */
export class Carry {
  private parts: Buffer[] = [];
  private readonly cap: number;
  length = 0;

  constructor(cap: number) {
    this.cap = cap;
  }

  add(chunk: Buffer, from: number, to: number): void {
    if (to <= from) return;
    this.length += to - from;
    if (this.length > this.cap) this.parts.length = 0;
    else this.parts.push(chunk.subarray(from, to));
  }

  get tooLarge(): boolean {
    return this.length > this.cap;
  }

  /** The bytes kept, as one; then it is empty. Not to be asked when too large. */
  take(): Buffer {
    const joined = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.length);
    this.clear();
    return joined;
  }

  clear(): void {
    this.parts = [];
    this.length = 0;
  }
}

export function tooLargeMessage(size: number, cap: number): string {
  return `The row has ${size} bytes; at most ${cap} are read.`;
}
