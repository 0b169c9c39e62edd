import type { Relational, Row, Sql } from '#storage';
import type { KeyInfo, Principal, Role } from './index.ts';

interface KeyRow extends Row {
  key_id: string;
  tenant_id: string;
  name: string;
  role: Role;
  created_at: string;
  revoked_at: string | null;
}

const columns = 'key_id, tenant_id, name, role, created_at, revoked_at';

/** Adds a key; only the digest of its secret is stored. */
export async function insertKey(tx: Sql, tenantId: string, key: KeyInfo, secretHash: string): Promise<void> {
  await tx.execute(
    'insert into api_key (key_id, tenant_id, name, role, secret_hash, created_at) values ($1, $2, $3, $4, $5, $6)',
    [key.keyId, tenantId, key.name, key.role, secretHash, key.createdAt],
  );
}

/** The live key whose secret has this digest. */
export async function findLiveKey(
  relational: Relational,
  secretHash: string,
): Promise<{ principal: Principal; secretHash: string } | undefined> {
  const [row] = await relational.query<KeyRow & { secret_hash: string }>(
    `select ${columns}, secret_hash from api_key where secret_hash = $1 and revoked_at is null`,
    [secretHash],
  );
  if (row === undefined) return undefined;
  const principal = { tenantId: row.tenant_id, keyId: row.key_id, name: row.name, role: row.role };
  return { principal, secretHash: row.secret_hash };
}

/** Marks the key revoked: `gone` when this call did it, `already` when an earlier one did, `unknown` when there is none. */
export async function markRevoked(
  tx: Sql,
  tenantId: string,
  keyId: string,
  at: string,
): Promise<'gone' | 'already' | 'unknown'> {
  const changed = await tx.execute(
    'update api_key set revoked_at = $3 where tenant_id = $1 and key_id = $2 and revoked_at is null',
    [tenantId, keyId, at],
  );
  if (changed > 0) return 'gone';
  const rows = await tx.query('select 1 from api_key where tenant_id = $1 and key_id = $2', [tenantId, keyId]);
  return rows.length > 0 ? 'already' : 'unknown';
}

/** The tenant's keys, oldest first. */
export async function selectKeys(relational: Relational, tenantId: string): Promise<KeyInfo[]> {
  const rows = await relational.query<KeyRow>(
    `select ${columns} from api_key where tenant_id = $1 order by created_at, key_id`,
    [tenantId],
  );
  return rows.map((row) => ({
    keyId: row.key_id,
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    revokedAt: row.revoked_at ?? undefined,
  }));
}
