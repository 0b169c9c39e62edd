/** What is known of a stored blob. `size` and `sha256` are of the content, not of its stored (compressed) form. */
export interface BlobInfo {
  bucket: string;
  /** A function of sha256: `ab/cd/abcd…`. */
  key: string;
  sha256: string;
  size: number;
}

export interface PutOptions {
  /** Cap on the content's bytes; beyond it the put fails with `upstream_too_large` and leaves nothing behind. */
  maxBytes?: number;
  signal?: AbortSignal;
}

/** Half-open range of content bytes, [start, end). */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * Immutable, content-addressed bytes. Buckets: `raw` (payloads), `batches` (leaf lists), `artifacts` (renderings).
 * Every method may be repeated; concurrent puts of the same content end as one blob.
 */
export interface BlobStore {
  /**
   * Streams content in and returns where it is. When this resolves, the bytes and their directory entry are durable
   * (fsync). A crash or an error before leaves no visible partial blob. Content that is stored already is not
   * written again, but counts as put now. Errors: `upstream_too_large`, `disk_full`, `storage_unavailable`; what the body throws is rethrown.
   */
  put(bucket: string, body: AsyncIterable<Uint8Array> | Uint8Array, options?: PutOptions): Promise<BlobInfo>;
  /** Content of a blob, streamed, whole or in part; memory does not grow with its size. Errors: `not_found`, `blob_corrupt` when the stored form does not decode. Does not check the digest: see `verify`. */
  read(bucket: string, sha256: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** The content as one buffer, for small blobs and ranges. Errors as `read`. */
  readAll(bucket: string, sha256: string, range?: ByteRange): Promise<Buffer>;
  /** Undefined when there is no such blob. */
  stat(bucket: string, sha256: string): Promise<BlobInfo | undefined>;
  /** True when the content's digest is the blob's name. False or `blob_corrupt`-free: corruption gives false, absence `not_found`. */
  verify(bucket: string, sha256: string): Promise<boolean>;
  /**
   * Removes a blob, unless it was put at or after `unlessPutSince` (milliseconds), for the first time or again: whoever did may not have recorded yet that it is
   * needed. Of a put and a delete of one blob one comes first, so what a put has resolved with is there. True when the blob is gone, also when it was not there.
   * Errors: `storage_unavailable`.
   */
  delete(bucket: string, sha256: string, options: { unlessPutSince: number }): Promise<boolean>;
  /** Throws `storage_unavailable` or `disk_full` when a write would fail now. */
  health(): Promise<void>;
}
