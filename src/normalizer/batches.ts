import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChartlyError } from '#kit';
import type { Profile } from '#contracts';
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

export interface BatchesInput {
  /** Opens the payload from its start. */
  open: () => AsyncIterable<Uint8Array>;
  profile: Profile;
  frame: BatchFrame;
  signal: AbortSignal;
  caps?: RowCaps;
  limits?: BatchLimits;
  resources?: Resources;
  /** Where keys of subjects and what tokens stand for are kept; asked only under a policy that seals fields. */
  vault?: Vault;
}

/**
 * The batches of a payload, in order: a function of its bytes, the profile and the frame. One pass; holds one batch at a time, and some
 * 40 bytes an id, as dedupe is exact over the whole payload.
 *
 * Errors: what `open` throws; `cancelled`; `blob_corrupt` when the bytes are not those of the digest (before the last batch is given).
 */
export async function* batches(input: BatchesInput): AsyncGenerator<Batch, void, undefined> {
  const { profile, frame } = input;
  const keys = keysOf(input);
  const compiled = compileProfile(profile, recordIds(frame.tenantId, frame.sourceId, keys?.recordId), keys);
  const conceals = profile.policy !== undefined;
  const builder = createBatchBuilder(frame, createDedupe(profile), input.limits ?? defaultLimits, conceals);
  const sealing = compiled.sealing === undefined ? undefined : createSealing(builder, compiled.sealing, input.vault!);
  const reader = createRowReader(compiled, input.caps ?? defaultCaps, sealing ?? builder);
  for await (const piece of pieces(input)) {
    reader.push(piece);
    if (sealing?.full === true) await sealing.flush();
    while (builder.ready.length > 0) yield builder.ready.shift()!;
  }
  reader.end();
  await sealing?.flush();
  // The end of the payload may fill a batch and start another.
  const last = builder.finish(reader.bytes());
  yield* builder.ready;
  if (last !== undefined) yield last;
}

function keysOf({ profile, resources, vault }: BatchesInput): TenantKeys | undefined {
  if (profile.policy === undefined) return undefined;
  if (resources?.policySecret === undefined || vault === undefined)
    throw new ChartlyError('internal', 'A profile with a policy was given no keys.');
  return tenantKeys(resources.policySecret);
}

const pieceBytes = 65_536;
const turnMs = 20;

/** The payload in small pieces; other work of the process gets its turn, an abort is seen, and the digest is checked at the end. */
async function* pieces(input: BatchesInput): AsyncGenerator<Buffer, void, undefined> {
  const digest = createHash('sha256');
  let turn = performance.now();
  for await (const chunk of input.open()) {
    digest.update(chunk);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (input.signal.aborted) throw cancelled();
      yield bytes.subarray(at, at + pieceBytes);
      if (performance.now() - turn < turnMs) continue;
      await nextTurn();
      turn = performance.now();
    }
  }
  if (input.signal.aborted) throw cancelled();
  if (digest.digest('hex') !== input.frame.rawSha256) {
    throw new ChartlyError(
      'blob_corrupt',
      `The stored bytes of payload ${input.frame.rawSha256} do not match their digest.`,
    );
  }
}

function cancelled(): ChartlyError {
  return new ChartlyError('cancelled', 'The run was cancelled while its payload was being normalized.');
}
