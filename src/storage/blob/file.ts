import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, stat, statfs, utimes, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ChartlyError, sha256Hex } from '#kit';
import { asReadError, asWriteError, diskFull, notFound } from './blob-errors.ts';
import { DamagedBlob, readFrames, readIndex } from './frame-reader.ts';
import { cutFrames, frameLength, gatherFrames, writeFrames } from './frame-writer.ts';
import type { BlobInfo, BlobStore, ByteRange, PutOptions } from './port.ts';
import { createDirectorySync } from './sync-directory.ts';
import { createTemporaryFiles } from './temporary-files.ts';
import { createTurns } from './turns.ts';

const leastFreeBytes = 16 * 1024 * 1024;
const isDigest = /^[0-9a-f]{64}$/;
const isBucket = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * Blobs as files: `<dir>/<bucket>/ab/cd/<sha256>.zst`, each in one piece, compressed in frames (see frame-index.ts).
 * The directory belongs to this process alone.
 */
export function createFileBlobStore(deps: { dir: string }): BlobStore {
  const temporary = createTemporaryFiles(join(deps.dir, 'tmp'));
  const syncDirectory = createDirectorySync();
  const alone = createTurns();
  const pathOf = (bucket: string, sha256: string): string => join(deps.dir, bucket, `${keyOf(sha256)}.zst`);

  /** Makes the entry of a finished file durable: the file itself was synced before. */
  async function publish(from: string, to: string): Promise<void> {
    const directory = dirname(to);
    const made = await mkdir(directory, { recursive: true });
    await rename(from, to);
    await syncDirectory(directory);
    if (made === undefined) return;
    for (let at = directory; at.length >= made.length; at = dirname(at)) await syncDirectory(dirname(at));
  }

  /** Says that a file is wanted from now on. False when it is not there. */
  async function renewed(path: string): Promise<boolean> {
    const now = Date.now() / 1000;
    if (!(await exists(path))) return false;
    await utimes(path, now, now);
    // Whoever wrote it may not have made its entry durable yet.
    await syncDirectory(dirname(path));
    return true;
  }

  async function write(bucket: string, frames: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    return temporary.use(async (file, path) => {
      const { sha256, size } = await writeFrames(file, frames);
      const target = pathOf(bucket, sha256);
      await alone(target, async () => {
        if (await renewed(target)) return;
        await file.sync();
        await publish(path, target);
      });
      return { bucket, key: keyOf(sha256), sha256, size };
    });
  }

  /** Undefined when this content is not stored yet. */
  async function storedAlready(bucket: string, content: Uint8Array): Promise<BlobInfo | undefined> {
    const sha256 = sha256Hex(content);
    const target = pathOf(bucket, sha256);
    const known = await alone(target, () => renewed(target));
    return known ? { bucket, key: keyOf(sha256), sha256, size: content.length } : undefined;
  }

  async function store(bucket: string, frames: AsyncGenerator<Uint8Array>): Promise<BlobInfo> {
    // Content of one frame has its name before anything is written: when it is stored already, nothing is.
    const held: Uint8Array[] = [];
    while (held.length < 2) {
      const step = await frames.next();
      if (step.done === true) break;
      held.push(step.value);
      if (step.value.length < frameLength) break;
    }
    const known = held.length < 2 ? await storedAlready(bucket, held[0] ?? Buffer.alloc(0)) : undefined;
    return known ?? (await write(bucket, prepend(held, frames)));
  }

  /** Opens a blob for reading; a name that cannot be one is simply not there. */
  async function withBlob<T>(bucket: string, sha256: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await openBlob(bucket, sha256);
    try {
      return await use(file);
    } catch (error) {
      throw asReadError(error, bucket, sha256);
    } finally {
      await file.close();
    }
  }

  async function openBlob(bucket: string, sha256: string): Promise<FileHandle> {
    if (!isDigest.test(sha256) || !isBucket.test(bucket)) throw notFound(bucket, sha256);
    try {
      return await open(pathOf(bucket, sha256), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(bucket, sha256);
      throw asReadError(error, bucket, sha256);
    }
  }

  async function* read(bucket: string, sha256: string, range?: ByteRange): AsyncGenerator<Buffer> {
    const file = await openBlob(bucket, sha256);
    try {
      const index = await readIndex(file);
      yield* readFrames(file, index, Math.max(0, range?.start ?? 0), Math.min(index.size, range?.end ?? index.size));
    } catch (error) {
      throw asReadError(error, bucket, sha256);
    } finally {
      await file.close();
    }
  }

  return {
    async put(bucket, body, options = {}) {
      if (!isBucket.test(bucket)) throw new ChartlyError('internal', 'This cannot be the name of a bucket.');
      const guarded = guardBody(body, options);
      const frames = guarded.frames();
      try {
        return await store(bucket, frames);
      } catch (error) {
        throw guarded.failed(error) ? error : asWriteError(error);
      } finally {
        await frames.return(undefined);
      }
    },
    read,
    async readAll(bucket, sha256, range) {
      const parts: Buffer[] = [];
      for await (const part of read(bucket, sha256, range)) parts.push(part);
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    async stat(bucket, sha256) {
      try {
        const { size } = await withBlob(bucket, sha256, readIndex);
        return { bucket, key: keyOf(sha256), sha256, size };
      } catch (error) {
        if (error instanceof ChartlyError && error.code === 'not_found') return undefined;
        throw error;
      }
    },
    verify: async (bucket, sha256) => withBlob(bucket, sha256, async (file) => (await digestOf(file)) === sha256),
    async delete(bucket, sha256, { unlessPutSince }) {
      if (!isDigest.test(sha256) || !isBucket.test(bucket)) return true;
      const path = pathOf(bucket, sha256);
      try {
        return await alone(path, async () => {
          if (!(await exists(path))) return true;
          if ((await stat(path)).mtimeMs >= unlessPutSince) return false;
          await rm(path);
          await syncDirectory(dirname(path));
          return true;
        });
      } catch (error) {
        throw asWriteError(error);
      }
    },
    async health() {
      try {
        await temporary.use(async (file) => {
          await file.write('ok');
          await file.sync();
        });
        const { bavail, bsize } = await statfs(deps.dir);
        if (bavail * bsize < leastFreeBytes) throw diskFull(undefined);
      } catch (error) {
        throw asWriteError(error);
      }
    },
  };
}

/** Relative to the bucket: fanned out, since directories with very many files are slow. */
function keyOf(sha256: string): string {
  return `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function* prepend(held: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* held;
  yield* rest;
}

/** Digest of the content; undefined when the stored form is damaged anywhere, or names another digest itself. */
async function digestOf(file: FileHandle): Promise<string | undefined> {
  try {
    const index = await readIndex(file);
    const digest = createHash('sha256');
    for await (const part of readFrames(file, index, 0, index.size)) digest.update(part);
    const found = digest.digest('hex');
    return found === index.sha256 ? found : undefined;
  } catch (error) {
    if (error instanceof DamagedBlob) return undefined;
    throw error;
  }
}

interface GuardedBody {
  frames(): AsyncGenerator<Uint8Array>;
  /** Whether this error came out of the body, and is not the store's own. */
  failed(error: unknown): boolean;
}

/** The body under its cap and its signal. */
function guardBody(body: AsyncIterable<Uint8Array> | Uint8Array, options: PutOptions): GuardedBody {
  let failure: { error: unknown } | undefined;

  function check(size: number): void {
    options.signal?.throwIfAborted();
    if (options.maxBytes !== undefined && size > options.maxBytes) {
      throw new ChartlyError('upstream_too_large', `The payload is larger than its cap of ${options.maxBytes} bytes.`);
    }
  }

  async function* checked(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let size = 0;
    try {
      for await (const chunk of stream) {
        size += chunk.length;
        check(size);
        yield chunk;
      }
    } catch (error) {
      failure = { error };
      throw error;
    }
  }

  return {
    async *frames() {
      if (!(body instanceof Uint8Array)) return yield* gatherFrames(checked(body));
      try {
        check(body.length);
      } catch (error) {
        failure = { error };
        throw error;
      }
      yield* cutFrames(body);
    },
    failed: (error) => failure?.error === error && failure !== undefined,
  };
}
