/** What a repair would change, said before it is done. Nothing here writes to the tables that anybody reads. */
import type { Analytics, Cell, SectionChange } from '#analytics';
import type { Profile, RecoveryPreview, ReplayPreview } from '#contracts';
import { canonicalJson, ChartlyError, isoMs, sha256Hex } from '#kit';
import { type AppliedProfile, type Concealer, createConcealer, type Normalizer, type Rehearsal } from '#normalizer';
import type { Relational, Sql, StoredRecord } from '#storage';
import { activeDocuments, activeSource, asActive, documentVersion, nextOrdinal } from './documents.ts';
import { guardFor } from './drift-job.ts';
import type { Orchestrator, ProfileChoice } from './index.ts';
import { refusedPayloads, replayPayloads } from './replay-payloads.ts';
import { refuseOlder, replayProfile } from './replay-request.ts';

export interface PreviewDeps {
  relational: Relational;
  normalizer: Normalizer;
  analytics: Analytics;
}

type Previews = Pick<Orchestrator, 'previewReplay' | 'previewRecovery' | 'diffProfiles'>;

const examples = 20;
const cells = 100;

/** The previewing half of the orchestrator. */
export function createPreviews(deps: PreviewDeps): Previews {
  return {
    previewReplay: (tenantId, request) => previewReplay(deps, tenantId, request),
    previewRecovery: (tenantId, request) => previewRecovery(deps, tenantId, request),
    diffProfiles: (tenantId, request) => diffProfiles(deps, tenantId, request),
  };
}

async function previewReplay(
  deps: PreviewDeps,
  tenantId: string,
  { sourceId, profileVersion, profile: candidate, ...scope }: Parameters<Previews['previewReplay']>[1],
): Promise<ReplayPreview> {
  const { relational, normalizer } = deps;
  const { source, profile: active } = await activeSource(relational, tenantId, sourceId);
  const profile =
    candidate !== undefined
      ? await asApplied(deps, tenantId, candidate)
      : profileVersion === undefined
        ? active
        : await named(relational, tenantId, `${source.profile}@${profileVersion}`);
  if (profile.profile.profile !== source.profile) {
    throw new ChartlyError('validation_failed', `Source ${sourceId} is mapped by profile ${source.profile}.`, {
      details: [{ pointer: '/profile/profile', message: `must be ${source.profile}` }],
    });
  }
  await refuseOlder(relational, tenantId, sourceId, profile);
  const payloads = await replayPayloads(relational, { tenantId, sourceId }, scope, profile);
  const signal = new AbortController().signal;
  const guard = await guardFor(relational, tenantId, sourceId, profile);
  const rehearsal = await normalizer.rehearse({ tenantId, sourceId, payloads, profile, signal, guard, examples });
  return using(rehearsal, async () => {
    const conceal = createConcealer(profile.profile);
    const reports = await compareReports(deps, { tenantId, sourceId, after: rehearsal.store }, conceal);
    const quarantine = rehearsal.reasons.map(({ reason_code, open, recovered, after }) => ({
      reason_code,
      before: open,
      recovered,
      after,
    }));
    return { ...viewOf(sourceId, profile, rehearsal, conceal), quarantine, reports };
  });
}

/** Both versions alone, each in a fork: the second one's origin is the first one's. */
async function diffProfiles(
  deps: PreviewDeps,
  tenantId: string,
  request: Parameters<Previews['diffProfiles']>[1],
): Promise<ReplayPreview> {
  const [a, b] = [await chosen(deps, tenantId, request.a), await chosen(deps, tenantId, request.b)];
  const sourceId = request.sourceId ?? (await onlySource(deps.relational, tenantId, a.profile.profile));
  await activeSource(deps.relational, tenantId, sourceId);
  const payloads = await replayPayloads(deps.relational, { tenantId, sourceId }, {}, b);
  const signal = new AbortController().signal;
  // Versions are compared, not what was known when each was applied.
  const common = { tenantId, sourceId, payloads, reading: 'now' as const, signal, examples };
  const guardOf = (profile: AppliedProfile) => guardFor(deps.relational, tenantId, sourceId, profile);
  const first = await deps.normalizer.rehearse({ ...common, profile: { ...a, ordinal: 1 }, guard: await guardOf(a), alone: true }); // prettier-ignore
  return using(first, async () => {
    const profile = { ...b, ordinal: 2 };
    const second = await deps.normalizer.rehearse({ ...common, profile, guard: await guardOf(b), base: first.store });
    return using(second, async () => {
      const stores = { before: first.store, after: second.store };
      const conceal = createConcealer(b.profile);
      const reports = await compareReports(deps, { tenantId, sourceId, ...stores }, conceal);
      const view = viewOf(sourceId, b, second, conceal);
      return { ...view, compared_to: versionOf(a), quarantine: quarantineOf(first, second), reports };
    });
  });
}

