/** A proposed edit in a profile's file, which keeps its comments. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isNode, parseDocument, stringify, type Document } from 'yaml';
import { schemas, validator, type DriftEvent, type PatchOperation, type Profile } from '#contracts';
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
  const lines = keptLines(text, document);
  const change = (work: () => void): void => lines.changed(work);
  for (const operation of event.edit) change(() => applyTo(document, operation));
  if (document.get('version') === event.profile_version)
    change(() => document.set('version', nextMinor(event.profile_version)));
  const profile: unknown = document.toJS();
  const check = validator('profiles/profile');
  if (!check(profile)) {
    const details = check.explain(profile);
    throw new ChartlyError('profile_invalid', 'The profile with the edit is no profile.', { details });
  }
  checkProfile(profile);
  return { before: text, after: lines.text(), version: profile.version };
}

/** Writing YAML anew takes its own spaces; lines that an edit does not touch stay as their author wrote them. */
function keptLines(original: string, document: Document) {
  const written = (): string[] => document.toString({ lineWidth: 0, flowCollectionPadding: true }).split('\n');
  const plain = (line: string): string => line.replaceAll(/\s/g, '');
  let now = written();
  const own = original.split('\n');
  const alike = own.length === now.length && own.every((line, i) => plain(line) === plain(now[i]!));
  let kept = alike ? own : now;
  return {
    /** One edit changes one stretch of lines. */
    changed(work: () => void): void {
      work();
      const next = written();
      let start = 0;
      while (start < now.length && now[start] === next[start]) start++;
      let end = 0;
      while (end < Math.min(now.length, next.length) - start && now.at(-1 - end) === next.at(-1 - end)) end++;
      kept = [...kept.slice(0, start), ...next.slice(start, next.length - end), ...kept.slice(kept.length - end)];
      now = next;
    },
    text: () => kept.join('\n'),
  };
}

/** The edit in the profile as it was applied, without its comments. */
export function editedSpec(profile: Profile, event: DriftEvent): EditedText {
  return editProfile(stringify(inOrder(profile, shape), { lineWidth: 0 }), event);
}

const contract = schemas['profiles/profile'];
const shape = { own: Object.keys(contract.properties), records: Object.keys(contract.$defs.record.properties) };

/** Stored documents have their members in any order; people know the contract's. */
function inOrder(profile: Profile, { own, records }: typeof shape): object {
  const ordered = (value: object, names: readonly string[]): object =>
    Object.fromEntries(Object.entries(value).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b)));
  return ordered({ ...profile, records: profile.records.map((record) => ordered(record, records)) }, own);
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
  else if (typeof value === 'object' && value !== null) {
    const node = document.createNode(value, { flow: !isBlock(at) });
    const before = document.getIn(at, true);
    // What its author said of the rule is said of it still.
    if (isNode(before)) Object.assign(node, { comment: before.comment, commentBefore: before.commentBefore });
    document.setIn(at, node);
  } else document.setIn(at, value);
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
