import { Columns, defaultCaps, isTable } from '#formats';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Detector, Profile } from '#contracts';
import { ChartlyError } from '#kit';
import { type DecodedPiece, decodePayload, layerOf } from '#storage';
import type { CompiledProfile } from './compile.ts';
import type { Detect } from './policy/detect.ts';
import { createRowReader, type RowReader } from './row-reader.ts';
import { createGaps, type Gap } from './scan-gaps.ts';
import { detectorsByName, scanRow } from './scan-rows.ts';
import type { ScanTally } from './scan-tally.ts';
import { isWhole } from './whole-reader.ts';

export interface PayloadToScan {
  open: () => AsyncIterable<Uint8Array>;
  /** How its rows are read; without one the payload is text. */
  profile: Profile | undefined;
  detectors: readonly Detector[] | undefined;
  signal: AbortSignal;
}

/** Scans the rows of a payload as its profile reads them, then what is in no row as plain text. Returns its decoded bytes. Memory does not grow with it. */
export async function scanPayload(payload: PayloadToScan, tally: ScanTally): Promise<number> {
  const detectors = detectorsByName(payload.detectors);
  const gaps = createGaps();
  const { profile } = payload;
  const size = profile === undefined ? undefined : await scanRows(payload, profile, detectors, gaps, tally);
  // Of formats that are no text everything that can be read is in a row.
  if (profile !== undefined && isWhole(profile)) return size!;
  if (size !== undefined) gaps.end(size);
  return scanGaps(payload, size === undefined ? [{ start: 0, end: Infinity }] : gaps.found, detectors.plain, tally);
}

async function scanRows(
  payload: PayloadToScan,
  profile: Profile,
  detectors: ReturnType<typeof detectorsByName>,
  gaps: ReturnType<typeof createGaps>,
  tally: ScanTally,
): Promise<number> {
  const columns = isTable(profile) ? new Columns() : undefined;
  const reading: CompiledProfile = {
    profile,
    columns,
    map(row, _text, place) {
      gaps.row(place.start, place.end);
      scanRow(row, columns?.names, place, detectors, (found) => tally.add(found));
      return 0;
    },
  };
  const reader = createRowReader(reading, defaultCaps, { candidates() {}, fault() {} });
  try {
    await read(payload, (piece) => reader.push(piece));
    await drain(reader);
    return reader.bytes();
  } finally {
    reader.close();
  }
}

async function drain(reader: RowReader): Promise<void> {
  for await (const _ of reader.end()) await nextTurn();
}

const windowBytes = 65_536;
/** What overlaps of two windows, so that a value on the border is whole in one of them. */
const overlap = 1024;

async function scanGaps(
  payload: PayloadToScan,
  gaps: readonly Gap[],
  detect: Detect,
  tally: ScanTally,
): Promise<number> {
  let at = 0;
  let next = 0;
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;

  /** Of findings near the end of a window that goes on, the next window has the whole. */
  function look(last: boolean): void {
    if (window.length === 0) return;
    // One character a byte, so that places are bytes.
    const text = window.toString('latin1');
    const until = last ? text.length : text.length - overlap / 2;
    for (const { detector, start, end } of detect(text)) {
      if (start >= until || (windowStart > gaps[next]!.start && start < overlap / 2)) continue;
      const value = window.toString('utf8', start, end);
      const place = { start: windowStart + start, end: windowStart + end, row: undefined };
      tally.add({ where: 'text', pointer: '', detector, text: value, place });
    }
    const rest = last ? 0 : overlap;
    windowStart += window.length - rest;
    window = Buffer.from(window.subarray(window.length - rest));
  }

  await read(payload, (piece) => {
    if (!Buffer.isBuffer(piece)) return;
    const from = at;
    at += piece.length;
    for (; next < gaps.length; next++) {
      const gap = gaps[next]!;
      if (gap.start >= at) return;
      if (window.length === 0) windowStart = Math.max(gap.start, from);
      for (let part = Math.max(gap.start, from); part < Math.min(gap.end, at); part += windowBytes) {
        const end = Math.min(part + windowBytes, gap.end, at);
        window = Buffer.concat([window, piece.subarray(part - from, end - from)]);
        if (window.length >= windowBytes) look(false);
      }
      if (gap.end > at) return;
      look(true);
    }
  });
  if (next < gaps.length) look(true);
  return at;
}

/** The decoded payload in small pieces; other work has its turn, and an abort is seen. */
async function read({ open, profile, signal }: PayloadToScan, take: (piece: DecodedPiece) => void): Promise<void> {
  let since = performance.now();
  for await (const decoded of decodePayload(open, layerOf(profile ?? {}))) {
    const pieces: Iterable<DecodedPiece> = Buffer.isBuffer(decoded) ? cut(decoded) : [decoded];
    for (const piece of pieces) {
      if (signal.aborted) throw new ChartlyError('cancelled', 'The scan was cancelled.');
      take(piece);
      if (performance.now() - since < 20) continue;
      await nextTurn();
      since = performance.now();
    }
  }
}

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += windowBytes) yield bytes.subarray(at, at + windowBytes);
}
