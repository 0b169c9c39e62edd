import type { Profile } from '#contracts';
import { type DecodedPiece, decodePayload, layerOf } from '#storage';
import { type Batch, type BatchLimits, createBatchBuilder, defaultLimits } from './batch-builder.ts';
import { compileProfile } from './compile.ts';
import type { BatchFrame } from './contract-check.ts';
import { createDedupe } from './dedupe.ts';
import { recordIds } from './record-ids.ts';
import { createRowReader } from './row-reader.ts';
import { defaultCaps, type RowCaps } from './row-sink.ts';

/** All that mapping a payload needs besides its bytes. Plain data: it goes from thread to thread as it is. */
export interface MappingTask {
  profile: Profile;
  frame: BatchFrame;
  caps: RowCaps | undefined;
  limits: BatchLimits | undefined;
}

const pieceBytes = 65_536;

/** The pure half of the normalizer: a payload's batches from its bytes. `turn` is awaited between small pieces of it. */
export async function* mapPayload(
  task: MappingTask,
  open: () => AsyncIterable<Uint8Array>,
  turn?: () => Promise<void> | undefined,
): AsyncGenerator<Batch, void, undefined> {
  const { profile, frame } = task;
  const compiled = compileProfile(profile, recordIds(frame.tenantId, frame.sourceId));
  const builder = createBatchBuilder(frame, createDedupe(profile), task.limits ?? defaultLimits);
  const reader = createRowReader(compiled, task.caps ?? defaultCaps, builder);
  try {
    for await (const decoded of decodePayload(open, layerOf(profile))) {
      const pieces: Iterable<DecodedPiece> = Buffer.isBuffer(decoded) ? cut(decoded) : [decoded];
      for (const piece of pieces) {
        reader.push(piece);
        while (builder.ready.length > 0) yield builder.ready.shift()!;
        await turn?.();
      }
    }
    for await (const _ of reader.end()) {
      while (builder.ready.length > 0) yield builder.ready.shift()!;
      await turn?.();
    }
  } finally {
    reader.close();
  }
  // The end of the payload may fill a batch and start another.
  const last = builder.finish(reader.bytes());
  yield* builder.ready;
  if (last !== undefined) yield last;
}

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
