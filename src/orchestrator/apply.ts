/** Registers new versions of documents: all of them, or none. */
import type { Audit, NewEntry } from '#audit';
import type { Profile } from '#contracts';
import { ChartlyError, isoMs, type Clock, type ErrorDetail, type RequestContext } from '#kit';
import type { Relational, Sql } from '#storage';
import { checkDocuments, tableProblems, type CheckedDocument, type Checkers } from './check-documents.ts';
import { activeDocuments, lockDocuments, type DocumentKind } from './documents.ts';
import type { AppliedDocument, ApplyOptions, WorkspaceDocument } from './index.ts';

interface ApplyDeps extends Checkers {
  relational: Relational;
  audit: Audit;
  clock: Clock;
}

/** What stands already under a document's id. */
interface Standing {
  version: string;
  digest: string;
  /** Null while staged. */
  ordinal: number | null;
  active: boolean;
}

interface Planned extends AppliedDocument {
  /** Null: it is not to become active. */
  ordinal: number | null;
  /** It is registered already, and only becomes active. */
  registered: boolean;
  document: CheckedDocument;
}

/** See Orchestrator.apply. A dry run takes the same way up to the first write. */
export async function applyDocuments(
  deps: ApplyDeps,
  context: RequestContext,
  documents: readonly WorkspaceDocument[],
  { dryRun = false, stage = false }: ApplyOptions,
): Promise<AppliedDocument[]> {
  // Compiling charts takes its time, and documents are never taken away: so this part needs no transaction.
  const applied = {
    sources: await appliedIds(deps.relational, context.tenantId, 'source'),
    profiles: await appliedIds(deps.relational, context.tenantId, 'profile'),
  };
  const { checked, problems } = await checkDocuments(deps, documents, applied);
  problems.push(...(await tableProblems(deps.normalizer, checked)));
  if (problems.length > 0) throw invalid(problems);
  return deps.relational.transaction(async (tx) => {
    if (!dryRun) await lockDocuments(tx, context.tenantId);
    const meant = stage ? checked.filter(({ kind }) => kind === 'profile') : checked;
    const plans = await plan(tx, context.tenantId, meant, stage);
    if (!dryRun) await write(deps, tx, context, plans);
    return plans.map(({ kind, id, version, digest, change }) => ({ kind, id, version, digest, change }));
  });
}

async function appliedIds(sql: Sql, tenantId: string, kind: DocumentKind): Promise<Set<string>> {
  return new Set((await activeDocuments(sql, tenantId, kind)).map((row) => row.document_id));
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

async function plan(
  tx: Sql,
  tenantId: string,
  documents: readonly CheckedDocument[],
  stage: boolean,
): Promise<Planned[]> {
  const standing = await standingVersions(tx, tenantId, documents);
  const conflicts: ErrorDetail[] = [];
  const plans = documents.map((document) => {
    const versions = standing.get(nameOf(document.kind, document.id)) ?? [];
    const conflict = conflictOf(document, versions, stage);
    if (conflict !== undefined) conflicts.push(conflict);
    return stage ? planStaged(document, versions) : planOne(document, versions);
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
    const { version, ordinal } = active;
    return { kind, id, version, digest, change: 'unchanged', ordinal, registered: true, document };
  }
  const ordinal = versions.reduce((highest, version) => Math.max(highest, version.ordinal ?? 0), 0) + 1;
  const change = versions.length === 0 ? 'created' : 'updated';
  const version = document.version ?? String(ordinal);
  const registered = versions.some((one) => one.version === version);
  return { kind, id, version, digest, change, ordinal, registered, document };
}

function planStaged(document: CheckedDocument, versions: readonly Standing[]): Planned {
  const { kind, id, digest } = document;
  const version = document.version!;
  const registered = versions.some((one) => one.version === version);
  return {
    kind,
    id,
    version,
    digest,
    change: registered ? 'unchanged' : 'staged',
    ordinal: null,
    registered,
    document,
  };
}

/** A version never changes; and one that was replaced comes back by being promoted, not because an old file is applied again. */
function conflictOf(document: CheckedDocument, versions: readonly Standing[], stage: boolean): ErrorDetail | undefined {
  const same = versions.find((version) => version.version === document.version);
  if (same === undefined) return undefined;
  const superseded = !same.active && same.ordinal !== null;
  if (same.digest === document.digest && (stage || !superseded)) return undefined;
  const name = `${document.id}@${same.version}`;
  const readsFiles = Object.values((document.spec as Profile).lookups ?? {}).some(({ file }) => file !== undefined);
  const ofFiles = readsFiles ? ' (what its reference files hold counts)' : '';
  const message =
    same.digest === document.digest
      ? `Profile ${name} was replaced by another version; bring it back with \`chartly profile promote ${name}\`, or raise the version`
      : `Profile ${name} is registered already with other content${ofFiles}; raise its version`;
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
  for (const planned of changed) {
    if (planned.ordinal !== null) await deactivate(tx, context.tenantId, planned);
    if (planned.registered) await activate(tx, context.tenantId, planned, planned.ordinal!, at);
    else await insert(tx, context, planned, at);
  }
  if (changed.length > 0)
    await deps.audit.append(
      changed.map((planned) => entryOf(context, planned)),
      tx,
    );
}

type Named = Pick<AppliedDocument, 'kind' | 'id' | 'version'>;

/** Whichever version is active is so no longer. */
export async function deactivate(tx: Sql, tenantId: string, { kind, id }: Omit<Named, 'version'>): Promise<void> {
  await tx.execute(
    'update document set active = false where tenant_id = $1 and kind = $2 and document_id = $3 and active',
    [tenantId, kind, id],
  );
}

/** Makes a registered version the active one; no other may be. */
export async function activate(
  tx: Sql,
  tenantId: string,
  { kind, id, version }: Named,
  ordinal: number,
  at: string,
): Promise<void> {
  await tx.execute(
    `update document set active = true, ordinal = $5, activated_at = $6
     where tenant_id = $1 and kind = $2 and document_id = $3 and version = $4`,
    [tenantId, kind, id, version, ordinal, at],
  );
}

async function insert(tx: Sql, context: RequestContext, planned: Planned, at: string): Promise<void> {
  const { kind, id, ordinal, version, digest, document } = planned;
  const active = ordinal !== null;
  await tx.execute(
    `insert into document (tenant_id, kind, document_id, ordinal, version, digest, spec, active, applied_at, applied_by, activated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      context.tenantId,
      kind,
      id,
      ordinal,
      version,
      digest,
      JSON.stringify(document.spec),
      active,
      at,
      context.actor,
      active ? at : null,
    ],
  );
}

function entryOf(context: RequestContext, { kind, id, version, digest, ordinal }: Planned): NewEntry {
  return {
    tenantId: context.tenantId,
    actor: context.actor,
    action: ordinal === null ? `${kind}.staged` : `${kind}.applied`,
    resource: `${kind}:${id}@${version}`,
    outcome: 'succeeded',
    details: { id, version, digest, ...(ordinal === null ? {} : { ordinal }) },
    dedupeKey: ordinal === null ? `${kind}:${id}:staged:${version}` : `${kind}:${id}:${ordinal}`,
  };
}
