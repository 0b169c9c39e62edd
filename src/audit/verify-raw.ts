// Payload references against the blobs they name and against the entries that recorded their capture.
import type { AuditEntry } from '#contracts';
import { ChartlyError } from '#kit';
import type { BlobStore } from '#storage';
import type { VerifyContext } from './verify.ts';

const pageSize = 500;

interface RefRow extends Record<string, unknown> {
  run_id: string;
  page: number;
  source_id: string;
  bucket: string;
  key: string;
  sha256: string;
  size: string;
}

type CaptureFacts = Pick<RefRow, 'source_id' | 'bucket' | 'key' | 'sha256' | 'size'>;
const captureFacts: readonly (keyof CaptureFacts)[] = ['source_id', 'bucket', 'key', 'sha256', 'size'];

/** The blob of every captured payload that has not expired, once for each distinct digest; returns how many. */
export async function verifyRaw(context: VerifyContext): Promise<number> {
  await checkReferences(context);
  const { tenantId, relational, findings, onProgress } = context;
  let blobs = 0;
  let after = '';
  for (;;) {
    const rows = await relational.query<{ bucket: string; sha256: string; at: string }>(
      `select bucket, sha256, bucket || '/' || sha256 as at from raw_ref
       where tenant_id = $1 and expired_at is null and bucket || '/' || sha256 > $2 group by bucket, sha256 order by at limit ${pageSize}`,
      [tenantId, after],
    );
    if (rows.length === 0) return blobs;
    for (const { bucket, sha256 } of rows) {
      const problem = await blobProblem(context.blobs, bucket, sha256);
      if (problem !== undefined) findings.add('raw', `blob ${bucket}/${sha256}`, problem);
      onProgress({ plane: 'raw', count: ++blobs });
    }
    after = rows.at(-1)!.at;
  }
}

/**
 * The tables that batches were mapped with, as their ledger entries name them; returns how many are there. One may be gone once every
 * payload that was mapped with it has expired.
 */
export async function verifyTables(context: VerifyContext, tables: ReadonlyMap<string, Set<string>>): Promise<number> {
  let there = 0;
  for (const [sha256, payloads] of tables) {
    const problem = await blobProblem(context.blobs, 'references', sha256);
    if (problem === undefined) there++;
    else if (!(await hasExpired(context, sha256, [...payloads])))
      context.findings.add('raw', `blob references/${sha256}`, problem);
  }
  return there;
}

/** Nothing says that the table is needed, and the ledger that its payloads have expired: a capture of the same bytes later has a table of its own. */
async function hasExpired(
  { relational, tenantId }: VerifyContext,
  sha256: string,
  payloads: readonly string[],
): Promise<boolean> {
  const needed = await relational.query(
    'select 1 from lookup_snapshot where tenant_id = $1 and sha256 = $2 and expired_at is null limit 1',
    [tenantId, sha256],
  );
  if (needed.length > 0) return false;
  const [row] = await relational.query<{ n: number }>(
    `select count(distinct r.sha256)::int as n from raw_ref r join ledger_entry e
       on e.tenant_id = r.tenant_id and e.dedupe_key = 'payload.expired:' || r.run_id || ':' || r.page
     where r.tenant_id = $1 and r.sha256 = any($2::text[])`,
    [tenantId, payloads],
  );
  return row!.n === payloads.length;
}

/** What is wrong with a blob: it is not there, or its bytes are not those of its name. Undefined when nothing is. */
export async function blobProblem(blobs: BlobStore, bucket: string, sha256: string): Promise<string | undefined> {
  try {
    return (await blobs.verify(bucket, sha256)) ? undefined : 'its bytes do not match its digest';
  } catch (error) {
    if (error instanceof ChartlyError && error.code === 'not_found') return 'is missing';
    if (error instanceof ChartlyError && error.code === 'blob_corrupt') return 'its bytes do not match its digest';
    throw error;
  }
}

const named = (runId: string, page: number | string): string => `payload ${page} of run ${runId}`;

/** Every reference has its entry, found by the fact's key, and names the blob as the blob store does. */
async function checkReferences({ tenantId, relational, blobs, findings }: VerifyContext): Promise<void> {
  let after: [string, number] = ['00000000-0000-0000-0000-000000000000', -1];
  for (;;) {
    const rows = await relational.query<RefRow & { seq: string | null; expired: boolean; expiry: string | null }>(
      `select r.run_id, r.page, r.source_id, r.bucket, r.key, r.sha256, r.size, e.seq, r.expired_at is not null as expired, x.seq as expiry
       from raw_ref r left join ledger_entry e
         on e.tenant_id = r.tenant_id and e.dedupe_key = 'payload:' || r.run_id || ':' || r.page
       left join ledger_entry x
         on x.tenant_id = r.tenant_id and x.dedupe_key = 'payload.expired:' || r.run_id || ':' || r.page
       where r.tenant_id = $1 and (r.run_id, r.page) > ($2::uuid, $3::int) order by r.run_id, r.page limit ${pageSize}`,
      [tenantId, after[0], after[1]],
    );
    if (rows.length === 0) return;
    for (const row of rows) {
      const subject = named(row.run_id, row.page);
      if (row.seq === null) findings.add('raw', subject, 'the ledger has no entry of its capture');
      if (row.expired && row.expiry === null)
        findings.add('raw', subject, 'it has expired, and the ledger has no entry of that');
      if (!row.expired && row.expiry !== null) {
        findings.add('raw', subject, `ledger entry ${row.expiry} says that it has expired, and its reference does not`);
      }
      if (row.expired) continue;
      const stored = await blobs.stat(row.bucket, row.sha256).catch(() => undefined);
      if (stored !== undefined && stored.key !== row.key) findings.add('raw', subject, 'its key leads to another blob');
    }
    const last = rows.at(-1)!;
    after = [last.run_id, last.page];
  }
}

/** Every capture that the ledger records still has its reference, with the same facts. */
export async function checkCaptures(context: VerifyContext, entries: readonly AuditEntry[]): Promise<void> {
  const captures = entries.filter((entry) => entry.action === 'payload.captured' && entry.run_id !== undefined);
  if (captures.length === 0) return;
  const runs = [...new Set(captures.map((entry) => entry.run_id!))];
  const rows = await context.relational.query<RefRow>(
    'select run_id, page, source_id, bucket, key, sha256, size from raw_ref where tenant_id = $1 and run_id = any($2::uuid[])',
    [context.tenantId, runs],
  );
  const refs = new Map(rows.map((row) => [`${row.run_id}:${row.page}`, row]));
  for (const { run_id: runId, details } of captures) {
    const subject = named(runId!, String(details.page));
    const ref = refs.get(`${runId!}:${String(details.page)}`);
    if (ref === undefined) context.findings.add('raw', subject, 'its reference is missing');
    else {
      const differing = captureFacts.filter((name) => name in details && String(details[name]) !== ref[name]);
      if (differing.length > 0) {
        context.findings.add('raw', subject, `its reference disagrees with the ledger on ${differing.join(', ')}`);
      }
    }
  }
}
