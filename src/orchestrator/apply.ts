/** Registers new versions of documents: all of them, or none. */
import type { Audit, NewEntry } from '#audit';
import { ChartlyError, isoMs, type Clock, type ErrorDetail, type RequestContext } from '#kit';
import type { Relational, Sql } from '#storage';
import { checkDocuments, type CheckedDocument, type Checkers } from './check-documents.ts';
import { activeDocuments, type DocumentKind } from './documents.ts';
import type { AppliedDocument, WorkspaceDocument } from './index.ts';

interface ApplyDeps extends Checkers {
  relational: Relational;
  audit: Audit;
  clock: Clock;
}

/** What stands already under a document's id. */
interface Standing {
  version: string;
  digest: string;
  ordinal: number;
  active: boolean;
}

interface Planned extends AppliedDocument {
  ordinal: number;
  document: CheckedDocument;
}

/** See Orchestrator.apply. A dry run takes the same way up to the first write. */
export async function applyDocuments(
  deps: ApplyDeps,
  context: RequestContext,
  documents: readonly WorkspaceDocument[],
  dryRun: boolean,
): Promise<AppliedDocument[]> {
  // Compiling charts takes its time, and documents are never taken away: so this part needs no transaction.
  const applied = {
    sources: await appliedIds(deps.relational, context.tenantId, 'source'),
    profiles: await appliedIds(deps.relational, context.tenantId, 'profile'),
  };
  const { checked, problems } = checkDocuments(deps, documents, applied);
  if (problems.length > 0) throw invalid(problems);
  return deps.relational.transaction(async (tx) => {
    if (!dryRun) await lockDocuments(tx, context.tenantId);
    const plans = await plan(tx, context.tenantId, checked);
    if (!dryRun) await write(deps, tx, context, plans);
    return plans.map(({ kind, id, version, digest, change }) => ({ kind, id, version, digest, change }));
  });
}

async function appliedIds(sql: Sql, tenantId: string, kind: DocumentKind): Promise<Set<string>> {
  return new Set((await activeDocuments(sql, tenantId, kind)).map((row) => row.document_id));
}

/** Ordinals count versions, so two applies of one tenant go one after the other. */
async function lockDocuments(tx: Sql, tenantId: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))::text`, [`chartly/documents/${tenantId}`]);
}

function invalid(problems: ErrorDetail[]): ChartlyError {
  const [first] = problems;
  const place = [first!.file, first!.pointer].filter(Boolean).join(' ');
  const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  const what = `${place === '' ? '' : `${place}: `}${first!.message.replace(/\.$/, '')}${more}`;
  return new ChartlyError('workspace_invalid', `The documents are wrong, so nothing was applied: ${what}.`, {
    details: problems,
    action: 'Correct the files named, and apply again.',
  });
}

async function plan(tx: Sql, tenantId: string, documents: readonly CheckedDocument[]): Promise<Planned[]> {
  const standing = await standingVersions(tx, tenantId, documents);
  const conflicts: ErrorDetail[] = [];
  const plans = documents.map((document) => {
    const versions = standing.get(nameOf(document.kind, document.id)) ?? [];
    const conflict = conflictOf(document, versions);
    if (conflict !== undefined) conflicts.push(conflict);
    return planOne(document, versions);
  });
  if (conflicts.length > 0) {
    throw new ChartlyError('version_exists', `${conflicts[0]!.message}; nothing was applied.`, { details: conflicts });
  }
  return plans;
}

function planOne(document: CheckedDocument, versions: readonly Standing[]): Planned {
  const { kind, id, digest } = document;
  const active = versions.find((version) => version.active);
  if (active?.digest === digest) {
    return { kind, id, version: active.version, digest, change: 'unchanged', ordinal: active.ordinal, document };
  }
  const ordinal = versions.reduce((highest, version) => Math.max(highest, version.ordinal), 0) + 1;
  const change = versions.length === 0 ? 'created' : 'updated';
  return { kind, id, version: document.version ?? String(ordinal), digest, change, ordinal, document };
}

/** An applied profile version never changes, and an old one does not come back: records are ordered by the order in which versions were applied. */
function conflictOf(document: CheckedDocument, versions: readonly Standing[]): ErrorDetail | undefined {
  const same = versions.find((version) => version.version === document.version);
  if (same === undefined || (same.active && same.digest === document.digest)) return undefined;
  const message =
    same.digest === document.digest
      ? `Profile ${document.id} ${same.version} was replaced by a newer version; raise the version to bring its rules back`
      : `Profile ${document.id} ${same.version} is applied already with other content; raise its version`;
  return { pointer: '/version', message, ...(document.file === undefined ? {} : { file: document.file }) };
}

async function standingVersions(
  tx: Sql,
  tenantId: string,
  documents: readonly CheckedDocument[],
): Promise<Map<string, Standing[]>> {
  const rows = await tx.query<{ kind: DocumentKind; document_id: string } & Standing & Record<string, unknown>>(
    `select kind, document_id, version, digest, ordinal, active from document where tenant_id = $1 and document_id = any($2::text[])`,
    [tenantId, documents.map((document) => document.id)],
  );
  return Map.groupBy(rows, (row) => nameOf(row.kind, row.document_id));
}

function nameOf(kind: DocumentKind, id: string): string {
  return `${kind} ${id}`;
}

async function write(deps: ApplyDeps, tx: Sql, context: RequestContext, plans: readonly Planned[]): Promise<void> {
  const changed = plans.filter((planned) => planned.change !== 'unchanged');
  const at = isoMs(deps.clock.now());
  for (const { kind, id, ordinal, version, digest, document } of changed) {
    const { tenantId, actor } = context;
    await tx.execute(
      'update document set active = false where tenant_id = $1 and kind = $2 and document_id = $3 and active',
      [tenantId, kind, id],
    );
    await tx.execute(
      `insert into document (tenant_id, kind, document_id, ordinal, version, digest, spec, active, applied_at, applied_by)
       values ($1, $2, $3, $4, $5, $6, $7, true, $8, $9)`,
      [tenantId, kind, id, ordinal, version, digest, JSON.stringify(document.spec), at, actor],
    );
  }
  if (changed.length > 0)
    await deps.audit.append(
      changed.map((planned) => entryOf(context, planned)),
      tx,
    );
}

function entryOf(context: RequestContext, { kind, id, version, digest, ordinal }: Planned): NewEntry {
  return {
    tenantId: context.tenantId,
    actor: context.actor,
    action: `${kind}.applied`,
    resource: `${kind}:${id}@${version}`,
    outcome: 'succeeded',
    details: { id, version, digest, ordinal },
    dedupeKey: `${kind}:${id}:${ordinal}`,
  };
}