async function previewRecovery(
  deps: PreviewDeps,
  tenantId: string,
  { sourceId, profile: choice }: Parameters<Previews['previewRecovery']>[1],
): Promise<RecoveryPreview[]> {
  const { relational, normalizer } = deps;
  if (sourceId !== undefined) await activeSource(relational, tenantId, sourceId);
  const given = choice === undefined ? undefined : await chosen(deps, tenantId, choice);
  const sources = await relational.query<{ source_id: string; profile: string }>(
    `select d.document_id as source_id, d.spec->>'profile' as profile from document d
     where d.tenant_id = $1 and d.kind = 'source' and d.active and ($2::text is null or d.document_id = $2)
       and ($3::text is null or d.spec->>'profile' = $3)
       and exists (select 1 from quarantine q where q.tenant_id = $1 and q.source_id = d.document_id and q.state = 'open')
     order by d.document_id`,
    [tenantId, sourceId ?? null, given?.profile.profile ?? null],
  );
  const items: RecoveryPreview[] = [];
  for (const { source_id: id } of sources) {
    const profile = given ?? (await replayProfile(relational, tenantId, id, undefined));
    const payloads = await refusedPayloads(relational, tenantId, id);
    const signal = new AbortController().signal;
    const guard = await guardFor(relational, tenantId, id, profile);
    const { reasons } = await normalizer.judge({ tenantId, sourceId: id, payloads, profile, signal, guard });
    const open = reasons.filter((reason) => reason.open > 0);
    items.push({
      source_id: id,
      profile: { id: profile.profile.profile, version: profile.profile.version },
      open: sum(open.map((reason) => reason.open)),
      recovered: sum(open.map((reason) => reason.recovered)),
      reasons: open.map((reason) => ({
        reason_code: reason.reason_code,
        open: reason.open,
        recovered: reason.recovered,
      })),
    });
  }
  return items;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function using<T>({ store }: Rehearsal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await store.close();
  }
}

async function compareReports(
  { relational, analytics }: PreviewDeps,
  task: Omit<Parameters<Analytics['compare']>[0], 'reports' | 'cells'>,
  conceal: Concealer | undefined,
): Promise<ReplayPreview['reports']> {
  const rows = await activeDocuments(relational, task.tenantId, 'report');
  const reports = rows.map((row) => row.spec as Parameters<Analytics['compare']>[0]['reports'][number]);
  const changes = await analytics.compare({ ...task, reports, cells });
  return conceal === undefined ? changes : changes.map((change) => concealedCells(change, conceal));
}

/** A candidate as it would be applied: under its own ordinal when it is the active version, else as the newest. Errors: `profile_invalid`. */
async function asApplied({ relational, normalizer }: PreviewDeps, tenantId: string, profile: Profile) {
  normalizer.check(profile);
  const digest = sha256Hex(canonicalJson(profile));
  const [active] = await relational.query<{ ordinal: number }>(
    `select ordinal from document where tenant_id = $1 and kind = 'profile' and document_id = $2 and active and digest = $3`,
    [tenantId, profile.profile, digest],
  );
  return { profile, digest, ordinal: active?.ordinal ?? (await nextOrdinal(relational, tenantId, profile.profile)) };
}

async function chosen(deps: PreviewDeps, tenantId: string, choice: ProfileChoice): Promise<AppliedProfile> {
  return 'profile' in choice
    ? asApplied(deps, tenantId, choice.profile)
    : named(deps.relational, tenantId, choice.applied);
}

