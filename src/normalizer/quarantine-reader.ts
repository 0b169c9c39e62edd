import type { QuarantineRecord, ReasonCode } from '#contracts';
import { ChartlyError } from '#kit';
import { appliedLayer, type BlobStore, type Param, readPayloadRange, type Relational, type Row } from '#storage';
import { decodedRow } from './decoded-row.ts';
import type { Normalizer, QuarantineFilter } from './index.ts';

const columns = `quarantine_id, tenant_id, source_id, run_id::text as run_id, reason_code, rule, pointer, message, value_masked, raw_sha256,
  byte_start, byte_end, row, candidate, profile_id, profile_version, profile_digest, state, recovery, created_at`;

const shownBytes = 65_536;

type Reading = Pick<Normalizer, 'quarantined' | 'quarantineSummary' | 'quarantinedRow' | 'decodedRow'>;

/** The listing half of the normalizer. */
export function quarantineReader({ relational, blobs }: { relational: Relational; blobs: BlobStore }): Reading {
  return {
    decodedRow: (tenantId, ref) => decodedRow({ relational, blobs }, tenantId, ref),

    async quarantined(tenantId, options = {}) {
      const limit = Math.min(Math.max(options.limit ?? 100, 1), 1000);
      const { where, params } = conditions(tenantId, options);
      if (options.after !== undefined) {
        const [at, id] = fromCursor(options.after);
        params.push(at, id);
        where.push(`(created_at, quarantine_id) < ($${params.length - 1}::timestamptz, $${params.length})`);
      }
      params.push(limit + 1);
      const rows = await relational.query(
        `select ${columns} from quarantine where ${where.join(' and ')} order by created_at desc, quarantine_id desc limit $${params.length}`,
        params,
      );
      const items = rows.slice(0, limit).map(toRecord);
      return { items, next: rows.length > limit ? toCursor(items.at(-1)!) : undefined };
    },

    async quarantineSummary(tenantId, options = {}) {
      const { where, params } = conditions(tenantId, options);
      const rows = await relational.query<{ source_id: string; reason_code: ReasonCode; count: string }>(
        `select source_id, reason_code, count(*) as count from quarantine where ${where.join(' and ')}
         group by source_id, reason_code order by source_id, reason_code`,
        params,
      );
      return rows.map(({ source_id, reason_code, count }) => ({ source_id, reason_code, count: Number(count) }));
    },

    async quarantinedRow(tenantId, quarantineId) {
      const [row] = await relational.query(
        `select ${columns} from quarantine where tenant_id = $1 and quarantine_id = $2`,
        [tenantId, quarantineId],
      );
      if (row === undefined) throw new ChartlyError('not_found', `There is no quarantined row ${quarantineId}.`);
      const record = toRecord(row);
      const range = { start: record.byte_start, end: Math.min(record.byte_end, record.byte_start + shownBytes) };
      const profile = { id: record.profile_id, digest: record.profile_digest };
      const layer = await appliedLayer(relational, tenantId, profile);
      const place = { bucket: 'raw', sha256: record.raw_sha256 };
      if (!(await isKept(relational, record))) return { record, bytes: undefined };
      const at = {
        sha256: record.raw_sha256,
        profile,
        start: record.byte_start,
        end: record.byte_end,
        row: record.row,
      };
      const decoded = await decodedRow({ relational, blobs }, tenantId, at);
      return { record, ...(await readPayloadRange(blobs, place, layer, range)), decoded };
    },
  };
}

/** False once every capture of the payload has expired: then its bytes are not to be seen, though they may still be there. */
async function isKept(relational: Relational, record: QuarantineRecord): Promise<boolean> {
  const [row] = await relational.query<{ kept: boolean }>(
    `select count(*) = 0 or bool_or(expired_at is null) as kept from raw_ref where tenant_id = $1 and source_id = $2 and sha256 = $3`,
    [record.tenant_id, record.source_id, record.raw_sha256],
  );
  return row!.kept;
}

function conditions(tenantId: string, filter: QuarantineFilter): { where: string[]; params: Param[] } {
  const params: Param[] = [tenantId, filter.state ?? 'open'];
  const where = ['tenant_id = $1', 'state = $2'];
  const add = (condition: string, value: string | undefined): void => {
    if (value === undefined) return;
    params.push(value);
    where.push(`${condition} = $${params.length}`);
  };
  add('source_id', filter.sourceId);
  add('run_id::text', filter.runId);
  add('reason_code', filter.reasonCode);
  return { where, params };
}

function toRecord(row: Row): QuarantineRecord {
  const numbers = {
    byte_start: Number(row.byte_start),
    byte_end: Number(row.byte_end),
    row: Number(row.row),
    candidate: Number(row.candidate),
  };
  return { ...(row as unknown as QuarantineRecord), ...numbers };
}

function toCursor(last: QuarantineRecord): string {
  return Buffer.from(`${last.created_at} ${last.quarantine_id}`).toString('base64url');
}

function fromCursor(cursor: string): [string, string] {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([0-9a-f]{32})$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  );
  if (found === null) throw new ChartlyError('bad_request', 'The cursor `after` is not one that this list gave.');
  return [found[1]!, found[2]!];
}
