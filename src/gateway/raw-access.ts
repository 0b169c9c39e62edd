import type { Auth, Principal } from '#auth';
import { ChartlyError } from '#kit';
import type { Sql } from '#storage';

/** Payloads hold what a policy keeps out of records: whoever only reads may not see those of sources whose profile has one. */
export async function maySeePayload(
  { auth, relational }: { auth: Auth; relational: Sql },
  principal: Principal,
  sha256: string,
): Promise<boolean> {
  if (canOperate(auth, principal)) return true;
  const guarded = await relational.query(
    `select 1 from raw_ref f
     join document s on s.tenant_id = f.tenant_id and s.kind = 'source' and s.document_id = f.source_id and s.active
     join document p on p.tenant_id = f.tenant_id and p.kind = 'profile' and p.document_id = s.spec->>'profile' and p.active
     where f.tenant_id = $1 and f.sha256 = $2 and p.spec->'policy' is not null limit 1`,
    [principal.tenantId, sha256],
  );
  return guarded.length === 0;
}

function canOperate(auth: Auth, principal: Principal): boolean {
  try {
    auth.authorize(principal, 'operate');
    return true;
  } catch (error) {
    if (error instanceof ChartlyError && error.code === 'forbidden') return false;
    throw error;
  }
}
