import type { ReasonCode } from '#contracts';
import type { RowCaps, RowPlace } from './row-sink.ts';

/** Takes rows of values. */
export interface WholeSink {
  row(value: unknown, place: RowPlace): void;
  fault(reason: ReasonCode, place: RowPlace, message: string): void;
}

export function tooLargeRow({ rowBytes }: RowCaps): string {
  return `The row is larger than ${rowBytes} characters of text, or an eighth as many other values; no more are read.`;
}
