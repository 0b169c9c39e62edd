import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ChartlyError } from '#kit';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';

const decompress = promisify(gunzip);
const maxBytes = 16 << 20;

export function referenceRoutes({ normalizer }: GatewayDeps): Endpoint[] {
  return [
    endpoint('storeReference', {
      method: 'POST',
      path: '/v1/references',
      tag: 'documents',
      summary: 'Store what a reference file holds, for profiles that look values up in it',
      action: 'operate',
      body: 'api/reference-upload',
      response: { description: 'The digest by which profiles name it', contract: 'api/reference' },
      writes: true,
      handler: async ({ body }) => normalizer.storeReference(await contentOf(body.gzip_base64)),
    }),
  ];
}

async function contentOf(text: string): Promise<Buffer> {
  try {
    return await decompress(Buffer.from(text, 'base64'), { maxOutputLength: maxBytes });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const message = tooLarge ? `must hold at most ${maxBytes >> 20} MiB` : 'must be gzip in base64';
    throw new ChartlyError('validation_failed', 'The reference file cannot be read.', {
      cause,
      details: [{ pointer: '/gzip_base64', message }],
    });
  }
}
