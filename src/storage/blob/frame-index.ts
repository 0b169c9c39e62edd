import { crc32 } from 'node:zlib';

/**
 * The end of a stored blob. A blob is a plain zstd file (`zstd -d` reads it): independent frames, then two skippable
 * frames. The first holds what proves the stored form: the content's digest, and a CRC-32 of every frame and of this
 * tail. The second is the seek table of the zstd seekable format, by which a byte range finds its frames.
 */
export interface FrameIndex {
  sha256: string;
  /** Bytes of content. */
  size: number;
  frames: Frame[];
}

export interface Frame {
  /** Where the frame begins in the file, and in the content. */
  offset: number;
  start: number;
  /** Bytes in the file, and of content. */
  stored: number;
  length: number;
  crc: number;
}

const proofMagic = 0x184d2a50;
const seekTableMagic = 0x184d2a5e;
const seekableMagic = 0x8f92eab1;
const header = 8;
const proofFixed = 32 + 8 + 4;
const footer = 9;

/** Bytes of the tail of a blob of so many frames. */
export function tailLength(frames: number): number {
  return header + proofFixed + 4 * frames + header + 8 * frames + footer;
}

/** How many frames a blob has, from the last nine bytes of its file; undefined when they are not a tail's. */
export function frameCount(lastBytes: Buffer): number | undefined {
  if (lastBytes.length < footer || lastBytes.readUInt32LE(lastBytes.length - 4) !== seekableMagic) return undefined;
  return lastBytes.readUInt32LE(lastBytes.length - footer);
}

export function encodeTail(index: FrameIndex): Buffer {
  const n = index.frames.length;
  const tail = Buffer.alloc(tailLength(n));
  let at = tail.writeUInt32LE(proofMagic, 0);
  at = tail.writeUInt32LE(proofFixed + 4 * n, at);
  at += tail.write(index.sha256, at, 'hex');
  at = tail.writeBigUInt64LE(BigInt(index.size), at);
  const crcAt = at;
  at += 4;
  for (const frame of index.frames) at = tail.writeUInt32LE(frame.crc, at);
  at = tail.writeUInt32LE(seekTableMagic, at);
  at = tail.writeUInt32LE(8 * n + footer, at);
  for (const frame of index.frames) {
    at = tail.writeUInt32LE(frame.stored, at);
    at = tail.writeUInt32LE(frame.length, at);
  }
  at = tail.writeUInt32LE(n, at);
  at = tail.writeUInt8(0, at);
  tail.writeUInt32LE(seekableMagic, at);
  tail.writeUInt32LE(crc32(tail), crcAt);
  return tail;
}

/** Undefined when any byte of the tail is not what was written, or when it does not fit a file of `fileSize` bytes. */
export function decodeTail(bytes: Buffer, fileSize: number): FrameIndex | undefined {
  const n = frameCount(bytes);
  if (n === undefined || bytes.length !== tailLength(n)) return undefined;
  const crcAt = header + 32 + 8;
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(0, crcAt);
  if (crc32(copy) !== bytes.readUInt32LE(crcAt)) return undefined;
  const index: FrameIndex = {
    sha256: bytes.toString('hex', header, header + 32),
    size: Number(bytes.readBigUInt64LE(header + 32)),
    frames: [],
  };
  let offset = 0;
  let start = 0;
  const crcs = header + proofFixed;
  const table = crcs + 4 * n + header;
  for (let i = 0; i < n; i++) {
    const stored = bytes.readUInt32LE(table + 8 * i);
    const length = bytes.readUInt32LE(table + 8 * i + 4);
    index.frames.push({ offset, start, stored, length, crc: bytes.readUInt32LE(crcs + 4 * i) });
    offset += stored;
    start += length;
  }
  return offset + bytes.length === fileSize && start === index.size ? index : undefined;
}
