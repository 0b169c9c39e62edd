import { ChartlyError } from '#kit';
import { findArtifact, findPayload } from './artifact-store.ts';
import type { GatewayDeps } from './deps.ts';
import { Download, endpoint, type Endpoint } from './endpoint.ts';
import { shaped } from './parameters.ts';
import { maySeePayload } from './raw-access.ts';

const blob = { sha256: shaped('sha256', 'SHA-256 of the content') };

export function artifactRoutes(deps: GatewayDeps): Endpoint[] {
  const { relational, blobs } = deps;

  async function sizeOf(bucket: string, sha256: string): Promise<number> {
    const info = await blobs.stat(bucket, sha256);
    if (info === undefined) throw new ChartlyError('not_found', 'The stored bytes are gone.');
    return info.size;
  }

  return [
    endpoint('getArtifact', {
      method: 'GET',
      path: '/v1/artifacts/{sha256}',
      tag: 'artifacts',
      summary: 'A rendering, as it was made',
      action: 'read',
      params: blob,
      response: { description: 'The bytes', media: ['application/octet-stream'] },
      handler: async ({ tenantId, params: { sha256 } }) => {
        const { contentType } = await findArtifact(relational, tenantId, sha256);
        const size = await sizeOf('artifacts', sha256);
        return new Download({
          body: blobs.read('artifacts', sha256),
          contentType,
          size,
          headers: { etag: `"${sha256}"` },
        });
      },
    }),
    endpoint('getManifest', {
      method: 'GET',
      path: '/v1/artifacts/{sha256}/manifest',
      tag: 'artifacts',
      summary: 'What a rendering rests on',
      action: 'read',
      params: blob,
      response: { description: 'The manifest', contract: 'reports/manifest' },
      handler: async ({ tenantId, params }) => (await findArtifact(relational, tenantId, params.sha256)).manifest,
    }),
    endpoint('getRaw', {
      method: 'GET',
      path: '/v1/raw/{sha256}',
      tag: 'artifacts',
      summary: 'A payload, byte for byte as captured; always as a download',
      action: 'read',
      params: blob,
      response: { description: 'The bytes', media: ['application/octet-stream'] },
      handler: async ({ principal, tenantId, params: { sha256 } }) => {
        const { bucket, contentType } = await findPayload(relational, tenantId, sha256);
        if (!(await maySeePayload(deps, principal, sha256)))
          throw new ChartlyError(
            'forbidden',
            'The payload is of a source with a policy: its bytes need the role operator.',
          );
        const size = await sizeOf(bucket, sha256);
        return new Download({
          body: blobs.read(bucket, sha256),
          // An upstream chose this type: it is told, never acted upon.
          contentType: 'application/octet-stream',
          size,
          headers: {
            etag: `"${sha256}"`,
            'x-chartly-content-type': contentType.replaceAll(/[^\x20-\x7e]/g, ''),
            'content-disposition': `attachment; filename="${sha256}.bin"`,
            'content-security-policy': "sandbox; default-src 'none'",
          },
        });
      },
    }),
  ];
}
