/** Reads files of the workspace: one page for one file. */
import { open, type FileHandle } from 'node:fs/promises';
import { constants, type BigIntStats } from 'node:fs';
import type { Source } from '#contracts';
import { ChartlyError, type Clock } from '#kit';
import type { BlobStore } from '#storage';
import { cancelledError, throwIfStopped } from './cancel.ts';
import { capBytes, storePayload, tooLarge } from './capture.ts';
import type { Connector } from './connector.ts';
import { contentTypeOfPath } from './content-type.ts';
import type { CapturedPage, FetchTask, SourceState } from './index.ts';
import { limitsOf } from './limits.ts';
import { findWorkspaceFiles, type WorkspaceFile } from './workspace-files.ts';

type Requests = SourceState['requests'];

/** More files than this are read again on every run: the state is stored with every page. */
const rememberedFiles = 500;
/** A file that changed this shortly before it was read may change again without its time showing it. */
const settledMs = 2000;
const readSize = 256 * 1024;

/**
 * A file is unchanged when its size and times are those recorded, or else when its bytes hash the same. Timeouts and
 * retries of the source do not apply to files.
 */
export function createFileConnector(deps: { blobs: BlobStore; clock: Clock; workspaceDir: string }): Connector {
  return {
    name: 'file',
    title: 'File',
    description: 'A file, or the files of a glob, in the workspace.',
    async *fetch(task) {
      throwIfStopped(task.signal);
      const files = await findWorkspaceFiles(deps.workspaceDir, filePath(task.source));
      const resume = task.state?.resume?.run_id === task.runId ? task.state.resume : undefined;
      const rest = resume === undefined ? files : files.filter((file) => file.path > resume.cursor);
      let page = resume === undefined ? 0 : resume.page + 1;
      let requests = present(task.state?.requests ?? {}, files);
      for (const [i, file] of rest.entries()) {
        throwIfStopped(task.signal);
        const captured = await capture(deps, task, file, page, requests);
        requests = remember(requests, requestKey(file), captured);
        const more = i + 1 < rest.length ? { resume: { run_id: task.runId, page, cursor: file.path } } : {};
        yield { raw: captured.raw, unchanged: captured.unchanged, state: { requests, ...more } };
        page++;
      }
    },
  };
}

type Captured = Omit<CapturedPage, 'state'> & { etag: string | undefined };

async function capture(
  deps: { blobs: BlobStore; clock: Clock },
  task: FetchTask,
  file: WorkspaceFile,
  page: number,
  requests: Requests,
): Promise<Captured> {
  const key = requestKey(file);
  const earlier = Object.hasOwn(requests, key) ? requests[key] : undefined;
  const handle = await openFile(file);
  try {
    const stats = await handle.stat({ bigint: true });
    const known =
      earlier !== undefined && (await deps.blobs.stat(earlier.raw.bucket, earlier.raw.sha256)) !== undefined;
    if (known && earlier.etag === fingerprint(stats)) return { raw: earlier.raw, unchanged: true, etag: earlier.etag };
    const at = deps.clock.now();
    const settled = at - Number(stats.mtimeMs) > settledMs && at - Number(stats.ctimeMs) > settledMs;
    const etag = settled ? fingerprint(stats) : undefined;
    const raw = await store(deps.blobs, task, file, { page, at, handle, stats });
    const same = known && raw.sha256 === earlier.raw.sha256 && raw.content_type === earlier.raw.content_type;
    return same ? { raw: earlier.raw, unchanged: true, etag } : { raw, unchanged: false, etag };
  } finally {
    await handle.close();
  }
}

async function store(
  blobs: BlobStore,
  task: FetchTask,
  file: WorkspaceFile,
  { page, at, handle, stats }: { page: number; at: number; handle: FileHandle; stats: BigIntStats },
) {
  const { maxBytes } = limitsOf(task.source);
  if (stats.size > BigInt(maxBytes)) throw tooLarge(file.path, maxBytes);
  const body = capBytes(readWhole(handle, stats, file, task.signal), maxBytes, () => tooLarge(file.path, maxBytes));
  const contentType = task.source.content_type ?? contentTypeOfPath(file.path);
  return storePayload(
    blobs,
    body,
    { task, page, requestKey: requestKey(file) },
    { contentType, at, signal: task.signal },
  );
}

/** The bytes of one state of the file: a file that is written to while it is read is not a payload. */
async function* readWhole(
  handle: FileHandle,
  before: BigIntStats,
  file: WorkspaceFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < before.size;) {
    if (signal.aborted) throw cancelledError(signal);
    const { bytesRead, buffer } = await handle
      .read(Buffer.allocUnsafe(readSize), 0, readSize, position)
      .catch((cause: unknown) => {
        throw unreadable(file, cause);
      });
    if (bytesRead === 0) break;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  if (fingerprint(await handle.stat({ bigint: true })) === fingerprint(before)) return;
  throw new ChartlyError(
    'upstream_error',
    `The file ${file.path} was changed while it was read; nothing of it was kept.`,
    {
      retryable: true,
      retryAfterMs: settledMs,
      action: 'Write files under another name and rename them when complete.',
    },
  );
}

async function openFile(file: WorkspaceFile): Promise<FileHandle> {
  try {
    // The path is resolved already: a symbolic link that appears now is not followed.
    return await open(file.realPath, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new ChartlyError('not_found', `The file ${file.path} is gone.`, { cause });
    }
    throw unreadable(file, cause);
  }
}

function unreadable(file: WorkspaceFile, cause: unknown): ChartlyError {
  const denied = ['EACCES', 'EPERM', 'ELOOP'].includes((cause as NodeJS.ErrnoException).code ?? '');
  return new ChartlyError(denied ? 'upstream_rejected' : 'upstream_error', `The file ${file.path} cannot be read.`, {
    cause,
    retryable: !denied,
    action: 'Check the permissions of the file.',
  });
}

function fingerprint(stats: BigIntStats): string {
  return `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.ino}`;
}

/** Names the file; `request_key` holds 2048 characters at most, which paths of usual systems do not reach. */
function requestKey(file: WorkspaceFile): string {
  return `file:${file.path}`.slice(0, 2048);
}

function present(requests: Requests, files: WorkspaceFile[]): Requests {
  const keys = new Set(files.map(requestKey));
  return Object.fromEntries(Object.entries(requests).filter(([key]) => keys.has(key)));
}

function remember(requests: Requests, key: string, { etag, raw }: Captured): Requests {
  if (!Object.hasOwn(requests, key) && Object.keys(requests).length >= rememberedFiles) return requests;
  return { ...requests, [key]: { etag, raw } };
}

function filePath(source: Source): string {
  if (source.file !== undefined) return source.file.path;
  throw new ChartlyError('validation_failed', `The source ${source.source} has no file section.`);
}
