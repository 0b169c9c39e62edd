import { Option, type Command } from 'commander';
import type { DeadLetter, DeadLetterState, Run } from '#contracts';
import { ChartlyError } from '#kit';
import type { ApiClient } from './client.ts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { finishRun } from './command-ingest.ts';
import type { Io } from './io.ts';
import { pageOptions, printPage, type Page, type PageOptions } from './page.ts';
import { fields, type Column } from './table.ts';
import { instant } from './text.ts';
import { waitForRun } from './wait-for-run.ts';

type ListOptions = ConnectionOptions & PageOptions & { state?: string };
const jobId = '01900000-0000-7000-8000-000000000000';

export function dlqCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const dlq = program.command('dlq').description('Jobs that were given up after every retry (dead letters)');

  const list = pageOptions(connectionOptions(dlq.command('list').description('Dead letters, newest first'))).addOption(
    new Option('--state <state>', 'default: open').choices(['open', 'retried', 'discarded']),
  );
  example(list, 'chartly dlq list').action(async (options: ListOptions) => {
    const { state, limit, after } = options;
    const page = await withSession(options, ({ api }) => api.get<Page<DeadLetter>>('/v1/dlq', { state, limit, after }));
    printPage(io, page, options, columns, row);
  });

  const show = connectionOptions(
    dlq.command('show').description('One dead letter, with every error').argument('<job>', 'id of the job', idOf.job),
  );
  example(show, `chartly dlq show ${jobId}`).action(async (id: string, options: ConnectionOptions) => {
    const letter = await withSession(options, ({ api }) => find(api, id));
    if (options.json === true) printJson(io, letter);
    else io.out(describe(io, letter));
  });

  const retry = connectionOptions(
    dlq.command('retry').description('Put the job back on its queue').argument('<job>', 'id of the job', idOf.job),
  );
  example(retry, `chartly dlq retry ${jobId}`).action(async (id: string, options: ConnectionOptions) => {
    const [done, run] = await withSession(options, async ({ api, embedded }) => {
      const letter = embedded ? await find(api, id) : undefined;
      const state = await api.post<DeadLetterState>(`/v1/dlq/${segment(id)}/retry`);
      return [state, letter === undefined ? undefined : await waitForRun(io, api, letter.run_id)] as [
        DeadLetterState,
        Run | undefined,
      ];
    });
    if (options.json === true) printJson(io, done);
    else if (run === undefined) io.out(`job ${done.job_id} is queued again\n`);
    else finishRun(context, run, false);
  });

  const discard = connectionOptions(
    dlq.command('discard').description('Give the job up for good').argument('<job>', 'id of the job', idOf.job),
  ).requiredOption('--reason <text>', 'why; it is kept in the ledger');
  example(discard, `chartly dlq discard ${jobId} --reason "upstream withdrew the file"`).action(
    async (id: string, options: ConnectionOptions & { reason: string }) => {
      const done = await withSession(options, ({ api }) =>
        api.post<DeadLetterState>(`/v1/dlq/${segment(id)}/discard`, { reason: options.reason }),
      );
      if (options.json === true) printJson(io, done);
      else io.out(`job ${done.job_id} is discarded\n`);
    },
  );
}

async function find(api: ApiClient, id: string): Promise<DeadLetter> {
  for (const state of ['open', 'retried', 'discarded']) {
    let after: string | undefined;
    do {
      const page = await api.get<Page<DeadLetter>>('/v1/dlq', { state, limit: 1000, after });
      const found = page.items.find((letter) => letter.job_id === id);
      if (found !== undefined) return found;
      after = page.next;
    } while (after);
  }
  throw new ChartlyError('not_found', `There is no dead letter of job ${id}.`, { action: 'See `chartly dlq list`.' });
}

const columns: Column[] = [
  { title: 'job', whole: true },
  { title: 'source' },
  { title: 'kind' },
  { title: 'state' },
  { title: 'died (UTC)' },
  { title: 'error' },
  { title: 'message' },
];

function row({ job_id, source_id, kind, state, died_at, errors }: DeadLetter): string[] {
  const last = errors.at(-1);
  return [job_id, source_id, kind, state, instant(died_at), last?.code ?? '', last?.message ?? ''];
}

function describe(io: Io, letter: DeadLetter): string {
  const { job, errors } = letter;
  return fields(io, [
    ['job', letter.job_id],
    ['run', letter.run_id],
    ['source', letter.source_id],
    ['kind', letter.kind],
    ['state', letter.state],
    ['died', instant(letter.died_at)],
    ['raw', job.raw?.sha256],
    ['profile', job.profile_id === undefined ? undefined : `${job.profile_id}@${job.profile_version ?? ''}`],
    ...errors.map((error, i) => [`error ${i + 1}`, `${error.message} (${error.code})`] as const),
    ['next', errors.at(-1)?.action],
  ]);
}
