/** The ledger entries of the control plane. Each is appended in the transaction of the fact it records. */
import type { Audit, NewEntry } from '#audit';
import type { RawRef, Run } from '#contracts';
import type { Sql } from '#storage';

export const serviceActor = 'service:orchestrator';

const outcomes: Record<Run['state'], NewEntry['outcome']> = {
  queued: 'succeeded',
  running: 'succeeded',
  succeeded: 'succeeded',
  failed: 'failed',
  quarantined: 'quarantined',
  cancelled: 'succeeded',
};

/**
 * `again` tells a second ending of the same run, after a dead letter was retried, from the first; `more` says what else was asked for.
 */
export async function recordRun(
  audit: Audit,
  tx: Sql,
  run: Run,
  actor: string,
  again = '',
  more: NewEntry['details'] = {},
): Promise<void> {
  const state = run.state === 'queued' ? 'requested' : run.state;
  const { counts } = run;
  await audit.append(
    [
      {
        tenantId: run.tenant_id,
        actor,
        action: `run.${state}`,
        resource: `run:${run.run_id}`,
        outcome: outcomes[run.state],
        runId: run.run_id,
        details: {
          source_id: run.source_id,
          trigger: run.trigger,
          ...more,
          ...(state === 'requested'
            ? {}
            : {
                pages: run.pages,
                unchanged: run.unchanged,
                records: counts.records,
                quarantined: counts.quarantined,
                deduplicated: counts.deduplicated,
                skipped: counts.skipped,
                dead_letters: run.dead_letters,
              }),
        },
        dedupeKey: `run:${run.run_id}:${state}${again}`,
      },
    ],
    tx,
  );
}

export async function recordCapture(audit: Audit, tx: Sql, raw: RawRef): Promise<void> {
  await audit.append(
    [
      {
        tenantId: raw.tenant_id,
        actor: 'service:connector-hub',
        action: 'payload.captured',
        resource: `raw:${raw.sha256}`,
        outcome: 'succeeded',
        runId: raw.run_id,
        details: {
          source_id: raw.source_id,
          bucket: raw.bucket,
          key: raw.key,
          sha256: raw.sha256,
          size: raw.size,
          page: raw.page,
        },
        dedupeKey: `payload:${raw.run_id}:${raw.page}`,
      },
    ],
    tx,
  );
}
