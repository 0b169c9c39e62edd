import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChartlyError } from '#kit';
import type { Profile } from '#contracts';
import { type DecodedPiece, decodePayload, layerOf } from '#storage';
import { type Batch, type BatchLimits, createBatchBuilder, defaultLimits } from './batch-builder.ts';
import { compileProfile } from './compile.ts';
import type { BatchFrame } from './contract-check.ts';
import { createDedupe } from './dedupe.ts';
import { recordIds } from './record-ids.ts';
import { createRowReader } from './row-reader.ts';
import { defaultCaps, type RowCaps } from './row-sink.ts';

export interface BatchesInput {
  /** Opens the payload from its start; of a zip archive it is asked twice. */
  open: () => AsyncIterable<Uint8Array>;
  profile: Profile;
  frame: BatchFrame;
  signal: AbortSignal;
  caps?: RowCaps;
  limits?: BatchLimits;
}

/**
 * The batches of a payload, in order: a function of its bytes, the profile and the frame. One pass; holds one batch at a time, and some
 * 40 bytes an id, as dedupe is exact over the whole payload.
 *
 * Errors: what `open` throws; `cancelled`; `blob_corrupt` when the bytes are not those of the digest (before the last batch is given).
 */
export async function* batches(input: BatchesInput): AsyncGenerator<Batch, void, undefined> {
  const { profile, frame } = input;
  const compiled = compileProfile(profile, recordIds(frame.tenantId, frame.sourceId));
  const builder = createBatchBuilder(frame, createDedupe(profile), input.limits ?? defaultLimits);
  const reader = createRowReader(compiled, input.caps ?? defaultCaps, builder);
  for await (const piece of pieces(input)) {
    reader.push(piece);
    while (builder.ready.length > 0) yield builder.ready.shift()!;
  }
  reader.end();
  // The end of the payload may fill a batch and start another.
  const last = builder.finish(reader.bytes());
  yield* builder.ready;
  if (last !== undefined) yield last;
}

const pieceBytes = 65_536;
const turnMs = 20;

/** What the payload holds, in small pieces; other work of the process gets its turn, an abort is seen, and the digest of its bytes is checked at the end. */
async function* pieces(input: BatchesInput): AsyncGenerator<DecodedPiece, void, undefined> {
  const { open, sum } = digested(input.open);
  let turn = performance.now();
  for await (const piece of decodePayload(open, layerOf(input.profile))) {
    const cuts: Iterable<DecodedPiece> = Buffer.isBuffer(piece) ? cut(piece) : [piece];
    for (const part of cuts) {
      if (input.signal.aborted) throw cancelled();
      yield part;
      if (performance.now() - turn < turnMs) continue;
      await nextTurn();
      turn = performance.now();
    }
  }
  if (input.signal.aborted) throw cancelled();
  if (sum() !== input.frame.rawSha256) {
    throw new ChartlyError(
      'blob_corrupt',
      `The stored bytes of payload ${input.frame.rawSha256} do not match their digest.`,
    );
  }
}

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Opens a payload so that the digest of what is read of it first can be asked for at the end. */
function digested(open: BatchesInput['open']): { open: BatchesInput['open']; sum: () => string } {
  const digest = createHash('sha256');
  let opened = false;
  async function* first(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of open()) {
      digest.update(chunk);
      yield chunk;
    }
  }
  return {
    open() {
      if (opened) return open();
      opened = true;
      return first();
    },
    sum: () => digest.digest('hex'),
  };
}

function cancelled(): ChartlyError {
  return new ChartlyError('cancelled', 'The run was cancelled while its payload was being normalized.');
}
