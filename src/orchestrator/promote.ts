/** Makes a registered profile version the active one: a staged one for the first time, or an older one again. */
import type { Profile, Run } from '#contracts';
import { ChartlyError, isoMs, type RequestContext } from '#kit';
import type { Sql } from '#storage';
import { activate, deactivate } from './apply.ts';
import { activeDocument, documentVersion, lockDocuments, nextOrdinal, type DocumentRow } from './documents.ts';
import type { Orchestrator, PromoteRequest, Promotion } from './index.ts';
import { createPreviews, type PreviewDeps } from './previews.ts';
import { requestRun, type RunDeps } from './runs.ts';
import type { Unit } from './unit.ts';

type Promotions = Pick<Orchestrator, 'promote' | 'previewPromotion'>;

/** The promoting half of the orchestrator. */
export function createPromotions(deps: RunDeps & PreviewDeps): Promotions {
  const { previewReplay } = createPreviews(deps);
  return {
    promote: (context, request) => deps.transact((unit) => promote(deps, unit, context, request)),
    async previewPromotion(tenantId, request) {
      const { promotion } = await look(deps.relational, tenantId, request);
      const previews = [];
      for (const sourceId of await withPayloads(deps.relational, tenantId, promotion.sources)) {
        previews.push(await previewReplay(tenantId, { sourceId, profileVersion: request.version }));
      }
      return { promotion, previews };
    },
  };
}

async function promote(
  deps: RunDeps,
  unit: Unit,
  context: RequestContext,
  request: PromoteRequest & { replay?: boolean },
): Promise<Promotion> {
  const { tx, now } = unit;
  const { tenantId, actor } = context;
  await lockDocuments(tx, tenantId);
  const { row, promotion } = await look(tx, tenantId, request);
  const { id, version, digest } = promotion.profile;
  const ordinal = row.active ? row.ordinal! : await nextOrdinal(tx, tenantId, id);
  // Whoever asks for runs locks sources first and the ledger then; so all sources are locked before anything is recorded.
  await lockSources(tx, tenantId, promotion.sources);
  if (promotion.change === 'promoted') {
    await deactivate(tx, tenantId, { kind: 'profile', id });
    await activate(tx, tenantId, { kind: 'profile', id, version }, ordinal, isoMs(now));
    await deps.audit.append(
      [
        {
          tenantId,
          actor,
          action: 'profile.promoted',
          resource: `profile:${id}@${version}`,
          outcome: 'succeeded',
          details: {
            id,
            version,
            digest,
            ordinal,
            ...(promotion.replaces === undefined ? {} : { replaces: promotion.replaces }),
          },
          dedupeKey: `profile:${id}:${ordinal}`,
        },
      ],
      tx,
    );
  }
  const profile = { profile: row.spec as Profile, digest, ordinal };
  const runs: Run[] = [];
  for (const sourceId of request.replay === true ? await withPayloads(tx, tenantId, promotion.sources) : []) {
    runs.push(await requestRun(deps, unit, context, sourceId, { trigger: 'replay', scope: {}, profile }));
  }
  return { ...promotion, runs };
}

/** What there is to promote, and what that would come to. */
async function look(
  sql: Sql,
  tenantId: string,
  { profileId, version }: PromoteRequest,
): Promise<{ row: DocumentRow; promotion: Promotion }> {
  const row = await documentVersion(sql, tenantId, 'profile', profileId, version);
  if (row === undefined) {
    throw new ChartlyError('not_found', `Profile ${profileId}@${version} is not registered.`, {
      action: 'See `chartly profile list`; register a version of the workspace with `chartly apply --stage`.',
    });
  }
  const active = await activeDocument(sql, tenantId, 'profile', profileId);
  const sources = await sql.query<{ id: string }>(
    `select document_id as id from document
     where tenant_id = $1 and kind = 'source' and active and spec->>'profile' = $2 order by document_id`,
    [tenantId, profileId],
  );
  const promotion: Promotion = {
    profile: { id: profileId, version, digest: row.digest },
    replaces: row.active ? undefined : active?.version,
    change: row.active ? 'unchanged' : 'promoted',
    sources: sources.map(({ id }) => id),
    runs: [],
  };
  return { row, promotion };
}

async function lockSources(tx: Sql, tenantId: string, sources: readonly string[]): Promise<void> {
  await tx.query(
    `select 1 from document where tenant_id = $1 and kind = 'source' and document_id = any($2::text[]) and active
     order by document_id for update`,
    [tenantId, sources],
  );
}

/** Those of which anything was captured: of the others there is nothing to replay. */
async function withPayloads(sql: Sql, tenantId: string, sources: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ source_id: string }>(
    `select id as source_id from unnest($2::text[]) as id
     where exists (select 1 from raw_ref where tenant_id = $1 and source_id = id) order by id`,
    [tenantId, sources],
  );
  return rows.map((row) => row.source_id);
}
