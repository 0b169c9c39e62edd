// A workspace is files in git: chartly.yaml, sources/*.yaml, profiles/*.yaml, reports/*.yaml, and policies/*.yaml that profiles name.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Policy, validator, type Workspace } from '#contracts';
import { ChartlyError, type ErrorDetail } from '#kit';
import type { WorkspaceDocument } from '#orchestrator';
import { pinLookups, type ReferenceFile } from './pin-lookups.ts';
import { addPolicy, strayFields, withPolicy } from './policies.ts';
import { parseYaml, type Position, type SourceText } from './yaml-source.ts';

export interface LoadedWorkspace {
  workspace: Workspace;
  /** `file` is relative to the workspace. Ordered by kind, then file. Profiles name the content of their reference files. */
  documents: (WorkspaceDocument & { file: string })[];
  /** Contents of the reference files that profiles name. */
  references: ReferenceFile[];
  /**
   * Where a file says what an RFC 6901 pointer names: the key when there is one, else the nearest thing around it.
   * Lines and columns count from 1. Undefined for a file that is not of this workspace.
   */
  locate: (file: string, pointer: string) => Position | undefined;
}

const manifest = 'chartly.yaml';
const folders = { source: 'sources', profile: 'profiles', report: 'reports' } as const;

/**
 * Reads a workspace without judging its documents. Errors: `not_found` when the directory is no workspace;
 * `workspace_invalid` with file, line and column of everything that is not YAML, or not as chartly.yaml
 * must be, and of reference files that cannot be read.
 */
export async function readWorkspace(dir: string): Promise<LoadedWorkspace> {
  const texts = new Map<string, SourceText>();
  const problems: ErrorDetail[] = [];

  async function load(file: string): Promise<unknown> {
    const parsed = parseYaml(await readText(dir, file));
    texts.set(file, parsed);
    problems.push(...parsed.problems.map((problem) => ({ file, ...problem })));
    return parsed.value;
  }

  const workspace = await load(manifest);
  const policies = new Map<string, Policy>();
  const policyFiles = new Map<string, string>();
  for (const name of await yamlFiles(join(dir, 'policies'))) {
    const file = `policies/${name}`;
    const before = problems.length;
    const value = await load(file);
    if (problems.length > before) continue;
    const found = addPolicy(policies, value);
    problems.push(...found.map((problem) => ({ file, ...problem, ...texts.get(file)?.locate(problem.pointer ?? '') })));
    if (found.length === 0) policyFiles.set((value as Policy).policy!, file);
  }
  const documents: LoadedWorkspace['documents'] = [];
  for (const [kind, folder] of Object.entries(folders) as [WorkspaceDocument['kind'], string][]) {
    for (const name of await yamlFiles(join(dir, folder))) {
      const file = `${folder}/${name}`;
      const spec = await load(file);
      documents.push({ kind, file, spec });
    }
  }
  const profiles = documents.filter(({ kind }) => kind === 'profile');
  for (const { policy, ...problem } of strayFields(
    policies,
    profiles.map(({ spec }) => spec),
  )) {
    const file = policyFiles.get(policy)!;
    problems.push({ file, ...problem, ...texts.get(file)?.locate(problem.pointer ?? '') });
  }
  for (const document of profiles) document.spec = withPolicy(document.spec, policies);
  const references: ReferenceFile[] = [];
  const isProfile = validator('profiles/profile');
  for (const document of documents) {
    const { kind, file, spec } = document;
    if (kind !== 'profile' || !isProfile(spec) || spec.lookups === undefined) continue;
    const pinned = await pinLookups(spec, dir);
    document.spec = pinned.profile;
    references.push(...pinned.references);
    problems.push(
      ...pinned.problems.map((problem) => ({ file, ...problem, ...texts.get(file)?.locate(problem.pointer ?? '') })),
    );
  }
  const locate = (file: string, pointer: string): Position | undefined => texts.get(file)?.locate(pointer);
  if (problems.length === 0) problems.push(...checkManifest(workspace, locate));
  if (problems.length > 0) throw invalid(problems);
  return { workspace: workspace as Workspace, documents, references, locate };
}

function checkManifest(value: unknown, locate: LoadedWorkspace['locate']): ErrorDetail[] {
  const isWorkspace = validator('sources/workspace');
  if (isWorkspace(value)) return [];
  return isWorkspace
    .explain(value)
    .map(({ pointer, message }) => ({ file: manifest, pointer, message, ...locate(manifest, pointer) }));
}

async function readText(dir: string, file: string): Promise<string> {
  try {
    return await readFile(join(dir, file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (file !== manifest || (code !== 'ENOENT' && code !== 'ENOTDIR')) throw error;
    throw new ChartlyError('not_found', `${dir} is not a workspace: it has no ${manifest}.`, {
      action: 'Name the directory of a workspace, or make one with `chartly init DIR`.',
    });
  }
}

async function yamlFiles(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function invalid(details: ErrorDetail[]): ChartlyError {
  const count = details.length === 1 ? 'one problem' : `${details.length} problems`;
  return new ChartlyError('workspace_invalid', `The workspace has ${count}.`, { details });
}
