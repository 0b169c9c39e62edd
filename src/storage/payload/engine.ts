import type { ReasonCode } from '#contracts';
import type { InflateRaw, ZstdDecompress } from 'node:zlib';
import type { Pieces } from './byte-source.ts';

/**
 * What an engine is fed at a time, counted from the start of what it decodes: so where it finds damage, and what it gave before, is a
 * function of the bytes alone. Up to what this much decodes to is lost before the place of damage.
 */
const fedBytes = 16_384;

/** Bytes of one piece that comes out. */
export const decodedChunk = 65_536;

/**
 * Runs a decompression engine over a source until its format says that it ends; what it did not need goes back. At most one piece of
 * output waits. Returns undefined, or why it ended early.
 */
export async function* decompress(
  source: Pieces,
  engine: InflateRaw | ZstdDecompress,
): AsyncGenerator<Buffer, ReasonCode | undefined, undefined> {
  const state = { ended: false, busy: false, error: undefined as NodeJS.ErrnoException | undefined };
  let wake = (): void => {};
  engine.on('readable', () => wake());
  engine.on('end', () => {
    state.ended = true;
    wake();
  });
  engine.on('error', (error) => {
    state.error = error;
    wake();
  });
  try {
    for (;;) {
      const fed = await source.take(fedBytes);
      const before = engine.bytesWritten;
      state.busy = true;
      const taken = (): void => {
        // An engine that leaves bytes alone has ended, and will say so.
        state.busy = engine.bytesWritten - before < fed.length;
        wake();
      };
      if (fed.length > 0) engine.write(fed, taken);
      else engine.end();
      for (;;) {
        const out = engine.read() as Buffer | null;
        if (out !== null) yield out;
        else if (state.ended || state.error !== undefined || !state.busy) break;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      if (state.error !== undefined) return state.error.code === 'Z_BUF_ERROR' ? 'truncated' : 'parse_error';
      if (!state.ended) continue;
      source.unread(fed.subarray(engine.bytesWritten - before));
      return undefined;
    }
  } finally {
    engine.destroy();
  }
}
