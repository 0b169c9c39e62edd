/** What can be said of a workspace's documents before anything is written. */
import type { Analytics } from '#analytics';
import type { ConnectorHub } from '#connector-hub';
import { validator, type Profile, type Report, type Source } from '#contracts';
import { canonicalJson, ChartlyError, sha256Hex, type ErrorDetail } from '#kit';
import type { Normalizer } from '#normalizer';
import type { DocumentKind } from './documents.ts';
import type { WorkspaceDocument } from './index.ts';

/** A document that its contract and its compiler accepted. */
export interface CheckedDocument {
  kind: DocumentKind;
  id: string;
  /** Profiles state their version; sources and reports are counted. */
  version: string | undefined;
  digest: string;
  spec: Profile | Report | Source;
  file: string | undefined;
}

export interface Checkers {
  hub: ConnectorHub;
  normalizer: Normalizer;
  analytics: Analytics;
}

const contracts = { source: 'sources/source', profile: 'profiles/profile', report: 'reports/report' } as const;

/** The ids that exist already. */
export interface Applied {
  sources: ReadonlySet<string>;
  profiles: ReadonlySet<string>;
}

/** Checks every document by itself, then the references between them. */
export async function checkDocuments(
  checkers: Checkers,
  documents: readonly WorkspaceDocument[],
  applied: Applied,
): Promise<{ checked: CheckedDocument[]; problems: ErrorDetail[] }> {
  const problems: ErrorDetail[] = [];
  const connectors = await connectorNames(checkers.hub, documents);
  const checked: CheckedDocument[] = [];
  for (const document of documents) {
    const found = checkOne(checkers, connectors, document);
    problems.push(...found.map((problem) => located(document.file, problem)));
    if (found.length === 0) checked.push(describe(document));
  }
  problems.push(...duplicates(checked), ...danglingReferences(checked, documents, applied));
  return { checked, problems };
}

/** What is wrong with the reference files of profiles that are right otherwise. */
export async function tableProblems(
  normalizer: Normalizer,
  documents: readonly CheckedDocument[],
): Promise<ErrorDetail[]> {
  const problems: ErrorDetail[] = [];
  for (const { kind, spec, file } of documents) {
    if (kind !== 'profile') continue;
    try {
      await normalizer.checkTables(spec as Profile);
    } catch (error) {
      if (!(error instanceof ChartlyError) || error.code !== 'profile_invalid') throw error;
      problems.push(...error.details.map((problem) => located(file, problem)));
    }
  }
  return problems;
}

/** A document that is there but broken is no missing reference: it has its own problem. */
function danglingReferences(
  checked: readonly CheckedDocument[],
  documents: readonly WorkspaceDocument[],
  applied: Applied,
): ErrorDetail[] {
  const idsOf = (kind: 'source' | 'profile'): string[] =>
    documents.map(({ kind: own, spec }) => (own === kind ? claimedId(kind, spec) : ''));
  const known = {
    source: new Set([...applied.sources, ...idsOf('source')]),
    profile: new Set([...applied.profiles, ...idsOf('profile')]),
  };
  return checked.flatMap((document) =>
    referencesOf(document)
      .filter(({ kind, id }) => !known[kind].has(id))
      .map(({ kind, id, pointer }) =>
        located(document.file, { pointer, message: `there is no ${kind} ${id} here, and none is applied` }),
      ),
  );
}

function referencesOf({ kind, spec }: CheckedDocument): { kind: 'source' | 'profile'; id: string; pointer: string }[] {
  if (kind === 'source') return [{ kind: 'profile', id: (spec as Source).profile, pointer: '/profile' }];
  if (kind === 'profile') return lookedUpSources(spec as Profile);
  return (spec as Report).sections.flatMap(({ query }, n) =>
    query.source === undefined
      ? []
      : [{ kind: 'source' as const, id: query.source, pointer: `/sections/${n}/query/source` }],
  );
}

function lookedUpSources({ lookups = {} }: Profile): { kind: 'source'; id: string; pointer: string }[] {
  return Object.entries(lookups).flatMap(([name, { entities }]) =>
    entities?.source === undefined
      ? []
      : [{ kind: 'source' as const, id: entities.source, pointer: `/lookups/${name}/entities/source` }],
  );
}

function checkOne(checkers: Checkers, connectors: readonly string[], document: WorkspaceDocument): ErrorDetail[] {
  const contract = contracts[document.kind];
  if (contract === undefined) return [{ pointer: '', message: 'is neither a source, a profile nor a report' }];
  const check = validator(contract);
  if (!check(document.spec)) {
    return check.explain(document.spec).map(({ pointer, message }) => ({ pointer, message }));
  }
  switch (document.kind) {
    case 'source':
      return checkSource(connectors, document.spec as Source);
    case 'profile':
      return problemsOf(() => checkers.normalizer.check(document.spec as Profile));
    case 'report':
      return problemsOf(() => checkers.analytics.checkReport(document.spec as Report));
  }
}

/** Asked only for documents that name one. */
async function connectorNames(hub: ConnectorHub, documents: readonly WorkspaceDocument[]): Promise<string[]> {
  if (!documents.some(({ kind }) => kind === 'source')) return [];
  return (await hub.connectors()).map(({ name }) => name);
}

function checkSource(names: readonly string[], source: Source): ErrorDetail[] {
  if (names.includes(source.connector)) return [];
  return [
    { pointer: '/connector', message: `there is no connector ${source.connector}; there are ${names.join(', ')}` },
  ];
}

function problemsOf(check: () => void): ErrorDetail[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof ChartlyError)) throw error;
    return error.details.length > 0 ? error.details : [{ pointer: '', message: error.message }];
  }
}

function describe({ kind, spec, file }: WorkspaceDocument): CheckedDocument {
  const typed = spec as Profile & Report & Source;
  return {
    kind,
    id: kind === 'source' ? typed.source : kind === 'profile' ? typed.profile : typed.report,
    version: kind === 'profile' ? typed.version : undefined,
    digest: sha256Hex(canonicalJson(spec)),
    spec: typed,
    file,
  };
}

function duplicates(checked: readonly CheckedDocument[]): ErrorDetail[] {
  const seen = new Map<string, CheckedDocument>();
  const problems: ErrorDetail[] = [];
  for (const document of checked) {
    const name = `${document.kind} ${document.id}`;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, document);
    else {
      const message = `${name} is defined twice${first.file === undefined ? '' : `, first in ${first.file}`}`;
      problems.push(located(document.file, { pointer: `/${document.kind}`, message }));
    }
  }
  return problems;
}

function claimedId(kind: 'source' | 'profile', spec: unknown): string {
  const id = (spec as Record<string, unknown> | null)?.[kind];
  return typeof id === 'string' ? id : '';
}

function located(file: string | undefined, problem: ErrorDetail): ErrorDetail {
  return file === undefined ? problem : { ...problem, file };
}
