import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Reference, ReferenceUpload } from '#contracts';
import type { ApiClient } from './client.ts';

const compress = promisify(gzip);

/** Sends what reference files hold, so that the profiles that name it can be used. Sending it again changes nothing. */
export async function sendReferences(
  api: Pick<ApiClient, 'post'>,
  references: readonly { content: Buffer }[],
): Promise<void> {
  for (const { content } of references) {
    const body: ReferenceUpload = { gzip_base64: (await compress(content)).toString('base64') };
    await api.post<Reference>('/v1/references', body);
  }
}
