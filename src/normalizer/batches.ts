import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChartlyError } from '#kit';
import type { Profile } from '#contracts';
import { type Batch, type BatchLimits, createBatchBuilder, defaultLimits, type Dedupe } from './batch-builder.ts';
import { compileProfile, type CompiledProfile } from './compile.ts';
import { type BatchFrame, contractCheck } from './contract-check.ts';
import { IdMap } from './id-map.ts';
import { KeySet } from './key-set.ts';
import { recordIds } from './record-ids.ts';
import { skipped } from './record-rule.ts';
import { type CandidateSink, createRowReader, type RowReader } from './row-reader.ts';
import { defaultCaps, type RowCaps } from './row-sink.ts';

export interface BatchesInput {
  /** Opens the payload from its start; it may be read more than once. */
  open: () => AsyncIterable<Uint8Array>;
  profile: Profile;
  frame: BatchFrame;
  signal: AbortSignal;
  caps?: RowCaps;
  limits?: BatchLimits;
}

/**
 * The batches of a payload, in order: a function of its bytes, the profile and the frame. Holds one batch at a time, and some 40 bytes an id.
 *
 * Dedupe is exact over the whole payload. `first` needs one pass, and so does `last` for a payload of one batch. Only the end of a larger payload
 * tells which candidate is the last, and a store could not settle it afterwards: all candidates of a payload carry one revision. So such a payload is
 * read ahead, for its keys alone, in some 16 bytes a key; normally no key comes twice, and the next pass writes everything. Otherwise one more
 * pass notes the ordinal of each key's last valid candidate, and the others are dropped before anything of them is written.
 *
 * Errors: what `open` throws; `cancelled`; `blob_corrupt` when the bytes are not those of the digest (before the last batch is given).
 */
export async function* batches(input: BatchesInput): AsyncGenerator<Batch, void, undefined> {
  if (input.profile.dedupe?.keep === 'first') {
    yield* onePass(input, { keep: 'first', seen: new IdMap() });
    return;
  }
  const only = await onlyBatch(input);
  if (only !== undefined) yield only;
  else if (await keysAreDistinct(input)) yield* onePass(input, { keep: 'all' });
  else yield* onePass(input, { keep: 'last', lasts: await lastOrdinals(input) });
}

async function* onePass(input: BatchesInput, dedupe: Dedupe): AsyncGenerator<Batch, void, undefined> {
  const builder = createBatchBuilder(input.frame, dedupe, input.limits ?? defaultLimits);
  const reader = reading(input, builder);
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

/** The one batch that the payload fits into; undefined, as early as that is known, when it does not. */
async function onlyBatch(input: BatchesInput): Promise<Batch | undefined> {
  const builder = createBatchBuilder(input.frame, { keep: 'lastInBatch' }, input.limits ?? defaultLimits);
  const reader = reading(input, builder);
  for await (const piece of pieces(input)) {
    reader.push(piece);
    if (builder.ready.length > 0) return undefined;
  }
  reader.end();
  return builder.ready.length > 0 ? undefined : builder.finish(reader.bytes());
}

/** True when no two candidates have the same key. False may be a coincidence of 53 bits, which costs a pass and no more. */
async function keysAreDistinct(input: BatchesInput): Promise<boolean> {
  const seen = new KeySet();
  let distinct = true;
  const profile = compiled(input);
  const reader = createRowReader(profile, profile.keys, input.caps ?? defaultCaps, {
    candidates(keys) {
      for (const key of keys) if (key !== undefined && !seen.add(key)) distinct = false;
    },
    fault() {},
  });
  for await (const piece of pieces(input)) {
    reader.push(piece);
    if (!distinct) return false;
  }
  reader.end();
  return distinct;
}

/** The ordinal of each id's last valid candidate. */
async function lastOrdinals(input: BatchesInput): Promise<IdMap> {
  const tracker = trackLasts(input.frame);
  const reader = reading(input, tracker);
  for await (const piece of pieces(input)) reader.push(piece);
  reader.end();
  return tracker.lasts;
}

const noHash = '0'.repeat(64);
const noBatch = '0'.repeat(32);

/** Notes for each id the ordinal of its last valid candidate. */
function trackLasts(frame: BatchFrame): CandidateSink & { lasts: IdMap } {
  const check = contractCheck(frame);
  const lasts = new IdMap();
  let ordinal = 0;
  return {
    lasts,
    candidates(out) {
      for (const candidate of out) {
        if (candidate !== skipped && !Array.isArray(candidate) && check(candidate, noHash, noBatch) === undefined) {
          lasts.set(candidate.recordId, ordinal);
        }
        ordinal++;
      }
    },
    fault() {
      ordinal++;
    },
  };
}

function compiled({ profile, frame }: BatchesInput): CompiledProfile {
  return compileProfile(profile, recordIds(frame.tenantId, frame.sourceId));
}

function reading(input: BatchesInput, sink: CandidateSink): RowReader {
  const profile = compiled(input);
  return createRowReader(profile, profile.candidates, input.caps ?? defaultCaps, sink);
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
