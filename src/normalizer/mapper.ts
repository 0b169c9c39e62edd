import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '#kit';
import type { Batch } from './batch-builder.ts';
import { type MappingTask, mapPayload } from './map-payload.ts';
import type { Vault } from './sealing.ts';
import { createThreadMapper } from './thread-mapper.ts';

/** Runs the pure half of the normalizer, here or elsewhere. */
export interface Mapper {
  /**
   * The batches of a payload, in order. `open` may be asked again for the same bytes. What it throws is thrown, and no batch is given after it;
   * the last batch is given only once the bytes have ended. A consumer that stops early ends the mapping. Errors: `poisoned` when nothing comes of it for a minute, `cancelled` after `close`.
   * `vault` is asked under a policy that seals fields; what it throws is thrown.
   */
  map(task: MappingTask, open: () => AsyncIterable<Uint8Array>, vault?: Vault): AsyncGenerator<Batch, void, undefined>;
  close(): Promise<void>;
}

/** `threads`: how many payloads are mapped at a time, each in a thread of its own; 0 maps in the calling thread. */
export function createMapper(setting: { threads: number; logger: Logger; stalledMs?: number }): Mapper {
  const { threads, logger, stalledMs = 60_000 } = setting;
  return threads === 0 ? inlineMapper : createThreadMapper({ threads, logger, stalledMs });
}

const turnMs = 20;

/** Maps in the calling thread, and lets its other work have a turn now and then. */
export const inlineMapper: Mapper = {
  map(task, open, vault) {
    let since = performance.now();
    const turn = (): Promise<void> | undefined => {
      if (performance.now() - since < turnMs) return undefined;
      return nextTurn().then(() => {
        since = performance.now();
      });
    };
    return mapPayload(task, open, { turn, vault });
  },
  close: async () => {},
};
