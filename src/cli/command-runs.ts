import { Option, type Command } from 'commander';
import type { Run } from '#contracts';
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
import { paintState, showRun } from './show-run.ts';
import type { Column } from './table.ts';
import { count, instant } from './text.ts';
import { waitForRun } from './wait-for-run.ts';

const states: Run['state'][] = ['queued', 'running', 'succeeded', 'failed', 'quarantined', 'cancelled'];

type ListOptions = ConnectionOptions & PageOptions & { source?: string; state?: string };

export function runsCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const runs = program.command('runs').description('What ran, and what became of every row');

  const list = pageOptions(connectionOptions(runs.command('list').description('Runs, newest first')))
    .option('--source <source>', 'of this source')
    .addOption(new Option('--state <state>', 'in this state').choices(states));
  example(list, 'chartly runs list --source movies --state failed').action(async (options: ListOptions) => {
    const { source, state, limit, after } = options;
    const page = await withSession(options, ({ api }) =>
      api.get<Page<Run>>('/v1/runs', { source, state, limit, after }),
    );
    printPage(io, page, options, runColumns(io), runRow);
  });

  const show = connectionOptions(
    runs.command('show').description('One run, with its steps').argument('<run>', 'its id', idOf.run),
  );
  example(show, 'chartly runs show 01900000-0000-7000-8000-000000000000').action(
    async (id: string, options: ConnectionOptions) => {
      const run = await withSession(options, ({ api }) => api.get<Run>(`/v1/runs/${segment(id)}`));
      if (options.json === true) printJson(io, run);
      else io.out(showRun(io, run));
    },
  );

  const cancel = connectionOptions(
    runs.command('cancel').description('Cancel a run').argument('<run>', 'its id', idOf.run),
  );
  example(cancel, 'chartly runs cancel 01900000-0000-7000-8000-000000000000').action(
    async (id: string, options: ConnectionOptions) => {
      const run = await withSession(options, ({ api }) => api.post<Run>(`/v1/runs/${segment(id)}/cancel`));
      if (options.json === true) printJson(io, run);
      else io.out(showRun(io, run));
    },
  );

  const retry = connectionOptions(
    runs
      .command('retry')
      .description('Run its source again, on the active profile')
      .argument('<run>', 'its id', idOf.run),
  ).option('--wait', 'wait for the end of the new run (always, when no server is running)');
  example(retry, 'chartly runs retry 01900000-0000-7000-8000-000000000000 --wait').action(
    async (id: string, options: ConnectionOptions & { wait?: boolean }) => {
      const run = await withSession(options, async ({ api, embedded }) => {
        const asked = await api.post<Run>(`/v1/runs/${segment(id)}/retry`);
        return options.wait === true || embedded ? waitForRun(io, api, asked.run_id) : asked;
      });
      finishRun(context, run, options.json === true);
    },
  );
}

function runColumns(io: Io): Column[] {
  return [
    { title: 'run', whole: true },
    { title: 'source' },
    { title: 'state', paint: (text) => paintState(io, text) },
    { title: 'requested (UTC)' },
    { title: 'pages', align: 'right' },
    { title: 'rows', align: 'right' },
    { title: 'records', align: 'right' },
    { title: 'quarantined', align: 'right' },
    { title: 'error' },
  ];
}

function runRow({ run_id, source_id, state, requested_at, pages, counts, error }: Run): string[] {
  return [
    run_id,
    source_id,
    state,
    instant(requested_at),
    count(pages),
    count(counts.rows),
    count(counts.records),
    count(counts.quarantined),
    error?.code ?? '',
  ];
}
