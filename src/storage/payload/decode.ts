import { Budget } from './budget.ts';
import { ByteSource } from './byte-source.ts';
import { gunzip } from './gzip.ts';
import {
  type Compression,
  compressionOf,
  type DecodedPiece,
  foreignCompression,
  isTar,
  type PayloadDamage,
  type PayloadLayer,
  tellingBytes,
} from './layer.ts';
import { unzip, zipFiles } from './zip.ts';
import { unzstd } from './zstd.ts';

type Open = () => AsyncIterable<Uint8Array>;

/**
 * The bytes of a payload without its compression, streamed: a function of its bytes and the layer, however it is cut. Damage is a piece, never an
 * error: what could be read before it stands. Unless it is closed early, it reads the whole of what `open` gives first, so that a digest can be taken there;
 * of a zip archive `open` is asked twice. Memory does not grow with the payload. Errors: what `open` throws.
 */
export async function* decodePayload(open: Open, layer: PayloadLayer): AsyncGenerator<DecodedPiece, void, undefined> {
  const source = new ByteSource(open());
  try {
    const compression = await compressionIn(source, layer);
    const foreign = layer.compression === 'auto' ? foreignCompression(await source.peek(tellingBytes)) : undefined;
    if (foreign !== undefined) yield unread(`is compressed as ${foreign}`);
    else if (compression === undefined) yield* source.rest();
    else if (compression === 'zip') yield* unzip(source, open, layer, new Budget(layer));
    else yield* untarred((compression === 'gzip' ? gunzip : unzstd)(source, new Budget(layer)), layer);
    for await (const _ of source.rest());
  } finally {
    await source.close();
  }
}

function unread(what: string): PayloadDamage {
  return { reason: 'archive_unreadable', message: `The payload ${what}, which is not read: gzip, zstd and zip are.` };
}

/** Files in a tar archive are not told apart, and what it holds between them is no data. */
async function* untarred(
  pieces: AsyncGenerator<DecodedPiece, void, undefined>,
  { compression }: PayloadLayer,
): AsyncGenerator<DecodedPiece, void, undefined> {
  let first = compression === 'auto';
  for await (const piece of pieces) {
    if (first && Buffer.isBuffer(piece) && isTar(piece)) {
      yield unread('is a compressed tar archive');
      return;
    }
    first = false;
    yield piece;
  }
}

/** The decoded bytes of the first file, up to the first damage. */
export async function* decodedBytes(open: Open, layer: PayloadLayer): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of decodePayload(open, layer)) {
    if (!Buffer.isBuffer(piece)) return;
    yield piece;
  }
}

/** Names and sizes of the data files of a payload that is a zip archive; undefined when it is none, or cannot be read. */
export async function archiveFiles(open: Open): Promise<{ name: string; size: number }[] | undefined> {
  const source = new ByteSource(open());
  try {
    return compressionOf(await source.peek(4)) === 'zip' ? await zipFiles(source) : undefined;
  } finally {
    await source.close();
  }
}

/** How a payload is compressed, as the layer says or, asked for that, its first bytes. */
async function compressionIn(source: ByteSource, { compression }: PayloadLayer): Promise<Compression | undefined> {
  if (compression === 'none') return undefined;
  const head = await source.peek(4);
  if (compression === 'auto') return compressionOf(head);
  // Without a byte it is an empty payload, whatever it was to be.
  return head.length === 0 ? undefined : compression;
}
