import { constants, createZstdDecompress } from 'node:zlib';
import type { Budget } from './budget.ts';
import type { ByteSource } from './byte-source.ts';
import { decodedChunk, decompress } from './engine.ts';
import { type DecodedPiece, isZstd, type PayloadDamage } from './layer.ts';

const broken = (what: string): PayloadDamage => ({
  reason: 'parse_error',
  message: `The zstd data of the payload ${what}.`,
});

/** A frame may ask for a window of as much memory (zstd's own default); `--long=28` and more are refused. */
const windowLog = 27;

export function newZstd(): ReturnType<typeof createZstdDecompress> {
  return createZstdDecompress({
    chunkSize: decodedChunk,
    params: { [constants.ZSTD_d_windowLogMax]: windowLog },
  });
}

/** Zstandard (RFC 8878), any number of frames one after the other, those to be skipped among them. */
export async function* unzstd(source: ByteSource, budget: Budget): AsyncGenerator<DecodedPiece, void, undefined> {
  const first = await source.peek(4);
  if (first.length === 4 && !isZstd(first.readUInt32LE(0))) {
    yield broken('does not begin as zstd does');
    return;
  }
  const body = decompress(source, newZstd());
  let step = await body.next();
  for (; step.done !== true; step = await body.next()) {
    yield budget.admit(step.value, source.position);
    if (budget.spent === undefined) continue;
    await body.return(undefined);
    yield budget.spent;
    return;
  }
  if (step.value === 'truncated') yield { reason: 'truncated', message: 'The zstd data of the payload ends early.' };
  else if (step.value !== undefined)
    yield broken('is damaged, does not match its checksum, or needs a window of more than 128 MiB');
  else if ((await source.peek(1)).length > 0) yield broken('goes on behind its end');
}
