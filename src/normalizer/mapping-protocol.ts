/** What a mapping thread and its owner say to each other. One payload at a time. */
import type { ErrorCode } from '#contracts';
import { ChartlyError, type ErrorDetail } from '#kit';
import type { KeptToken } from '#storage';
import type { Batch } from './batch-builder.ts';
import type { MappingTask } from './map-payload.ts';
import type { Vault } from './sealing.ts';

export type ToThread =
  | { type: 'start'; task: MappingTask }
  /** The next bytes since the payload was opened for this pass; their memory goes with them. */
  | { type: 'bytes'; pass: number; chunk: Uint8Array }
  | { type: 'end'; pass: number }
  /** What the vault answers: keys, or none when it has kept what it was given. */
  | { type: 'answer'; keys: Awaited<ReturnType<Vault['subjectKeys']>> }
  /** A batch has found its taker: another may be sent. */
  | { type: 'taken' }
  | { type: 'abort' };

export type FromThread =
  /** The payload's bytes are wanted from their start; those of the pass before are not any more. */
  | { type: 'open'; pass: number }
  /** The thread has gone through a chunk: another may be sent. */
  | { type: 'read'; pass: number }
  | { type: 'batch'; batch: Batch }
  /** A question to the vault: one at a time. */
  | { type: 'ask'; subjects: readonly string[] }
  | { type: 'keep'; tokens: readonly KeptToken[] }
  /** Nothing more comes of this payload; also after an abort. */
  | { type: 'ended' }
  | { type: 'failed'; failure: Failure };

/** Chunks that may be on their way to the thread, the one it reads included. */
export const chunksAhead = 3;
/** Batches that may be on their way from the thread. */
export const batchesAhead = 2;

/** An error as it goes from thread to thread. */
export interface Failure {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  details: ErrorDetail[];
  action: string;
  stack: string | undefined;
}

export function toFailure(error: ChartlyError): Failure {
  const { code, message, retryable, details, action } = error;
  const { stack } = error.cause instanceof Error ? error.cause : error;
  return { code, message, retryable, details, action, stack };
}

export function fromFailure({ code, message, stack, ...options }: Failure): ChartlyError {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return new ChartlyError(code, message, { ...options, cause });
}
