/**
 * Payloads whose time is up. First their references expire, with a ledger entry each; from then on nobody reads or replays them. Then the bytes go, when no
 * other reference lives, of whatever source and tenant, and nobody has put the same bytes for longer than a capture can take to be recorded.
 */
import type { Audit } from '#audit';
import type { SourceState } from '#connector-hub';
import { isoMs, type Clock } from '#kit';
import type { BlobStore, Relational, Sql } from '#storage';
import { expireTables, removeTables } from './expire-tables.ts';
import { serviceActor } from './ledger.ts';
import { rawRefColumns, type RawRefRow } from './rows.ts';

export interface PayloadDeps {
  relational: Relational;
  audit: Audit;
  blobs: BlobStore;
  clock: Clock;
}

export interface PayloadExpiry {
  tenantId: string;
  sourceId: string;
  beforeMs: number;
  /** Open quarantine rows found before this are about to be given up, and need no payload. */
  rowsBeforeMs: number | undefined;
}

export interface PayloadsExpired {
  payloads: number;
  bytes: number;
  kept: number;
  busy: boolean;
}

const refsPerTransaction = 200;
const blobsPerPass = 500;
/** No attempt of a job lives as long (queue.ts): what it has put is recorded by then, or never will be. */
const graceMs = 24 * 3_600_000;

const old = `f.tenant_id = $1 and f.source_id = $2 and f.expired_at is null and f.captured_at < $3::timestamptz`;
const needed = `exists (select 1 from quarantine q where q.tenant_id = f.tenant_id and q.source_id = f.source_id and q.raw_sha256 = f.sha256
  and q.state = 'open' and ($4::timestamptz is null or q.created_at >= $4::timestamptz))`;

function paramsOf({ tenantId, sourceId, beforeMs, rowsBeforeMs }: PayloadExpiry): (string | null)[] {
  return [tenantId, sourceId, isoMs(beforeMs), rowsBeforeMs === undefined ? null : isoMs(rowsBeforeMs)];
}

/** What `expirePayloads` would come to now. */
export async function countOldPayloads(sql: Sql, scope: PayloadExpiry): Promise<PayloadsExpired> {
  const [row] = await sql.query<{ payloads: number; bytes: string; kept: number; busy: boolean }>(
    `select count(*) filter (where not needed)::int as payloads, coalesce(sum(size) filter (where not needed), 0)::text as bytes,
       count(*) filter (where needed)::int as kept,
       exists (select 1 from run where tenant_id = $1 and source_id = $2 and state in ('queued', 'running')) as busy
     from (select f.size, ${needed} as needed from raw_ref f where ${old}) f`,
    paramsOf(scope),
  );
  return { ...row!, bytes: Number(row!.bytes) };
}

/** While a run of the source is under way nothing expires: it may be reading, or about to replay, what would go. */
export async function expirePayloads(deps: PayloadDeps, scope: PayloadExpiry): Promise<PayloadsExpired> {
  const result = { payloads: 0, bytes: 0 };
  for (;;) {
    const refs = await deps.relational.transaction((tx) => expireSome(deps, tx, scope));
    for (const { size } of refs ?? []) result.bytes += Number(size);
    result.payloads += refs?.length ?? 0;
    if (refs !== undefined && refs.length === refsPerTransaction) continue;
    await removeBytes(deps, scope);
    await removeTables(deps, scope);
    const { kept } = await countOldPayloads(deps.relational, scope);
    return { ...result, kept, busy: refs === undefined };
  }
}

