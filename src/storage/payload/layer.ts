import type { Profile, ReasonCode } from '#contracts';

/** How the bytes of a payload hold what its rows are read from, and how much of it is read; plain data. */
export interface PayloadLayer {
  compression: NonNullable<Profile['compression']>;
  /** Which files of a zip archive; undefined: the one that there is. */
  member: string | undefined;
  /** Bytes once decompressed. */
  maxBytes: number;
  /** Bytes once decompressed for each compressed byte; looked at beyond `ratioFloor`. */
  maxRatio: number;
}

export type Compression = 'gzip' | 'zstd' | 'zip';

/** What could not be read of a payload, or of a file of it. Says nothing of what the payload holds. */
export interface PayloadDamage {
  reason: ReasonCode;
  message: string;
}

/** Stands between two files of an archive. */
export const nextFile = Symbol('next file');

/** Decoded bytes; the end of a file and the start of another; or why the file under way ends here. */
export type DecodedPiece = Buffer | typeof nextFile | PayloadDamage;

export function isDamage(piece: DecodedPiece): piece is PayloadDamage {
  return typeof piece === 'object' && 'reason' in piece;
}

/** Small payloads compress as well as they like. */
export const ratioFloor = 16 << 20;

/** The layer that a profile declares; without a profile, what the payload's first bytes say. */
export function layerOf({
  format,
  compression,
  zip,
  limits,
}: Partial<Pick<Profile, 'format' | 'compression' | 'zip' | 'limits'>>): PayloadLayer {
  return {
    // A workbook is a zip archive itself.
    compression: compression ?? (format === 'xlsx' ? 'none' : 'auto'),
    member: zip?.member,
    maxBytes: limits?.decoded_bytes ?? 64 * 2 ** 30,
    maxRatio: limits?.decoded_ratio ?? 200,
  };
}

/** How bytes are compressed, as their first four say. No JSON, XML or table begins like that. */
export function compressionOf(head: Buffer): Compression | undefined {
  if (head.length < 3) return undefined;
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  if (head.length < 4) return undefined;
  const word = head.readUInt32LE(0);
  if (isZstd(word)) return 'zstd';
  // The first file of an archive, or the end of an empty one.
  return word === 0x04034b50 || word === 0x06054b50 ? 'zip' : undefined;
}

const notRead: [name: string, magic: Buffer][] = [
  ['bzip2', Buffer.from('425a68', 'hex')],
  ['xz', Buffer.from('fd377a585a00', 'hex')],
  ['7z', Buffer.from('377abcaf271c', 'hex')],
  ['RAR', Buffer.from('526172211a07', 'hex')],
];
const bzipBlock = Buffer.from('314159265359', 'hex');

/** How many first bytes tell a compression that is not read. */
export const tellingBytes = 10;

/** The name of a compression that is not read, as the first bytes say. */
export function foreignCompression(head: Buffer): string | undefined {
  const [name] = notRead.find(([, magic]) => head.subarray(0, magic.length).equals(magic)) ?? [];
  // Three letters alone may begin a text.
  return name === 'bzip2' && !head.subarray(4, 10).equals(bzipBlock) ? undefined : name;
}

/** The first bytes are those of a tar archive. */
export function isTar(head: Buffer): boolean {
  return head.toString('latin1', 257, 262) === 'ustar';
}

/** The first four bytes of a frame, or of one to be skipped. */
export function isZstd(word: number): boolean {
  return word === 0xfd2fb528 || (word & 0xfffffff0) >>> 0 === 0x184d2a50;
}
