import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import { ChartlyError } from '#kit';

/** What we tell upstreams that we read. */
export const acceptEncoding = 'gzip, deflate, br, zstd';

const chunkSize = 64 * 1024;
const longestChain = 3;

/**
 * The body without its content codings (RFC 9110, applied in the order listed, so undone from the last). Streams; a body
 * that ends early or is not what the header says throws `upstream_error`. An empty body stays empty.
 */
export async function* decodeBody(body: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<Uint8Array> {
  const codings = encoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length === 0) return yield* body;
  if (codings.length > longestChain) throw unreadable('applied more content codings than are undone');
  const source = body[Symbol.asyncIterator]();
  try {
    const first = await firstChunk(source);
    if (first === undefined) return;
    const decoders = codings.toReversed().map((coding, i) => decoderOf(coding, i === 0 ? first[0]! : 0x78));
    yield* run(first, source, decoders);
  } finally {
    // Not awaited: it would wait for the next bytes of an upstream that may never send any.
    source.return?.(undefined).catch(() => {});
  }
}

async function firstChunk(source: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  for (;;) {
    const next = await source.next();
    if (next.done) return undefined;
    if (next.value.length > 0) return next.value;
  }
}

async function* run(first: Uint8Array, rest: AsyncIterator<Uint8Array>, decoders: Transform[]) {
  let upstreamFailure: unknown;
  const input = Readable.from(
    (async function* () {
      yield first;
      try {
        for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
      } catch (error) {
        upstreamFailure = error;
        throw error;
      }
    })(),
    { objectMode: false },
  );
  const output = decoders.at(-1)!;
  pipeline([input, ...decoders], () => {});
  try {
    for await (const chunk of output) yield chunk as Uint8Array;
  } catch (error) {
    if (upstreamFailure !== undefined) throw upstreamFailure;
    throw unreadable('does not decode, or ends early', error);
  } finally {
    input.destroy();
    output.destroy();
  }
}

function decoderOf(coding: string, firstByte: number): Transform {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip({ chunkSize });
  if (coding === 'br') return createBrotliDecompress({ chunkSize });
  if (coding === 'zstd') return createZstdDecompress({ chunkSize });
  // Some servers send raw deflate under this name; the zlib form starts with compression method 8.
  if (coding === 'deflate')
    return (firstByte & 0x0f) === 8 ? createInflate({ chunkSize }) : createInflateRaw({ chunkSize });
  throw unreadable('uses a content coding that is not known');
}

function unreadable(what: string, cause?: unknown): ChartlyError {
  return new ChartlyError('upstream_error', `The upstream's compressed body ${what}.`, { cause, retryable: true });
}