/** Undefined when a run is under way. A run is asked for under the same lock of its source, so none begins meanwhile. */
async function expireSome(deps: PayloadDeps, tx: Sql, scope: PayloadExpiry): Promise<RawRefRow[] | undefined> {
  const { tenantId, sourceId, beforeMs } = scope;
  await tx.query(
    `select 1 from document where tenant_id = $1 and kind = 'source' and document_id = $2 and active for update`,
    [tenantId, sourceId],
  );
  const refs = await tx.query<RawRefRow>(
    `select ${rawRefColumns.replace('run_id', 'run_id::text as run_id')} from raw_ref f where ${old} and not ${needed}
     order by captured_at limit ${refsPerTransaction}`,
    paramsOf(scope),
  );
  if (refs.length === 0) return [];
  const busy = await tx.query(
    `select 1 from run where tenant_id = $1 and source_id = $2 and state in ('queued', 'running') limit 1`,
    [tenantId, sourceId],
  );
  if (busy.length > 0) return undefined;
  const places = [refs.map((ref) => ref.run_id), refs.map((ref) => ref.page)];
  await tx.execute(
    `update raw_ref f set expired_at = $1::timestamptz from unnest($2::uuid[], $3::int[]) as gone (run_id, page)
     where f.run_id = gone.run_id and f.page = gone.page`,
    [isoMs(deps.clock.now()), ...places],
  );
  await forget(tx, scope, refs);
  await expireTables(tx, scope, [...new Set(refs.map((ref) => ref.sha256))], deps.clock.now());
  await deps.audit.append(
    refs.map(({ run_id, page, sha256, size, captured_at }) => ({
      tenantId,
      actor: serviceActor,
      action: 'payload.expired',
      resource: `raw:${sha256}`,
      outcome: 'succeeded' as const,
      runId: run_id,
      details: { source_id: sourceId, sha256, size: Number(size), page, captured_at, before: isoMs(beforeMs) },
      dedupeKey: `payload.expired:${run_id}:${page}`,
    })),
    tx,
  );
  return refs;
}

/** The connector must not be told "unchanged" by an upstream about what is gone: it fetches that anew. */
async function forget(tx: Sql, { tenantId, sourceId }: PayloadExpiry, refs: readonly RawRefRow[]): Promise<void> {
  const [row] = await tx.query<{ state: SourceState }>(
    'select state from source_state where tenant_id = $1 and source_id = $2 for update',
    [tenantId, sourceId],
  );
  if (row === undefined) return;
  const gone = new Set(refs.map((ref) => `${ref.run_id} ${ref.page}`));
  const requests = Object.entries(row.state.requests ?? {}).filter(
    ([, { raw }]) => !gone.has(`${raw.run_id} ${raw.page}`),
  );
  await tx.execute('update source_state set state = $3 where tenant_id = $1 and source_id = $2', [
    tenantId,
    sourceId,
    JSON.stringify({ ...row.state, requests: Object.fromEntries(requests) }),
  ]);
}

async function removeBytes(deps: PayloadDeps, { tenantId, sourceId }: PayloadExpiry): Promise<void> {
  const { relational, blobs, clock } = deps;
  let after = '';
  for (;;) {
    const found = await relational.query<{ bucket: string; sha256: string; lives: boolean }>(
      `select f.bucket, f.sha256,
         exists (select 1 from raw_ref o where o.sha256 = f.sha256 and o.bucket = f.bucket and o.expired_at is null) as lives
       from raw_ref f where f.tenant_id = $1 and f.source_id = $2 and f.expired_at is not null and f.removed_at is null and f.sha256 > $3
       group by f.bucket, f.sha256 order by f.sha256 limit ${blobsPerPass}`,
      [tenantId, sourceId, after],
    );
    for (const { bucket, sha256, lives } of found) {
      const now = clock.now();
      if (!lives && !(await blobs.delete(bucket, sha256, { unlessPutSince: now - graceMs }))) continue;
      await relational.execute(
        `update raw_ref set removed_at = $5::timestamptz where tenant_id = $1 and source_id = $2 and sha256 = $3 and bucket = $4
           and expired_at is not null and removed_at is null`,
        [tenantId, sourceId, sha256, bucket, isoMs(now)],
      );
    }
    if (found.length < blobsPerPass) return;
    after = found.at(-1)!.sha256;
  }
}
