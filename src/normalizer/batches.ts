import type { RowCaps } from '#formats';
import { createHash } from 'node:crypto';
import type { Profile } from '#contracts';
import { ChartlyError } from '#kit';
import type { Batch, BatchLimits } from './batch-builder.ts';
import type { BatchFrame } from './contract-check.ts';
import { inlineMapper, type Mapper } from './mapper.ts';
import type { Resources } from './resources.ts';
import type { Vault } from './sealing.ts';
import type { Watch } from './shape-observer.ts';

export interface BatchesInput {
  /** Opens the payload from its start; of a zip archive it is asked twice. The chunks are handed over: who gives them keeps none. */
  open: () => AsyncIterable<Uint8Array>;
  profile: Profile;
  frame: BatchFrame;
  signal: AbortSignal;
  /** Default: maps in this thread. */
  mapper?: Mapper | undefined;
  caps?: RowCaps | undefined;
  limits?: BatchLimits | undefined;
  resources?: Resources | undefined;
  /** Where keys of subjects and what tokens stand for are kept; asked only under a policy that seals fields. */
  vault?: Vault | undefined;
  /** The rows' shape is observed: each batch says what was seen of the payload so far, the last of all of it. */
  watch?: Watch | undefined;
}

/**
 * The batches of a payload, in order: a function of its bytes, the profile and the frame. Holds a few batches at a time, and some
 * 40 bytes an id, as dedupe is exact over the whole payload.
 *
 * Errors: what `open` throws; `cancelled`; `blob_corrupt` when the bytes are not those of the digest (before the last batch is given).
 */
export function batches(input: BatchesInput): AsyncGenerator<Batch, void, undefined> {
  const { profile, frame, caps, limits, resources, vault, watch, mapper = inlineMapper } = input;
  return mapper.map({ profile, frame, caps, limits, resources, watch }, checked(input), vault);
}

/** Opens the payload; an abort is seen, and at the end of what is read first the digest is checked. */
function checked({ open, signal, frame }: BatchesInput): BatchesInput['open'] {
  let opened = false;
  return async function* () {
    const digest = opened ? undefined : createHash('sha256');
    opened = true;
    for await (const chunk of open()) {
      if (signal.aborted) throw cancelled();
      digest?.update(chunk);
      yield chunk;
    }
    if (signal.aborted) throw cancelled();
    if (digest === undefined || digest.digest('hex') === frame.rawSha256) return;
    throw new ChartlyError('blob_corrupt', `The stored bytes of payload ${frame.rawSha256} do not match their digest.`);
  };
}

function cancelled(): ChartlyError {
  return new ChartlyError('cancelled', 'The run was cancelled while its payload was being normalized.');
}
