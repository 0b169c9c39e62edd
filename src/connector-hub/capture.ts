/** From an answer's body to a durable blob: decoded, counted, streamed; kept in memory only when asked. */
import type { RawRef } from '#contracts';
import { ChartlyError, isoMs } from '#kit';
import type { BlobStore } from '#storage';
import { contentTypeOfPath } from './content-type.ts';
import { decodeBody } from './decode.ts';
import type { Answer } from './http-call.ts';
import type { FetchTask } from './index.ts';

/** The bucket of payloads. */
export const rawBucket = 'raw';

/** Which page of which task a payload is. */
export interface PageIdentity {
  task: FetchTask;
  page: number;
  requestKey: string;
  url: URL;
}

/**
 * Stores the body without its content codings, and says where it is once it is durable. `maxBytes` counts decoded bytes.
 * `keepBody` gives the bytes as well. Errors: `upstream_too_large`, what the body throws, and the blob store's own.
 */
export async function captureAnswer(
  blobs: BlobStore,
  answer: Answer,
  identity: PageIdentity,
  { maxBytes, keepBody }: { maxBytes: number; keepBody: boolean },
): Promise<{ raw: RawRef; body: Buffer }> {
  const encoding = answer.header('content-encoding') ?? '';
  const kept: Uint8Array[] = [];
  // Without a content coding the announced length is the decoded one: no need to read to know.
  if (encoding === '' && Number(answer.header('content-length') ?? 0) > maxBytes)
    throw tooLarge(answer.domain, maxBytes);
  const counted = capBytes(decodeBody(answer.body, encoding), maxBytes, () => tooLarge(answer.domain, maxBytes));
  const body = keepBody ? tee(counted, kept) : counted;
  const { task, url } = identity;
  const contentType = task.source.content_type ?? answer.header('content-type') ?? contentTypeOfPath(url.pathname);
  const raw = await storePayload(blobs, body, identity, { contentType, at: answer.at, signal: answer.signal });
  return { raw, body: Buffer.concat(kept) };
}

/** Stores a payload and makes its reference. */
export async function storePayload(
  blobs: BlobStore,
  body: AsyncIterable<Uint8Array>,
  { task, page, requestKey }: Omit<PageIdentity, 'url'>,
  { contentType, at, signal }: { contentType: string; at: number; signal: AbortSignal },
): Promise<RawRef> {
  const { bucket, key, sha256, size } = await blobs.put(rawBucket, body, { signal });
  return {
    tenant_id: task.tenantId,
    source_id: task.source.source,
    run_id: task.runId,
    bucket,
    key,
    sha256,
    content_type: contentType.slice(0, 256),
    size,
    captured_at: isoMs(at),
    request_key: requestKey,
    page,
  };
}

/** Passes bytes on until there are too many. */
export async function* capBytes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  error: () => ChartlyError,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw error();
    yield chunk;
  }
}

async function* tee(body: AsyncIterable<Uint8Array>, kept: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    kept.push(chunk);
    yield chunk;
  }
}

/** The error for a payload beyond its cap. */
export function tooLarge(where: string, maxBytes: number): ChartlyError {
  return new ChartlyError(
    'upstream_too_large',
    `The payload of ${where} is larger than ${maxBytes} bytes when decoded.`,
  );
}
