import { isAscii, isUtf8 } from 'node:buffer';
import type { RowSink } from './row-sink.ts';
import { tooDeepMessage } from './split-json.ts';

/** The text of a part of bytes, or undefined when they are not UTF-8. `whole`: the text of all the bytes, when they are ASCII. */
export function decode(bytes: Buffer, from: number, to: number, whole?: string): string | undefined {
  if (whole !== undefined) return whole.slice(from, to);
  const part = bytes.subarray(from, to);
  if (isAscii(part)) return part.toString('latin1');
  return isUtf8(part) ? part.toString('utf8') : undefined;
}

/** Takes a row once it is a value. `text` is its JSON, for those who need the source text of its numbers. */
export type TakeValue = (value: unknown, text: string, start: number, end: number) => void;

/** Parses rows of JSON text. `checkDepth`: the splitter did not look at nesting. */
export function jsonRows(
  take: TakeValue,
  fault: RowSink['fault'],
  depthCap: number,
  checkDepth: boolean,
): RowSink['row'] {
  return (bytes, from, to, start, whole) => {
    const end = start + to - from;
    const text = decode(bytes, from, to, whole);
    if (text === undefined) {
      fault('invalid_utf8', start, end, 'The row holds bytes that are not UTF-8.');
      return;
    }
    if (checkDepth && manyBrackets(text, depthCap) && nesting(bytes, from, to).deepest > depthCap) {
      fault('too_deep', start, end, tooDeepMessage(depthCap));
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      fault('parse_error', start, end, `The row is not valid JSON${whereIn(error)}.`);
      return;
    }
    take(value, text, start, end);
  };
}

/** The engine's message quotes the data, which must not leave the payload; its position is safe. */
function whereIn(error: unknown): string {
  const position = /at position (\d+)/.exec((error as Error).message)?.[1];
  return position === undefined ? '' : ` (character ${position})`;
}

/** A row with few opening brackets cannot be deep, and searching for them is nearly free. */
const fewBrackets = 16;

function manyBrackets(text: string, cap: number): boolean {
  const few = Math.min(fewBrackets, cap);
  let opens = 0;
  for (let at = text.indexOf('{'); at >= 0 && opens <= few; at = text.indexOf('{', at + 1)) opens++;
  for (let at = text.indexOf('['); at >= 0 && opens <= few; at = text.indexOf('[', at + 1)) opens++;
  return opens > few;
}

/** How deep the brackets go, and whether something is still open at the end. */
export function nesting(bytes: Buffer, from: number, to: number): { deepest: number; open: boolean } {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = from; i < to; i++) {
    const c = bytes[i]!;
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if ((c & 0xdf) === 0x5b) deepest = Math.max(deepest, ++depth);
    else if ((c & 0xdf) === 0x5d) depth--;
  }
  return { deepest, open: inString || depth > 0 };
}

/** A JSON number whose text says more than the double it parses to. */
export class NumberText {
  readonly value: number;
  readonly source: string;
  constructor(value: number, source: string) {
    this.value = value;
    this.source = source;
  }
}

/** Parses again, keeping the source text of every number that a double does not print back. Some four times as slow as a plain parse. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || context?.source === undefined || String(value) === context.source) return value;
    return new NumberText(value, context.source);
  });
}
