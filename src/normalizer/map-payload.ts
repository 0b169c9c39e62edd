import { defaultCaps, type RowCaps } from '#formats';
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
import { createSealing, type Vault } from './sealing.ts';
import { createShapeObserver, watched, type Watch } from './shape-observer.ts';

/** All that mapping a payload needs besides its bytes. Plain data: it goes from thread to thread as it is. */
export interface MappingTask {
  profile: Profile;
  frame: BatchFrame;
  caps: RowCaps | undefined;
  limits: BatchLimits | undefined;
  resources: Resources | undefined;
  watch: Watch | undefined;
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
  const observer = task.watch === undefined ? undefined : createShapeObserver(profile, compiled.columns, task.watch);
  const reader = createRowReader(watched(compiled, observer), task.caps ?? defaultCaps, sealing ?? builder);
  const shaped = (batch: Batch): Batch => (observer === undefined ? batch : { ...batch, shape: observer.observed() });
  try {
    for await (const decoded of decodePayload(open, layerOf(profile))) {
      for (const piece of piecesOf(decoded)) {
        reader.push(piece);
        if (sealing?.full === true) await sealing.flush();
        while (builder.ready.length > 0) yield shaped(builder.ready.shift()!);
        await turn?.();
      }
    }
    for await (const _ of reader.end()) {
      if (sealing?.full === true) await sealing.flush();
      while (builder.ready.length > 0) yield shaped(builder.ready.shift()!);
      await turn?.();
    }
  } finally {
    reader.close();
  }
  await sealing?.flush();
  // The end of the payload may fill a batch and start another.
  const last = builder.finish(reader.bytes());
  for (const batch of builder.ready) yield shaped(batch);
  if (last !== undefined) yield shaped(last);
}

function keysOf({ profile, resources }: MappingTask): TenantKeys | undefined {
  return profile.policy === undefined ? undefined : tenantKeys(given(resources?.policySecret));
}

/** A profile with a policy comes with keys: mapping without them would let plain text out. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new ChartlyError('internal', 'A profile with a policy was given no keys.');
  return value;
}

/** What was decoded, in pieces that take little time each. */
export function* piecesOf(decoded: DecodedPiece): Generator<DecodedPiece> {
  if (!Buffer.isBuffer(decoded)) return yield decoded;
  for (let at = 0; at < decoded.length; at += pieceBytes) yield decoded.subarray(at, at + pieceBytes);
}
