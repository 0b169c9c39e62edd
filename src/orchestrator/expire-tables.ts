/** Entities that payloads were mapped with, once the payloads have expired: nothing is mapped with them again, and they may hold what has been removed elsewhere. */
import { isoMs, type Clock } from '#kit';
import type { BlobStore, Relational, Sql } from '#storage';

interface TableDeps {
  relational: Relational;
  blobs: BlobStore;
  clock: Clock;
}

interface Scope {
  tenantId: string;
  sourceId: string;
}

/** As of payloads: an attempt that is under way may have put the same bytes, and not yet said so. */
const graceMs = 24 * 3_600_000;
const tablesPerPass = 500;

/** In the transaction that expires payloads: their tables expire with the last reference to the bytes that were mapped. */
export async function expireTables(
  tx: Sql,
  { tenantId, sourceId }: Scope,
  digests: readonly string[],
  nowMs: number,
): Promise<void> {
  await tx.execute(
    `update lookup_snapshot s set expired_at = $4::timestamptz
     where s.tenant_id = $1 and s.source_id = $2 and s.raw_sha256 = any($3::text[]) and s.expired_at is null
       and not exists (select 1 from raw_ref f where f.tenant_id = s.tenant_id and f.source_id = s.source_id and f.sha256 = s.raw_sha256 and f.expired_at is null)`,
    [tenantId, sourceId, digests, isoMs(nowMs)],
  );
}

/** Removes the bytes of expired tables that no payload and no profile names, of whatever source and tenant. */
export async function removeTables(
  { relational, blobs, clock }: TableDeps,
  { tenantId, sourceId }: Scope,
): Promise<void> {
  let after = '';
  for (;;) {
    const found = await relational.query<{ sha256: string; lives: boolean }>(
      `select s.sha256,
         exists (select 1 from lookup_snapshot o where o.sha256 = s.sha256 and o.expired_at is null)
         or exists (select 1 from document d where d.kind = 'profile' and d.spec->>'lookups' like '%' || s.sha256 || '%') as lives
       from lookup_snapshot s where s.tenant_id = $1 and s.source_id = $2 and s.expired_at is not null and s.removed_at is null and s.sha256 > $3
       group by s.sha256 order by s.sha256 limit ${tablesPerPass}`,
      [tenantId, sourceId, after],
    );
    for (const { sha256, lives } of found) {
      const now = clock.now();
      if (!lives && !(await blobs.delete('references', sha256, { unlessPutSince: now - graceMs }))) continue;
      await relational.execute(
        `update lookup_snapshot set removed_at = $4::timestamptz
         where tenant_id = $1 and source_id = $2 and sha256 = $3 and expired_at is not null and removed_at is null`,
        [tenantId, sourceId, sha256, isoMs(now)],
      );
    }
    if (found.length < tablesPerPass) return;
    after = found.at(-1)!.sha256;
  }
}
