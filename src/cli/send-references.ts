import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Reference, ReferenceUpload } from '#contracts';
import { ChartlyError } from '#kit';
import type { ApiClient } from './client.ts';

const compress = promisify(gzip);
/** As the contract says. */
const maxText = 10_000_000;

export interface ReferenceContent {
  path: string;
  content: Buffer;
}

/** Sends what reference files hold, so that the profiles that name it can be used. Sending it again changes nothing. */
export async function sendReferences(
  api: Pick<ApiClient, 'post'>,
  references: readonly ReferenceContent[],
): Promise<void> {
  for (const { path, content } of references) {
    const text = (await compress(content)).toString('base64');
    if (text.length > maxText) {
      throw new ChartlyError(
        'payload_too_large',
        `${path} is too large to send: ${text.length} bytes once compressed.`,
        {
          action: 'Leave out the columns and rows that no rule looks up.',
        },
      );
    }
    const body: ReferenceUpload = { gzip_base64: text };
    await api.post<Reference>('/v1/references', body);
  }
}