/** A registered version, `id@1.0.0`, as if it were promoted. Errors: `not_found`. */
async function named(sql: Sql, tenantId: string, name: string): Promise<AppliedProfile> {
  const at = name.indexOf('@');
  const row = await documentVersion(sql, tenantId, 'profile', name.slice(0, at), name.slice(at + 1));
  if (row !== undefined) return asActive(sql, tenantId, row);
  throw new ChartlyError('not_found', `Profile ${name} is not registered.`, { action: 'See `chartly profile list`.' });
}

async function onlySource(sql: Sql, tenantId: string, profileId: string): Promise<string> {
  const sources = (await activeDocuments(sql, tenantId, 'source')).filter(
    (row) => (row.spec as { profile: string }).profile === profileId,
  );
  if (sources.length === 1) return sources[0]!.document_id;
  const names = sources.map((row) => row.document_id).join(', ');
  throw new ChartlyError(
    'validation_failed',
    sources.length === 0
      ? `No source uses profile ${profileId}.`
      : `Several sources use profile ${profileId}: ${names}.`,
    { action: 'Name the source whose payloads are to be compared.' },
  );
}

type View = Omit<ReplayPreview, 'quarantine' | 'reports' | 'compared_to'>;

function viewOf(
  sourceId: string,
  profile: AppliedProfile,
  { payloads, counts, changes }: Rehearsal,
  conceal: Concealer | undefined,
): View {
  const { examples: found, ...records } = changes;
  return {
    source_id: sourceId,
    profile: versionOf(profile),
    payloads,
    counts,
    records,
    examples: found.map(({ change, recordId, before, after }) => ({
      change,
      record_id: recordId,
      ...(before === undefined ? {} : { before: fieldsOf(concealed(before, conceal)) }),
      ...(after === undefined ? {} : { after: fieldsOf(after) }),
    })),
  };
}

/** What other versions made may hold what this one's policy hides. */
function concealed(record: StoredRecord, conceal: Concealer | undefined): StoredRecord {
  if (conceal === undefined) return record;
  const dimensions = Object.entries(record.dimensions).map(([name, text]) => [name, conceal(name, text)] as const);
  // A number is shown or left out.
  const isShown = (name: string, text: string): boolean => conceal(name, text) === text;
  const exact = Object.entries(record.exact ?? {}).filter(([name, digits]) => isShown(name, digits));
  const measures = Object.entries(record.measures).filter(([name, n]) =>
    isShown(name, record.exact?.[name] ?? String(n)),
  );
  return {
    ...record,
    name: conceal('name', record.name),
    dimensions: Object.fromEntries(dimensions),
    measures: Object.fromEntries(measures),
    exact: exact.length === 0 ? undefined : Object.fromEntries(exact),
  };
}

/** Of cells what was there before, and of rows that will not be there any more what names them. */
function concealedCells(change: SectionChange, conceal: Concealer): SectionChange {
  const hide = (column: string, cell: Cell): Cell => {
    const left = conceal(column, String(cell));
    return cell === null || left === String(cell) ? cell : left;
  };
  const cells = change.cells.map(({ row, column, before, after }) => ({
    row: after === null ? Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, hide(name, cell)])) : row,
    column,
    before: hide(column, before),
    after,
  }));
  return { ...change, cells };
}

function versionOf({ profile, digest }: AppliedProfile): ReplayPreview['profile'] {
  return { id: profile.profile, version: profile.version, digest };
}

function fieldsOf(record: StoredRecord): NonNullable<ReplayPreview['examples'][number]['after']> {
  const { kind, name, tsMs, value, unit, dimensions, measures, exact } = record;
  return {
    kind,
    name,
    ...(tsMs === undefined ? {} : { ts: isoMs(tsMs) }),
    ...(value === undefined ? {} : { value, unit }),
    dimensions,
    measures,
    ...(exact === undefined ? {} : { exact }),
  };
}

/** What each version refuses. */
function quarantineOf(first: Rehearsal, second: Rehearsal): ReplayPreview['quarantine'] {
  const codes = [...new Set([...first.reasons, ...second.reasons].map((reason) => reason.reason_code))].sort();
  const refused = (of: Rehearsal, code: string): number =>
    of.reasons.find((reason) => reason.reason_code === code)?.refused ?? 0;
  return codes
    .map((code) => ({ reason_code: code, before: refused(first, code), after: refused(second, code) }))
    .filter(({ before, after }) => before + after > 0);
}
