import { crc32, createInflateRaw } from 'node:zlib';
import type { Budget } from './budget.ts';
import type { ByteSource } from './byte-source.ts';
import { decodedChunk, decompress } from './engine.ts';
import type { DecodedPiece, PayloadDamage } from './layer.ts';

const cut: PayloadDamage = { reason: 'truncated', message: 'The gzip data of the payload ends early.' };
const broken = (what: string): PayloadDamage => ({
  reason: 'parse_error',
  message: `The gzip data of the payload ${what}.`,
});

/** Gzip (RFC 1952), any number of members one after the other; zero bytes may follow. */
export async function* gunzip(source: ByteSource, budget: Budget): AsyncGenerator<DecodedPiece, void, undefined> {
  for (let members = 0; ; members++) {
    const start = await source.peek(2);
    if (start.length === 0 && members > 0) return;
    if (members > 0 && start[0] === 0) {
      for await (const chunk of source.rest()) {
        if (chunk.every((byte) => byte === 0)) continue;
        yield broken('goes on behind its end');
        return;
      }
      return;
    }
    const header = await passHeader(source);
    if (header !== undefined) {
      yield members > 0 && header !== cut ? broken('goes on behind its end') : header;
      return;
    }
    const body = decompress(source, createInflateRaw({ chunkSize: decodedChunk }));
    let crc = 0;
    let size = 0;
    let step = await body.next();
    for (; step.done !== true; step = await body.next()) {
      const piece = budget.admit(step.value, source.position);
      crc = crc32(piece, crc);
      size += piece.length;
      yield piece;
      if (budget.spent === undefined) continue;
      await body.return(undefined);
      yield budget.spent;
      return;
    }
    if (step.value !== undefined) {
      yield step.value === 'truncated' ? cut : broken('is damaged');
      return;
    }
    const trailer = await source.take(8);
    if (trailer.length < 8) yield cut;
    else if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== size % 2 ** 32)
      yield broken('does not match its checksum, so the rows before may be wrong');
    else continue;
    return;
  }
}

/** Passes over a member's header; gives what is wrong with it. */
async function passHeader(source: ByteSource): Promise<PayloadDamage | undefined> {
  const fixed = await source.take(10);
  const magic = Buffer.from([0x1f, 0x8b, 8]);
  if (!fixed.subarray(0, 3).equals(magic.subarray(0, fixed.length))) return broken('does not begin as gzip does');
  if (fixed.length < 10) return cut;
  const flags = fixed[3]!;
  if ((flags & 0xe0) !== 0) return broken('has flags that are not known');
  if ((flags & 4) !== 0) {
    const length = await source.take(2);
    if (length.length < 2 || !(await source.skip(length.readUInt16LE(0)))) return cut;
  }
  for (const flag of [8, 16]) if ((flags & flag) !== 0 && !(await passText(source))) return cut;
  if ((flags & 2) !== 0 && !(await source.skip(2))) return cut;
  return undefined;
}

/** A file name or comment: up to a zero byte. */
async function passText(source: ByteSource): Promise<boolean> {
  for (;;) {
    const part = await source.take(256);
    const end = part.indexOf(0);
    if (end >= 0) {
      source.unread(part.subarray(end + 1));
      return true;
    }
    if (part.length < 256) return false;
  }
}
