/** Drift as people meet it: listing events, and deciding them. */
import type { Audit } from '#audit';
import type { DriftDecision, DriftEvent } from '#contracts';
import { ChartlyError, type RequestContext } from '#kit';
import type { Param, Relational, Sql } from '#storage';
import { decodeCursor, encodeCursor, pageSize } from './cursor.ts';
import { decide, openHolds, type Decision } from './drift-events.ts';
import { freeIfDecided } from './drift-job.ts';
import { driftColumns, loadShape, saveShape, toDriftEvent, type DriftRow } from './drift-store.ts';
import type { Orchestrator } from './index.ts';
import type { Transact } from './unit.ts';

export interface DriftMethodDeps {
  relational: Relational;
  transact: Transact;
  audit: Audit;
  retryDeadLetter: Orchestrator['retryDeadLetter'];
}

type DriftMethods = Pick<Orchestrator, 'drifts' | 'drift' | 'acceptDrift' | 'ignoreDrift'>;

export function createDrift(deps: DriftMethodDeps): DriftMethods {
  return {
    drifts: (tenantId, options = {}) => list(deps.relational, tenantId, options),
    drift: async (tenantId, id) => toDriftEvent(await find(deps.relational, tenantId, id)),
    async acceptDrift(context, id) {
      const settled = await settle(deps, context, id, 'accepted');
      return { ...settled, retried: await takeUp(deps, context, settled.event) };
    },
    ignoreDrift: async (context, id) => ({ ...(await settle(deps, context, id, 'ignored')), retried: 0 }),
  };
}

async function list(
  relational: Relational,
  tenantId: string,
  options: NonNullable<Parameters<Orchestrator['drifts']>[1]>,
): Promise<{ items: DriftEvent[]; next: string | undefined }> {
  const params: Param[] = [tenantId, options.state ?? 'open'];
  const where = ['tenant_id = $1', 'state = $2'];
  if (options.sourceId !== undefined) where.push(`source_id = $${params.push(options.sourceId)}`);
  if (options.severity !== undefined) where.push(`severity = $${params.push(options.severity)}`);
  if (options.after !== undefined) {
    const { at, id } = decodeCursor(options.after);
    where.push(`(first_seen, drift_id) < ($${params.push(at)}, $${params.push(id)})`);
  }
  const limit = pageSize(options.limit);
  const rows = await relational.query<DriftRow>(
    `select ${driftColumns} from drift_event where ${where.join(' and ')} order by first_seen desc, drift_id desc limit ${limit + 1}`,
    params,
  );
  const items = rows.slice(0, limit).map(toDriftEvent);
  const last = items.at(-1);
  const next =
    rows.length > limit && last !== undefined ? encodeCursor({ at: last.first_seen, id: last.drift_id }) : undefined;
  return { items, next };
}

async function find(sql: Sql, tenantId: string, id: string, lock = ''): Promise<DriftRow> {
  const [row] = await sql.query<DriftRow>(
    `select ${driftColumns} from drift_event where tenant_id = $1 and drift_id = $2${lock}`,
    [tenantId, id],
  );
  if (row === undefined) throw new ChartlyError('not_found', `There is no drift event ${id}.`);
  return row;
}

async function settle(
  deps: DriftMethodDeps,
  context: RequestContext,
  id: string,
  state: Decision['state'],
): Promise<Omit<DriftDecision, 'retried'>> {
  const { tenantId, actor } = context;
  const { source_id: sourceId } = await find(deps.relational, tenantId, id);
  return deps.transact(async (unit) => {
    const shape = await loadShape(unit.tx, tenantId, sourceId, true);
    const row = await find(unit.tx, tenantId, id, ' for update');
    // What was ignored may still be accepted: it may go on to hold payloads back.
    if (row.state === 'accepted' || row.state === state)
      throw new ChartlyError('conflict', `The drift event ${id} was ${row.state} already.`);
    let next = await decide(deps.audit, unit, row, shape, { state, actor });
    if (next !== undefined) {
      if (state === 'accepted') next = await freeIfDecided(unit, tenantId, sourceId, next);
      await saveShape(unit.tx, tenantId, sourceId, next, unit.now);
    }
    const event = toDriftEvent(await find(unit.tx, tenantId, id));
    return { event, stopped: (next?.stoppedBy ?? null) !== null };
  });
}

/** Puts the jobs that were held back on the queue again, when nothing holds them any more. Each in a transaction of its own: a run's lock comes first. */
async function takeUp(deps: DriftMethodDeps, context: RequestContext, event: DriftEvent): Promise<number> {
  const { tenantId } = context;
  if (!event.held) return 0;
  const left = await deps.transact((unit) => openHolds(unit, tenantId, event.source_id));
  if (left.length > 0) return 0;
  const letters = await deps.relational.query<{ job_id: string }>(
    `select d.job_id::text as job_id from dead_letter d join run using (run_id)
     where d.tenant_id = $1 and d.source_id = $2 and d.state = 'open' and d.errors->-1->>'code' = 'schema_drift' and run.state <> 'cancelled'
     order by d.died_at`,
    [tenantId, event.source_id],
  );
  let retried = 0;
  for (const { job_id } of letters) {
    const done = await deps.retryDeadLetter(context, job_id).then(
      () => 1,
      (error: unknown) => {
        // Somebody else was quicker, or its run was cancelled.
        if (error instanceof ChartlyError && error.code === 'conflict') return 0;
        throw error;
      },
    );
    retried += done;
  }
  return retried;
}

/** The drift events that stopped sources, by source. */
export async function stoppedSources(relational: Sql, tenantId: string): Promise<Map<string, string>> {
  const rows = await relational.query<{ source_id: string; stopped_by: string }>(
    `select s.source_id, s.stopped_by from source_shape s
     join document d on d.tenant_id = s.tenant_id and d.kind = 'source' and d.document_id = s.source_id and d.active
     join document p on p.tenant_id = s.tenant_id and p.kind = 'profile' and p.document_id = d.spec->>'profile' and p.active
     where s.tenant_id = $1 and s.stopped_by is not null and s.stopped_at_ordinal >= p.ordinal`,
    [tenantId],
  );
  return new Map(rows.map((row) => [row.source_id, row.stopped_by]));
}
