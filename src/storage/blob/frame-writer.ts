import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, crc32, zstdCompress } from 'node:zlib';
import { encodeTail, type FrameIndex } from './frame-index.ts';

/** Content bytes of one frame: what must be read to reach one byte. */
export const frameLength = 1 << 20;
/** Frames that are compressed at the same time, on the thread pool. */
const parallel = 4;

const compress = promisify<Uint8Array, object, Buffer>(zstdCompress);
// Compressed frames mostly fit one buffer of a quarter of the frame.
const level = {
  chunkSize: frameLength / 4,
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
};

/** Cuts one buffer into pieces of `frameLength` bytes, without copying. */
export function* cutFrames(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += frameLength) yield body.subarray(at, at + frameLength);
}

/**
 * Gathers a stream into pieces of exactly `frameLength` bytes, and one shorter at the end. It copies: a piece is
 * compressed while the stream goes on, and a stream may use its buffers again.
 */
export async function* gatherFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let piece: Buffer = Buffer.alloc(0);
  let held = 0;
  for await (let chunk of body) {
    while (chunk.length > 0) {
      const part = chunk.subarray(0, frameLength - held);
      if (held + part.length > piece.length) piece = grow(piece, held, held + part.length);
      piece.set(part, held);
      held += part.length;
      chunk = chunk.subarray(part.length);
      if (held === frameLength) {
        yield piece;
        piece = Buffer.alloc(0);
        held = 0;
      }
    }
  }
  if (held > 0) yield piece.subarray(0, held);
}

function grow(piece: Buffer, held: number, least: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(frameLength, Math.max(least, piece.length * 4, 16 * 1024)));
  larger.set(piece.subarray(0, held));
  return larger;
}

/** Compresses content into an open file, frame by frame and in order, then writes the tail. The caller syncs. */
export async function writeFrames(file: FileHandle, frames: AsyncIterable<Uint8Array>): Promise<FrameIndex> {
  const digest = createHash('sha256');
  const index: FrameIndex = { sha256: '', size: 0, frames: [] };
  const waiting: { content: Uint8Array; stored: Promise<Buffer> }[] = [];
  let offset = 0;

  async function writeNext(): Promise<void> {
    const { content, stored } = waiting.shift()!;
    const bytes = await stored;
    index.frames.push({ offset, start: index.size, stored: bytes.length, length: content.length, crc: crc32(bytes) });
    await writeAll(file, bytes, offset);
    offset += bytes.length;
    index.size += content.length;
  }

  try {
    for await (const content of frames) {
      digest.update(content);
      waiting.push({ content, stored: compress(content, level) });
      if (waiting.length >= parallel) await writeNext();
    }
    while (waiting.length > 0) await writeNext();
  } finally {
    await Promise.allSettled(waiting.map((frame) => frame.stored));
  }
  index.sha256 = digest.digest('hex');
  await writeAll(file, encodeTail(index), offset);
  return index;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
