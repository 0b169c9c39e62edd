import type { Command } from 'commander';
import { validator, type AppliedDocumentView, type ApplyRequest } from '#contracts';
import { ChartlyError, type ErrorDetail } from '#kit';
import {
  connectionOptions,
  example,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { type ReferenceContent, sendReferences } from './send-references.ts';
import { table } from './table.ts';
import { paint } from './text.ts';

/** The part of a loaded workspace that is used here. */
interface LoadedWorkspace {
  documents: { kind: 'source' | 'profile' | 'report'; file: string; spec: unknown }[];
  references: ReferenceContent[];
  locate: (file: string, pointer: string) => { line: number; column: number } | undefined;
}

type ApplyOptions = ConnectionOptions & { dryRun?: boolean; stage?: boolean };

const contracts = { source: 'sources/source', profile: 'profiles/profile', report: 'reports/report' } as const;

export function validateCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('validate')
      .description('Check a workspace and change nothing: contracts, profiles, charts, references')
      .argument('[dir]', 'the workspace', '.'),
  );
  example(command, 'chartly validate my-data').action(async (dir: string, options: ConnectionOptions) => {
    const items = await send(dir, options, true);
    if (options.json === true) return printJson(io, { valid: true, documents: items });
    io.out(`${paint(io, 'green', 'valid')}: ${items.length} documents\n`);
  });
}

export function applyCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('apply')
      .description('Register the documents of a workspace as new, immutable versions')
      .argument('[dir]', 'the workspace', '.'),
  )
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--stage', 'only register the profiles: they become active by `chartly profile promote`');
  example(command, 'chartly apply --dry-run', 'chartly apply --stage').action(
    async (dir: string, options: ApplyOptions) => {
      const items = await send(dir, options, options.dryRun === true);
      if (options.json === true) return printJson(io, { items });
      const where = options.stage === true ? 'stage: profiles/ holds' : 'apply: sources/, profiles/ and reports/ hold';
      if (items.length === 0) return io.err(`nothing to ${where} no documents\n`);
      const columns = [
        { title: 'kind' },
        { title: 'id', whole: true },
        { title: 'version' },
        {
          title: options.dryRun === true ? 'would be' : 'change',
          paint: (text: string) => (text === 'unchanged' ? paint(io, 'dim', text) : paint(io, 'green', text)),
        },
      ];
      io.out(
        table(
          io,
          columns,
          items.map(({ kind, id, version, change }) => [kind, id, version, change]),
        ),
      );
    },
  );
}

async function send(dir: string, options: ApplyOptions, dryRun: boolean): Promise<AppliedDocumentView[]> {
  const { readWorkspace } = await import('#app');
  const workspace: LoadedWorkspace = await readWorkspace(dir);
  checkContracts(workspace);
  const documents = workspace.documents as ApplyRequest['documents'];
  const request: ApplyRequest = { documents, dry_run: dryRun, stage: options.stage };
  try {
    return await withSession(options, async ({ api }) => {
      await sendReferences(api, workspace.references);
      const { items } = await api.post<{ items: AppliedDocumentView[] }>('/v1/apply', request);
      return items;
    });
  } catch (error) {
    throw withPositions(error, workspace);
  }
}

/** What can be said without the services is said before they are started. */
function checkContracts({ documents, locate }: LoadedWorkspace): void {
  const details: ErrorDetail[] = [];
  for (const { kind, file, spec } of documents) {
    const validate = validator(contracts[kind]);
    if (validate(spec)) continue;
    for (const { pointer, message } of validate.explain(spec)) {
      details.push({ file, pointer, message, ...locate(file, pointer) });
    }
  }
  if (details.length === 0) return;
  throw new ChartlyError('workspace_invalid', problemCount(details), { details });
}

/** What they are is told below it, one a line. */
function problemCount({ length }: ErrorDetail[]): string {
  return `The workspace has ${length === 1 ? 'one problem' : `${length} problems`}; nothing was changed.`;
}

/** The services name files and pointers; here are the lines and columns. */
function withPositions(error: unknown, { locate }: LoadedWorkspace): unknown {
  if (!(error instanceof ChartlyError) || error.details.length === 0) return error;
  const details = error.details.map((detail) => ({
    ...(detail.file === undefined ? {} : locate(detail.file, detail.pointer ?? '')),
    ...detail,
  }));
  const message = error.code === 'workspace_invalid' ? problemCount(details) : error.message;
  return new ChartlyError(error.code, message, { cause: error, action: error.action, details });
}
