/** Files of the workspace by path or glob; nothing outside of it, whatever `..` or a symbolic link says. */
import { glob, realpath, stat } from 'node:fs/promises';
import { isAbsolute, posix, resolve, sep } from 'node:path';
import { ChartlyError } from '#kit';

export interface WorkspaceFile {
  /** Relative to the workspace, with forward slashes. */
  path: string;
  /** Where it really lies. */
  realPath: string;
}

const magic = /[*?[\]{}!]/;

/**
 * The regular files that a pattern names, in the order of their paths. Hidden files come only when the pattern names them.
 * Errors: `not_found` (nothing there), `workspace_invalid` (leads outside of the workspace).
 */
export async function findWorkspaceFiles(workspaceDir: string, pattern: string): Promise<WorkspaceFile[]> {
  const wanted = pattern.replaceAll('\\', '/');
  if (isAbsolute(pattern) || /^[a-z]:/i.test(pattern) || wanted.split('/').includes('..')) throw outside(pattern);
  const root = await realpath(workspaceDir).catch((cause: unknown) => {
    throw new ChartlyError('not_found', 'The directory of the workspace does not exist.', { cause });
  });
  const isGlob = magic.test(wanted) && !(await isFile(resolve(root, wanted)));
  const paths = isGlob ? await Array.fromAsync(glob(wanted, { cwd: root })) : [wanted];
  const files: WorkspaceFile[] = [];
  for (const path of new Set(paths.map((p) => posix.normalize(p.replaceAll(sep, '/'))))) {
    const realPath = await realpath(resolve(root, path)).catch(() => undefined);
    if (realPath === undefined) continue;
    if (!realPath.startsWith(root.endsWith(sep) ? root : root + sep)) throw outside(path);
    if (await isFile(realPath)) files.push({ path, realPath });
  }
  if (files.length === 0) {
    throw new ChartlyError('not_found', `There is no file ${pattern} in the workspace.`, {
      action:
        'Check file.path of the source: it starts from CHARTLY_WORKSPACE, or else from where the server or this command was started.',
    });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (s) => s.isFile(),
    () => false,
  );
}

function outside(path: string): ChartlyError {
  return new ChartlyError('workspace_invalid', `The path ${path} leads outside of the workspace.`, {
    action: 'Put the file into the workspace, and name it by a path relative to chartly.yaml.',
  });
}
