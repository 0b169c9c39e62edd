/** A proposed edit in a profile's file, which keeps its comments. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument, stringify, type Document } from 'yaml';
import { validator, type DriftEvent, type PatchOperation, type Profile } from '#contracts';
import { ChartlyError } from '#kit';
import { checkProfile } from '#normalizer';
import { readWorkspace } from './workspace.ts';

export interface EditedText {
  before: string;
  after: string;
  version: string;
}

/**
 * Applies the edit that a drift event proposes, and raises the version if it is still the one that met the change. Errors: `conflict` when the text has changed
 * so that the edit does not fit; `profile_invalid` when what comes out does not compile.
 */
export function editProfile(text: string, event: DriftEvent): EditedText {
  if (event.edit.length === 0) {
    throw new ChartlyError('conflict', 'The event has no edit to apply.', { action: event.note });
  }
  const document = parseDocument(text);
  for (const operation of event.edit) applyTo(document, operation);
  if (document.get('version') === event.profile_version) document.set('version', nextMinor(event.profile_version));
  const profile: unknown = document.toJS();
  const check = validator('profiles/profile');
  if (!check(profile)) {
    throw new ChartlyError('profile_invalid', 'The profile with the edit is no profile.', {
      details: check.explain(profile),
    });
  }
  checkProfile(profile);
  return {
    before: text,
    after: document.toString({ lineWidth: 0, flowCollectionPadding: true }),
    version: profile.version,
  };
}

/** The edit in the profile as it was applied, without its comments. */
export function editedSpec(profile: Profile, event: DriftEvent): EditedText {
  return editProfile(stringify(profile, { lineWidth: 0 }), event);
}

/** The edit in the workspace's file. Writes nothing. Errors: those of reading a workspace; `not_found`; as editProfile. */
export async function editWorkspaceProfile(dir: string, event: DriftEvent): Promise<EditedText & { file: string }> {
  const { documents } = await readWorkspace(dir);
  const found = documents.find(({ kind, spec }) => kind === 'profile' && (spec as Partial<Profile> | null)?.profile === event.profile_id); // prettier-ignore
  if (found === undefined) {
    throw new ChartlyError('not_found', `The workspace ${dir} has no profile ${event.profile_id}.`, {
      action: 'Name the workspace with --dir, or a file with --write.',
    });
  }
  return editProfileFile(join(dir, found.file), event);
}

/** The edit in one file. Writes nothing. Errors: `not_found`; as editProfile. */
export async function editProfileFile(file: string, event: DriftEvent): Promise<EditedText & { file: string }> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ChartlyError('not_found', `There is no file ${file} that can be read.`, { cause });
  });
  return { file, ...editProfile(text, event) };
}

function applyTo(document: Document, { op, path, value }: PatchOperation): void {
  const steps = path.split('/').slice(1).map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~')); // prettier-ignore
  const at = steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  if (op !== 'add' && !document.hasIn(at)) throw gone(path);
  if (op === 'add' && !document.hasIn(at.slice(0, -1))) throw gone(path);
  if (op === 'remove') document.deleteIn(at);
  else if (typeof value === 'object' && value !== null)
    document.setIn(at, document.createNode(value, { flow: !isBlock(at) }));
  else document.setIn(at, value);
}

function isBlock(steps: readonly (string | number)[]): boolean {
  return steps.at(-1) === 'dimensions' || steps.at(-1) === 'measures';
}

function gone(path: string): ChartlyError {
  return new ChartlyError('conflict', `The profile has nothing at ${path} any more.`, {
    action: 'The file has changed since; edit it by hand.',
  });
}

function nextMinor(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return `${major}.${Number(minor) + 1}.0`;
}
