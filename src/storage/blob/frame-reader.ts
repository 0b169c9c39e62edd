import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, zstdDecompress } from 'node:zlib';
import { decodeTail, frameCount, tailLength, type Frame, type FrameIndex } from './frame-index.ts';

const decompress = promisify<Uint8Array, object, Buffer>(zstdDecompress);
/** Enough for the tail of a blob of 5,000 frames (5 GB) in one read. */
const tailGuess = 64 * 1024;

/** Thrown for stored bytes that are not what was written. */
export class DamagedBlob extends Error {}

/** Reads the tail of a stored blob. Errors: DamagedBlob. */
export async function readIndex(file: FileHandle): Promise<FrameIndex> {
  const { size } = await file.stat();
  let tail = await readAt(file, Math.max(0, size - tailGuess), Math.min(size, tailGuess));
  const frames = frameCount(tail);
  const length = frames === undefined ? Infinity : tailLength(frames);
  if (length > size) throw new DamagedBlob('the file does not end with a frame index');
  tail = length > tail.length ? await readAt(file, size - length, length) : tail.subarray(tail.length - length);
  const index = decodeTail(tail, size);
  if (index === undefined) throw new DamagedBlob('the frame index does not match its checksum');
  return index;
}

/** The content from `start` to `end`, reading the frames that hold it and one ahead. Errors: DamagedBlob. */
export async function* readFrames(
  file: FileHandle,
  index: FrameIndex,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  const wanted = index.frames.filter((frame) => frame.start < end && frame.start + frame.length > start);
  let ahead: Promise<Buffer> | undefined;
  try {
    for (const [i, frame] of wanted.entries()) {
      const content = await (ahead ?? readFrame(file, frame));
      const next = wanted[i + 1];
      ahead = next === undefined ? undefined : readFrame(file, next);
      // Its failure is reported when it is awaited above, not before.
      ahead?.catch(() => {});
      yield content.subarray(Math.max(0, start - frame.start), Math.min(frame.length, end - frame.start));
    }
  } finally {
    await ahead?.catch(() => {});
  }
}

async function readFrame(file: FileHandle, frame: Frame): Promise<Buffer> {
  const stored = await readAt(file, frame.offset, frame.stored);
  if (crc32(stored) !== frame.crc)
    throw new DamagedBlob(`the frame at byte ${frame.offset} does not match its checksum`);
  // One output buffer of the very size: by default it would be put together from pieces of 16 KiB.
  const room = { maxOutputLength: Math.max(1, frame.length), chunkSize: Math.max(64, frame.length) };
  const content = await decompress(stored, room).catch((cause: unknown) => {
    throw new DamagedBlob(`the frame at byte ${frame.offset} does not decode`, { cause });
  });
  if (content.length !== frame.length) throw new DamagedBlob(`the frame at byte ${frame.offset} has another length`);
  return content;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new DamagedBlob('the file is shorter than its frame index says');
    done += bytesRead;
  }
  return bytes;
}
