import { closeSync, mkdtempSync, openSync, readSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChartlyError } from '#kit';
import type { Source } from './parquet/footer.ts';

/** Up to this size the bytes stay in memory. */
const memoryBytes = 8 << 20;

export type { Source };

/** A part of a source as a source of its own. */
export function part(source: Source, from: number, to: number): Source {
  if (from === 0 && to === source.size) return source;
  return {
    size: to - from,
    read(start, end) {
      if (!(start >= 0 && end >= start && end <= to - from)) throw new RangeError('behind the end of the file');
      return source.read(from + start, from + end);
    },
  };
}

/**
 * A payload that comes as a stream, to be read at any place once it is whole. What does not fit in memory goes to a file in the
 * system's temporary directory (TMPDIR) that has no name any more, so that nothing is left behind whatever ends the process.
 */
export interface Spool extends Source {
  /** Errors: `disk_full`, `storage_unavailable`. */
  write(chunk: Buffer): void;
  close(): void;
}

export function createSpool(inMemory = memoryBytes): Spool {
  let parts: Buffer[] = [];
  let file: number | undefined;

  function toFile(): number {
    if (file !== undefined) return file;
    file = openUnnamed();
    for (const part of parts) writeAll(file, part);
    parts = [];
    return file;
  }

  const spool: Spool = {
    size: 0,
    write(chunk) {
      spool.size += chunk.length;
      if (file === undefined && spool.size <= inMemory) parts.push(chunk);
      else stored(() => writeAll(toFile(), chunk));
    },
    read(start, end) {
      if (!(start >= 0 && end >= start && end <= spool.size)) throw new RangeError('behind the end of the payload');
      const { length } = parts;
      if (length > 1) parts = [Buffer.concat(parts)];
      const fd = file;
      if (fd === undefined) return (parts[0] ?? Buffer.alloc(0)).subarray(start, end);
      return stored(() => readAll(fd, start, end));
    },
    close() {
      parts = [];
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
  return spool;
}

function openUnnamed(): number {
  const directory = mkdtempSync(join(tmpdir(), 'chartly-'));
  const path = join(directory, 'payload');
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } finally {
    rmdirSync(directory);
  }
}

function writeAll(fd: number, chunk: Buffer): void {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
}

function readAll(fd: number, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  for (let at = 0; at < bytes.length;) {
    const read = readSync(fd, bytes, at, bytes.length - at, start + at);
    if (read === 0) throw new RangeError('behind the end of the payload');
    at += read;
  }
  return bytes;
}

function stored<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined || cause instanceof RangeError) throw cause;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new ChartlyError(
      full ? 'disk_full' : 'storage_unavailable',
      full ? 'The temporary directory is full.' : `The temporary directory cannot be used (${code}).`,
      { cause, action: 'Let TMPDIR name a directory with room for the largest payload.' },
    );
  }
}
