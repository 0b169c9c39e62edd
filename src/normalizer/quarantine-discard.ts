import type { Audit } from '#audit';
import { ChartlyError, newUuid, type RequestContext } from '#kit';
import type { Relational } from '#storage';
import type { DiscardScope } from './index.ts';

/** Closes open rows for good, with a ledger entry that says who gave them up and why, in one transaction. */
export async function discardQuarantined(
  { relational, audit }: { relational: Relational; audit: Audit },
  { tenantId, actor }: RequestContext,
  scope: DiscardScope,
  reason: string,
): Promise<number> {
  return relational.transaction(async (tx) => {
    const single = 'quarantineId' in scope;
    const rows = await tx.query<{ source_id: string; reason_code: string; run_id: string; state: string }>(
      `select source_id, reason_code, run_id::text as run_id, state from quarantine
       where tenant_id = $1 and ${single ? 'quarantine_id = $2' : `source_id = $2 and reason_code = $3 and state = 'open'`} for update`,
      single ? [tenantId, scope.quarantineId] : [tenantId, scope.sourceId, scope.reasonCode],
    );
    const [first] = rows;
    if (first === undefined) throw nothingThere(scope);
    if (first.state !== 'open') {
      throw new ChartlyError('conflict', `This row is not open any more: it is ${first.state}.`);
    }
    const discarded = await tx.execute(
      `update quarantine set state = 'discarded'
       where tenant_id = $1 and ${single ? 'quarantine_id = $2' : 'source_id = $2 and reason_code = $3'} and state = 'open'`,
      single ? [tenantId, scope.quarantineId] : [tenantId, scope.sourceId, scope.reasonCode],
    );
    await audit.append(
      [
        {
          tenantId,
          actor,
          action: 'quarantine.discarded',
          resource: single ? `quarantine:${scope.quarantineId}` : `source:${scope.sourceId}`,
          outcome: 'succeeded',
          ...(single ? { runId: first.run_id } : {}),
          details: { source_id: first.source_id, reason_code: first.reason_code, rows: discarded, reason },
          dedupeKey: single
            ? `quarantine.discarded:${scope.quarantineId}`
            : `quarantine.discarded:${scope.sourceId}:${scope.reasonCode}:${newUuid()}`,
        },
      ],
      tx,
    );
    return discarded;
  });
}

function nothingThere(scope: DiscardScope): ChartlyError {
  return 'quarantineId' in scope
    ? new ChartlyError('not_found', `There is no quarantined row ${scope.quarantineId}.`)
    : new ChartlyError('not_found', `Source ${scope.sourceId} has no open rows for ${scope.reasonCode}.`);
}
