/** Which payloads of a source a replay is about. */
import type { RawRef, ReplayScope } from '#contracts';
import type { AppliedProfile } from '#normalizer';
import type { Sql } from '#storage';
import { rawRefColumns, toRawRef, type RawRefRow } from './rows.ts';

const columns = rawRefColumns
  .split(', ')
  .map((column) => (column === 'run_id' ? 'f.run_id::text as run_id' : `f.${column}`))
  .join(', ');

/**
 * The payloads in a fixed order, without those that have expired. Of the whole source: the newest capture of each request (request key and page), if it is in the range. An older
 * capture is left alone, as its rows, made anew under a newer version, would win over what was captured after it. That is why a
 * recovery, which has to take payloads as they are, takes the later captures of the same requests as well, unless the version has read them already since it became active.
 */
export async function replayPayloads(
  sql: Sql,
  source: { tenantId: string; sourceId: string },
  scope: ReplayScope,
  { digest, ordinal }: Pick<AppliedProfile, 'digest' | 'ordinal'>,
): Promise<RawRef[]> {
  const { tenantId, sourceId } = source;
  const rows =
    scope.quarantined === undefined
      ? await sql.query<RawRefRow>(
          `select ${columns} from (
             select distinct on (request_key, page) * from raw_ref where tenant_id = $1 and source_id = $2
             order by request_key, page, captured_at desc, run_id desc
           ) f
           where f.expired_at is null and ($3::timestamptz is null or f.captured_at >= $3::timestamptz) and ($4::timestamptz is null or f.captured_at < $4::timestamptz)
           order by f.request_key, f.page`,
          [tenantId, sourceId, scope.from ?? null, scope.to ?? null],
        )
      : await sql.query<RawRefRow>(
          `with refused as (
             select distinct raw_sha256 from quarantine
             where tenant_id = $1 and source_id = $2 and state = 'open' and profile_digest <> $3 and ($4::text is null or reason_code = $4)
           ), newest as (
             select distinct on (f.sha256) f.request_key, f.page, f.captured_at from raw_ref f join refused on refused.raw_sha256 = f.sha256
             where f.tenant_id = $1 and f.source_id = $2 order by f.sha256, f.captured_at desc
           ), since as (
             select request_key, page, min(captured_at) as first from newest group by request_key, page
           )
           select ${columns} from raw_ref f join since s on s.request_key = f.request_key and s.page = f.page and f.captured_at >= s.first
           where f.tenant_id = $1 and f.source_id = $2 and f.expired_at is null
             and (f.sha256 in (select raw_sha256 from refused) or not exists (
               select 1 from batch_receipt r where r.tenant_id = $1 and r.source_id = $2 and r.raw_sha256 = f.sha256
                 and r.profile_digest = $3 and r.revision = $5::bigint * 17592186044416 + (extract(epoch from f.captured_at) * 1000)::bigint))
           order by f.request_key, f.page, f.captured_at, f.run_id`,
          [tenantId, sourceId, digest, scope.quarantined.reason_code ?? null, ordinal],
        );
  return rows.map(toRawRef);
}

/** For each distinct payload of the source with open quarantine rows, its newest capture. */
export async function refusedPayloads(sql: Sql, tenantId: string, sourceId: string): Promise<RawRef[]> {
  const rows = await sql.query<RawRefRow>(
    `select distinct on (f.sha256) ${columns} from raw_ref f
     where f.tenant_id = $1 and f.source_id = $2 and f.expired_at is null and f.sha256 in (
       select raw_sha256 from quarantine where tenant_id = $1 and source_id = $2 and state = 'open')
     order by f.sha256, f.captured_at desc`,
    [tenantId, sourceId],
  );
  return rows.map(toRawRef);
}
