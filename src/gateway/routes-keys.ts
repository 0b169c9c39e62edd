import type { KeyInfo } from '#auth';
import type { GatewayDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { shaped } from './parameters.ts';

const keyView = ({ keyId, name, role, createdAt, revokedAt }: KeyInfo) => ({
  key_id: keyId,
  name,
  role,
  created_at: createdAt,
  revoked_at: revokedAt,
});

export function keyRoutes({ auth }: GatewayDeps): Endpoint[] {
  return [
    endpoint('listKeys', {
      method: 'GET',
      path: '/v1/keys',
      tag: 'keys',
      summary: 'API keys, without their secrets',
      action: 'administer',
      response: { description: 'Every key', contract: 'api/key', list: true },
      handler: async ({ tenantId }) => ({ items: (await auth.listKeys(tenantId)).map(keyView) }),
    }),
    endpoint('createKey', {
      method: 'POST',
      path: '/v1/keys',
      tag: 'keys',
      summary: 'Make an API key; its secret is shown in this answer alone',
      action: 'administer',
      body: 'api/key-request',
      response: { status: 201, description: 'The key and its secret', contract: 'api/key-created' },
      writes: 'secret',
      handler: async ({ tenantId, context, body }) => {
        const { key, secret } = await auth.createKey(tenantId, context.actor, body);
        return { key: keyView(key), secret };
      },
    }),
    endpoint('revokeKey', {
      method: 'POST',
      path: '/v1/keys/{key_id}/revoke',
      tag: 'keys',
      summary: 'Revoke an API key; it is refused within 5 seconds',
      action: 'administer',
      params: { key_id: shaped('id', 'id of the key') },
      response: { description: 'The key as it stands now', contract: 'api/key' },
      writes: true,
      handler: async ({ tenantId, context, params }) => {
        await auth.revokeKey(tenantId, context.actor, params.key_id);
        const keys = await auth.listKeys(tenantId);
        return keyView(keys.find((key) => key.keyId === params.key_id)!);
      },
    }),
  ];
}
