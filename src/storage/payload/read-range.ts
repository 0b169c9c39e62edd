import { type Compression, compressionOf, isDamage, type PayloadLayer } from './layer.ts';
import { decodePayload } from './decode.ts';

/** The part of a blob store that is needed to read payloads. */
interface Blobs {
  read(bucket: string, sha256: string): AsyncIterable<Uint8Array>;
  readAll(bucket: string, sha256: string, range?: ByteRange): Promise<Buffer>;
}

interface ByteRange {
  start: number;
  end: number;
}

/**
 * A range of what a payload holds: the place that records and quarantine rows name. Of a compressed payload everything before it is decoded too;
 * where it is damaged there are fewer bytes. Errors: those of the blob store.
 */
export async function readPayloadRange(
  blobs: Blobs,
  { bucket, sha256 }: { bucket: string; sha256: string },
  layer: PayloadLayer,
  { start, end }: ByteRange,
): Promise<{ bytes: Buffer; compression: Compression | undefined }> {
  const compression = await compressionAt(blobs, bucket, sha256, layer);
  if (end <= start) return { bytes: Buffer.alloc(0), compression };
  if (compression === undefined) return { bytes: await blobs.readAll(bucket, sha256, { start, end }), compression };
  const parts: Buffer[] = [];
  let at = 0;
  for await (const piece of decodePayload(() => blobs.read(bucket, sha256), layer)) {
    if (typeof piece === 'symbol' || isDamage(piece)) continue;
    if (at + piece.length > start) parts.push(piece.subarray(Math.max(0, start - at), end - at));
    at += piece.length;
    if (at >= end) break;
  }
  return { bytes: Buffer.concat(parts), compression };
}

async function compressionAt(
  blobs: Blobs,
  bucket: string,
  sha256: string,
  { compression }: PayloadLayer,
): Promise<Compression | undefined> {
  if (compression === 'none') return undefined;
  if (compression !== 'auto') return compression;
  return compressionOf(await blobs.readAll(bucket, sha256, { start: 0, end: 4 }));
}
