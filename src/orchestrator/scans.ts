/** Looking through what was captured for personal data, part by part, each part with its ledger entry. */
import type { Audit } from '#audit';
import type { Profile, Scan, Source } from '#contracts';
import { ChartlyError, newUuid, type RequestContext } from '#kit';
import type { Normalizer } from '#normalizer';
import type { Sql } from '#storage';
import { activeDocuments, activeSource } from './documents.ts';
import type { Orchestrator, ScanRequest } from './index.ts';

export interface ScanDeps {
  relational: Sql;
  normalizer: Normalizer;
  audit: Audit;
}

/** How long one part takes at most, but for a single payload. */
const budgetMs = 5_000;
const payloadsAtOnce = 500;

export function createScans(deps: ScanDeps): Pick<Orchestrator, 'scan'> {
  return { scan: (context, request, signal) => scan(deps, context, request, signal) };
}

async function scan(
  deps: ScanDeps,
  context: RequestContext,
  request: ScanRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<Scan> {
  const { relational, normalizer } = deps;
  const { tenantId } = context;
  if (request.sourceId !== undefined) await activeSource(relational, tenantId, request.sourceId);
  const { payloads, total } = await payloadsOf(relational, tenantId, request);
  const profiles = await profilesOf(relational, tenantId);
  const result = await normalizer.scan({
    tenantId,
    payloads: payloads.map(({ source_id: sourceId, bucket, sha256, captured_at, expired }) => ({
      sourceId,
      expired,
      raw: { bucket, sha256, captured_at },
      profile: profiles.get(sourceId),
    })),
    detectors: request.detectors,
    budgetMs,
    signal,
  });
  await record(deps.audit, context, request, result);
  const last = payloads[result.payloads - 1];
  return { ...result, total, ...(last !== undefined && result.payloads < total ? { next: toCursor(last) } : {}) };
}

interface Payload extends Record<string, unknown> {
  source_id: string;
  bucket: string;
  sha256: string;
  captured_at: string;
  /** By retention: its bytes are not to be read, though they may still be there. */
  expired: boolean;
}

/** Every distinct payload of a source, by its first capture in the range; and how many there are from the cursor on. */
async function payloadsOf(
  sql: Sql,
  tenantId: string,
  { sourceId, from, to, after }: ScanRequest,
): Promise<{ payloads: Payload[]; total: number }> {
  const [source, sha256] = after === undefined ? [null, null] : fromCursor(after);
  const rows = await sql.query<Payload & { total: string }>(
    `select source_id, bucket, sha256, min(captured_at) as captured_at, bool_and(expired_at is not null) as expired, count(*) over () as total from raw_ref
     where tenant_id = $1 and ($2::text is null or source_id = $2)
       and ($3::timestamptz is null or captured_at >= $3::timestamptz) and ($4::timestamptz is null or captured_at < $4::timestamptz)
       and ($5::text is null or (source_id, sha256) > ($5, $6))
     group by source_id, sha256, bucket order by source_id, sha256 limit $7`,
    [tenantId, sourceId ?? null, from ?? null, to ?? null, source, sha256, payloadsAtOnce],
  );
  return { payloads: rows, total: Number(rows[0]?.total ?? 0) };
}

async function profilesOf(sql: Sql, tenantId: string): Promise<Map<string, Profile>> {
  const profiles = new Map(
    (await activeDocuments(sql, tenantId, 'profile')).map((row) => [row.document_id, row.spec as Profile]),
  );
  const sources = await activeDocuments(sql, tenantId, 'source');
  return new Map(
    sources.flatMap((row) => {
      const profile = profiles.get((row.spec as Source).profile);
      return profile === undefined ? [] : [[row.document_id, profile]];
    }),
  );
}

async function record(
  audit: Audit,
  { tenantId, actor }: RequestContext,
  { sourceId, detectors, from, to, after }: ScanRequest,
  { payloads, bytes, findings, items, exports }: Omit<Scan, 'next' | 'total'>,
): Promise<void> {
  await audit.append([
    {
      tenantId,
      actor,
      action: 'scan.completed',
      resource: sourceId === undefined ? 'tenant:payloads' : `source:${sourceId}`,
      outcome: 'succeeded',
      details: {
        detectors: detectors?.join(' ') ?? 'all',
        from: from ?? '',
        to: to ?? '',
        continued: after !== undefined,
        payloads,
        bytes,
        findings,
        reached_records: items.filter((item) => item.reached.length > 0).length,
        exports: exports.length,
        exports_with_values: exports.filter((one) => one.values > 0).length,
      },
      dedupeKey: `scan.completed:${newUuid()}`,
    },
  ]);
}

function toCursor({ source_id, sha256 }: Payload): string {
  return Buffer.from(`${source_id} ${sha256}`).toString('base64url');
}

function fromCursor(cursor: string): [string, string] {
  const found = /^([a-z0-9][a-z0-9._-]{0,127}) ([0-9a-f]{64})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (found === null) throw new ChartlyError('bad_request', 'The cursor `after` is not one that a scan gave.');
  return [found[1]!, found[2]!];
}
