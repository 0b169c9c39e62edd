import type { Profile } from '#contracts';
import { ChartlyError } from '#kit';
import { type DecodedPiece, decodePayload, layerOf } from '#storage';
import { type Batch, type BatchLimits, createBatchBuilder, defaultLimits } from './batch-builder.ts';
import { compileProfile } from './compile.ts';
import type { BatchFrame } from './contract-check.ts';
import { createDedupe } from './dedupe.ts';
import { type TenantKeys, tenantKeys } from './policy/keyed.ts';
import { recordIds } from './record-ids.ts';
import type { Resources } from './resources.ts';
import { createRowReader } from './row-reader.ts';
import { defaultCaps, type RowCaps } from './row-sink.ts';
import { createSealing, type Vault } from './sealing.ts';

/** All that mapping a payload needs besides its bytes. Plain data: it goes from thread to thread as it is. */
export interface MappingTask {
  profile: Profile;
  frame: BatchFrame;
  caps: RowCaps | undefined;
  limits: BatchLimits | undefined;
  resources: Resources | undefined;
}

const pieceBytes = 65_536;

export interface MappingHelp {
  /** Awaited between small pieces of the payload. */
  turn?: (() => Promise<void> | undefined) | undefined;
  /** Asked under a policy that seals fields. */
  vault?: Vault | undefined;
}

/** The pure half of the normalizer: a payload's batches from its bytes. */
export async function* mapPayload(
  task: MappingTask,
  open: () => AsyncIterable<Uint8Array>,
  { turn, vault }: MappingHelp = {},
): AsyncGenerator<Batch, void, undefined> {
  const { profile, frame } = task;
  const keys = keysOf(task);
  const compiled = compileProfile(profile, recordIds(frame.tenantId, frame.sourceId, keys?.recordId), {
    keys,
    // Without its tables a profile must not map: it would find nothing.
    lookups: task.resources?.lookups ?? {},
  });
  const conceals = profile.policy !== undefined;
  const builder = createBatchBuilder(frame, createDedupe(profile), task.limits ?? defaultLimits, conceals);
  const sealing = compiled.sealing === undefined ? undefined : createSealing(builder, compiled.sealing, given(vault));
  const reader = createRowReader(compiled, task.caps ?? defaultCaps, sealing ?? builder);
  try {
    for await (const decoded of decodePayload(open, layerOf(profile))) {
      const pieces: Iterable<DecodedPiece> = Buffer.isBuffer(decoded) ? cut(decoded) : [decoded];
      for (const piece of pieces) {
        reader.push(piece);
        if (sealing?.full === true) await sealing.flush();
        while (builder.ready.length > 0) yield builder.ready.shift()!;
        await turn?.();
      }
    }
    for await (const _ of reader.end()) {
      if (sealing?.full === true) await sealing.flush();
      while (builder.ready.length > 0) yield builder.ready.shift()!;
      await turn?.();
    }
  } finally {
    reader.close();
  }
  await sealing?.flush();
  // The end of the payload may fill a batch and start another.
  const last = builder.finish(reader.bytes());
  yield* builder.ready;
  if (last !== undefined) yield last;
}

function keysOf({ profile, resources }: MappingTask): TenantKeys | undefined {
  return profile.policy === undefined ? undefined : tenantKeys(given(resources?.policySecret));
}

/** A profile with a policy comes with keys: mapping without them would let plain text out. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new ChartlyError('internal', 'A profile with a policy was given no keys.');
  return value;
}

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
