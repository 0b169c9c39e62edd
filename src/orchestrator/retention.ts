/** What the profiles say about how long things are kept, carried out: every hour, and when asked. */
import type { Profile, Source } from '#contracts';
import { asChartlyError, ChartlyError, isoMs, type Logger } from '#kit';
import { keptFrom, type Normalizer } from '#normalizer';
import { activeDocument, activeDocuments, activeSource } from './documents.ts';
import { countOldPayloads, expirePayloads, type PayloadDeps } from './expire-payloads.ts';
import { countOldRows, expireRows } from './expire-quarantine.ts';
import type { Orchestrator, Retained } from './index.ts';

export interface RetentionDeps extends PayloadDeps {
  normalizer: Normalizer;
  logger: Logger;
}

/** The retaining half of the orchestrator. */
export function createRetention(deps: RetentionDeps): Pick<Orchestrator, 'retain'> {
  return {
    async retain(tenantId, { sourceId, dryRun = false }) {
      if (sourceId !== undefined) {
        const { profile } = await activeSource(deps.relational, tenantId, sourceId);
        return [await retain(deps, { tenantId, sourceId, profile: profile.profile }, dryRun)];
      }
      const items: Retained[] = [];
      for (const one of await retaining(deps, tenantId)) items.push(await retain(deps, one, dryRun));
      return items;
    },
  };
}

/** Carries out the retention of every source of every tenant; what fails is logged, and tried again the next time. */
export async function sweep(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const tenants = await deps.relational.query<{ tenant_id: string }>(
    `select distinct tenant_id from document where kind = 'profile' and active and spec ? 'retention'`,
  );
  for (const { tenant_id: tenantId } of tenants) {
    for (const one of await retaining(deps, tenantId)) {
      if (signal.aborted) return;
      try {
        await retain(deps, one, false);
      } catch (error) {
        const { code } = asChartlyError(error);
        deps.logger.warn('retention failed and will be repeated', {
          tenant_id: tenantId,
          source_id: one.sourceId,
          code,
          error,
        });
      }
    }
  }
}

interface Retaining {
  tenantId: string;
  sourceId: string;
  /** The active version: it speaks for everything of its source, whichever version made it. */
  profile: Profile;
}

async function retaining({ relational }: RetentionDeps, tenantId: string): Promise<Retaining[]> {
  const found: Retaining[] = [];
  for (const row of await activeDocuments(relational, tenantId, 'source')) {
    const active = await activeDocument(relational, tenantId, 'profile', (row.spec as Source).profile);
    const profile = active?.spec as Profile | undefined;
    if (profile?.retention !== undefined) found.push({ tenantId, sourceId: row.document_id, profile });
  }
  return found;
}

async function retain(
  deps: RetentionDeps,
  { tenantId, sourceId, profile }: Retaining,
  dryRun: boolean,
): Promise<Retained> {
  const { records, raw, quarantine } = profile.retention ?? {};
  const source = { tenantId, sourceId };
  const result: Retained = { source_id: sourceId, profile: { id: profile.profile, version: profile.version } };
  // Rows first: payloads may wait for nothing but them.
  let rowsBeforeMs: number | undefined;
  if (quarantine !== undefined) {
    rowsBeforeMs = cutoff(deps, quarantine);
    const scope = { ...source, beforeMs: rowsBeforeMs };
    const rows = dryRun ? await countOldRows(deps.relational, scope) : await expireRows(deps, scope);
    result.quarantine = { period: quarantine, before: isoMs(rowsBeforeMs), rows };
  }
  if (raw !== undefined) {
    const scope = { ...source, beforeMs: cutoff(deps, raw), rowsBeforeMs };
    const expired = dryRun ? await countOldPayloads(deps.relational, scope) : await expirePayloads(deps, scope);
    result.raw = { period: raw, before: isoMs(scope.beforeMs), ...expired };
  }
  if (records !== undefined) {
    const beforeMs = cutoff(deps, records);
    const expired = await deps.normalizer.expireRecords({ ...source, beforeMs }, { dryRun });
    result.records = { period: records, before: isoMs(beforeMs), records: expired };
  }
  return result;
}

/** The compiler has seen to it that the period is one. */
function cutoff({ clock }: RetentionDeps, period: string): number {
  const beforeMs = keptFrom(period, clock.now());
  if (beforeMs === undefined)
    throw new ChartlyError('internal', `The profile keeps for ${period}, which is no period.`);
  return beforeMs;
}
