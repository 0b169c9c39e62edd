import type { Profile } from '#contracts';
import { layerOf, type PayloadLayer } from './layer.ts';

interface Queries {
  query<T extends Record<string, unknown>>(text: string, params: string[]): Promise<T[]>;
}

/** The layer that a profile version reads payloads through; the default when the version is not known. */
export async function appliedLayer(
  relational: Queries,
  tenantId: string,
  { id, digest }: { id: string; digest: string },
): Promise<PayloadLayer> {
  const [row] = await relational.query<{ spec: Profile }>(
    `select spec from document where tenant_id = $1 and kind = 'profile' and document_id = $2 and digest = $3 limit 1`,
    [tenantId, id, digest],
  );
  return layerOf(row?.spec ?? {});
}
