import type { Counts } from '#contracts';
import type { Row, Sql } from '#storage';
import { addCounts, noCounts } from './counts.ts';

interface TotalRow extends Row {
  source_id: string;
  counts: Counts;
}

// The low 44 bits of a revision are the capture time in milliseconds: with the digest they name the capture that a batch came from.
const captureTime = '(r.revision & 17592186044415)';

/**
 * What became of every row that is live now, by source: of each request (request key and page) the batches of its newest revision, summed. A page that
 * was fetched ten times counts once, as it was fetched last, under the profile version that read it last; a page that the upstream no longer
 * offers still counts, since its records are still live. So for every source rows and candidates add up:
 * candidates = records + quarantined + deduplicated + skipped.
 */
export async function totals(sql: Sql, tenantId: string): Promise<Map<string, Counts>> {
  const rows = await sql.query<TotalRow>(
    `with batch as (
       select r.source_id, r.counts, r.revision, max(r.revision) over (partition by r.source_id, f.request_key, f.page) as newest
       from batch_receipt r
       join lateral (
         select request_key, page from raw_ref
         where tenant_id = r.tenant_id and source_id = r.source_id and sha256 = r.raw_sha256
           and (extract(epoch from captured_at) * 1000)::bigint = ${captureTime}
         limit 1
       ) f on true
       where r.tenant_id = $1
     )
     select source_id, counts from batch where revision = newest`,
    [tenantId],
  );
  const sums = new Map<string, Counts>();
  for (const row of rows) sums.set(row.source_id, addCounts(sums.get(row.source_id) ?? noCounts, row.counts));
  return sums;
}
