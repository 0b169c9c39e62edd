/** Open quarantine rows that nobody has attended to in their time are given up. */
import type { Audit } from '#audit';
import { isoMs, newUuid } from '#kit';
import type { Relational } from '#storage';
import { serviceActor } from './ledger.ts';

export interface QuarantineExpiry {
  tenantId: string;
  sourceId: string;
  beforeMs: number;
}

const rowsPerTransaction = 10_000;
const old = `tenant_id = $1 and source_id = $2 and state = 'open' and created_at < $3::timestamptz`;
const paramsOf = ({ tenantId, sourceId, beforeMs }: QuarantineExpiry): string[] => [
  tenantId,
  sourceId,
  isoMs(beforeMs),
];

export async function countOldRows(relational: Relational, scope: QuarantineExpiry): Promise<number> {
  const [row] = await relational.query<{ n: number }>(
    `select count(*)::int as n from quarantine where ${old}`,
    paramsOf(scope),
  );
  return row!.n;
}

/** Some at a time, each with an entry `quarantine.expired`. Returns how many. */
export async function expireRows(
  { relational, audit }: { relational: Relational; audit: Audit },
  scope: QuarantineExpiry,
): Promise<number> {
  const { tenantId, sourceId, beforeMs } = scope;
  let total = 0;
  for (;;) {
    const rows = await relational.transaction(async (tx) => {
      const expired = await tx.execute(
        `update quarantine set state = 'expired' where quarantine_id in (
           select quarantine_id from quarantine where ${old} order by created_at limit ${rowsPerTransaction} for update)`,
        paramsOf(scope),
      );
      if (expired === 0) return 0;
      await audit.append(
        [
          {
            tenantId,
            actor: serviceActor,
            action: 'quarantine.expired',
            resource: `source:${sourceId}`,
            outcome: 'succeeded',
            details: { source_id: sourceId, before: isoMs(beforeMs), rows: expired },
            dedupeKey: `quarantine.expired:${sourceId}:${newUuid()}`,
          },
        ],
        tx,
      );
      return expired;
    });
    total += rows;
    if (rows < rowsPerTransaction) return total;
  }
}
