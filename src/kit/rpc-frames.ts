/** The lines that a call's answer consists of. */
import type { IncomingMessage } from 'node:http';

/** `result` and `problem` are the last; `done` ends a stream; a line without content says only that the other side lives. */
export type Frame =
  | { kind: 'result' | 'item'; text: string }
  | { kind: 'done' }
  | { kind: 'callback'; number: number; text: string }
  | { kind: 'problem'; text: string };

/** The largest line: arguments, or one result. */
export const maxLineBytes = 128 * 1024 * 1024;
/** How often a side that works says that it lives, and how long the other waits for a word. */
export const aliveEveryMs = 5_000;
export const silenceMs = 20_000;

export const framesType = 'application/x-ndjson';
export const problemsType = 'application/problem+json';
/** On a reply: the call was turned away before anything was done for it. */
export const turnedAwayHeader = 'x-chartly-turned-away';

const codes = { result: 'r', item: 'i', done: 'd', callback: 'c', problem: 'p' } as const;

export function writeFrame(frame: Frame): string {
  const code = codes[frame.kind];
  if (frame.kind === 'done') return `${code}\n`;
  if (frame.kind === 'callback') return `${code}${frame.number} ${frame.text}\n`;
  return `${code}${frame.text}\n`;
}

/** Undefined for a line that is no frame. */
export function readFrame(line: string): Frame | undefined {
  const text = line.slice(1);
  switch (line[0]) {
    case codes.result:
      return { kind: 'result', text };
    case codes.item:
      return { kind: 'item', text };
    case codes.problem:
      return { kind: 'problem', text };
    case codes.done:
      return { kind: 'done' };
    case codes.callback: {
      const space = text.indexOf(' ');
      return { kind: 'callback', number: Number(text.slice(0, space)), text: text.slice(space + 1) };
    }
    default:
      return undefined;
  }
}

/** The lines of a message, without their ends; one that is cut off at the end of the message is left out. Errors: RangeError for too long a line. */
export async function* readLines(message: IncomingMessage): AsyncGenerator<string, void, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      from = at + 1;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxLineBytes) throw new RangeError('the line is too long');
  }
}
