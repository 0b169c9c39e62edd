import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { createConnectorHub } from '#connector-hub';
import type { Counts, Profile, Source } from '#contracts';
import { ChartlyError, newUuid, silentLogger, systemClock } from '#kit';
import { inferProfile, preview } from '#normalizer';
import { createObserver } from '#observer';
import { createFileBlobStore } from '#storage';
import { commentedYaml } from './commented-yaml.ts';

export interface DraftOptions {
  /** A file, or the URL of an upstream. */
  target: string;
  /** The workspace that the documents are for. */
  dir: string;
  /** Id of source, profile and report (default: the file's name). */
  name?: string | undefined;
  format?: Profile['format'] | undefined;
  /** Rows to look at (default: all). */
  limit?: number | undefined;
  env: Record<string, string | undefined>;
}

export interface WorkspaceDraft {
  id: string;
  /** Text by path in the workspace. */
  files: Record<string, string>;
  /** A data file from outside of the workspace, to be copied there: sources read below their workspace alone. */
  copy: { from: string; to: string } | undefined;
  /** What the drafted profile makes of all of the data. */
  counts: Counts;
  /** Reason codes of quarantined rows, with their number among the first thousand. */
  reasons: Record<string, number>;
}

interface Payload {
  open: () => AsyncIterable<Uint8Array>;
  source: (id: string) => Source;
  note: string | undefined;
  copy: WorkspaceDraft['copy'];
  close: () => Promise<void>;
}

/**
 * Drafts a source, a profile and a report from data, and writes nothing. Errors: `not_found` for a file that is not there, what the
 * upstream's connector throws, `validation_failed` when there are no rows.
 */
export async function draftWorkspace(options: DraftOptions): Promise<WorkspaceDraft> {
  const remote = /^https?:\/\//i.test(options.target);
  const payload = remote ? await fetched(options) : await local(options);
  try {
    return await draftFrom(options, payload);
  } finally {
    await payload.close();
  }
}

async function draftFrom(options: DraftOptions, payload: Payload): Promise<WorkspaceDraft> {
  const { open } = payload;
  const name = options.name ?? nameOf(options.target);
  const { id, profile, report, notes } = await inferProfile({
    open,
    name,
    format: options.format,
    limit: options.limit,
  });
  const { counts, rejections } = await preview(profile, open, { keep: 1000 });
  const reasons: Record<string, number> = {};
  for (const { reason } of rejections) reasons[reason] = (reasons[reason] ?? 0) + 1;
  const source = payload.source(id);
  const sourceNotes = payload.note === undefined ? [] : [{ pointer: '/http/url', text: payload.note }];
  const share = `${counts.records} records of ${counts.candidates} candidates (${counts.quarantined} quarantined, ${counts.deduplicated} deduplicated, ${counts.skipped} skipped)`;
  const files = {
    [`sources/${id}.yaml`]: commentedYaml(source, sourceNotes, 'Drafted from data; change what you know better.'),
    [`profiles/${id}.yaml`]: commentedYaml(
      profile,
      notes.profile,
      `Drafted from data: ${share}.\nComments say why; a guess says so. Once applied, a change needs a new version.`,
    ),
    [`reports/${id}.yaml`]: commentedYaml(
      report,
      notes.report,
      'Drafted from data: a first look, to be made your own.',
    ),
  };
  return { id, files, copy: payload.copy, counts, reasons };
}

function nameOf(target: string): string {
  const path = /^https?:/i.test(target) ? new URL(target).pathname.replace(/\/+$/, '') : target;
  // A compressed file is named for what it holds.
  const file = basename(path).replace(/(?<=\.[a-z]+)\.(?:gz|zst)$/i, '');
  return file === '' ? new URL(target).hostname : file.slice(0, file.length - extname(file).length);
}

async function local({ target, dir }: DraftOptions): Promise<Payload> {
  const from = resolve(target);
  const found = await stat(from).catch(() => undefined);
  if (found?.isFile() !== true) throw new ChartlyError('not_found', `There is no file ${target}.`);
  const below = relative(resolve(dir), from);
  const inside = below !== '' && !isAbsolute(below) && below.split(sep)[0] !== '..';
  const path = inside ? below.split(sep).join('/') : `data/${basename(from)}`;
  return {
    open: () => createReadStream(from),
    source: (id) => ({ source: id, connector: 'file', profile: id, file: { path } }),
    note: undefined,
    copy: inside ? undefined : { from, to: path },
    close: async () => {},
  };
}

const secretName = /key|token|secret|password|signature|auth/i;

/** Asks the upstream once, by the connector that will ask it later. */
async function fetched({ target, env, dir }: DraftOptions): Promise<Payload> {
  const temporary = await mkdtemp(join(tmpdir(), 'chartly-infer-'));
  const close = async (): Promise<void> => rm(temporary, { recursive: true, force: true });
  const url = new URL(target);
  const allow = isPrivate(url.hostname) ? { allow_private: true } : {};
  try {
    const blobs = createFileBlobStore({ dir: temporary });
    const { metrics } = createObserver({ env: 'local', level: 'silent' });
    const hub = createConnectorHub({
      blobs,
      logger: silentLogger,
      metrics,
      clock: systemClock,
      workspaceDir: dir,
      env,
    });
    const source: Source = { source: 'infer', profile: 'infer', connector: 'http', http: { url: target, ...allow } };
    const task = { tenantId: 'default', runId: newUuid(), requestId: newUuid(), source, state: undefined };
    for await (const { raw } of hub.fetch({ ...task, signal: new AbortController().signal })) {
      const kept = withoutSecrets(url);
      return {
        open: () => blobs.read(raw.bucket, raw.sha256),
        source: (id) => ({ source: id, connector: 'http', profile: id, http: { url: kept.url, ...allow } }),
        note: kept.note,
        copy: undefined,
        close,
      };
    }
    throw new ChartlyError('upstream_error', `The upstream gave no payload.`);
  } catch (error) {
    await close();
    throw error;
  }
}

/** The user named this address: it is meant. */
function isPrivate(host: string): boolean {
  return /^(?:localhost|127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|\[(?:::1|f[cd]))/i.test(host);
}

/** A secret in a query becomes a reference: workspaces are kept in git. */
function withoutSecrets(url: URL): { url: string; note: string | undefined } {
  const names: string[] = [];
  let text = url.href;
  for (const [name, value] of url.searchParams) {
    if (!secretName.test(name) || value === '' || value.startsWith('${')) continue;
    const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_');
    const query = new URLSearchParams({ [name]: value }).toString();
    if (text.includes(query)) text = text.replace(query, () => `${encodeURIComponent(name)}=\${env:${variable}}`);
    names.push(variable);
  }
  const note =
    names.length === 0 ? undefined : `guess: a secret, so it is read from the environment: ${names.join(', ')}`;
  return { url: text, note };
}
