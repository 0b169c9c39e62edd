import type { Command } from 'commander';
import type { Run } from '#contracts';
import {
  connectionOptions,
  example,
  printJson,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { showRun } from './show-run.ts';
import { waitForRun } from './wait-for-run.ts';

export function ingestCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program.command('ingest').description('Read a source now').argument('<source>', 'name of the source'),
  ).option('--wait', 'wait for the end of the run (always, when no server is running)');
  example(command, 'chartly ingest readings --wait').action(
    async (source: string, options: ConnectionOptions & { wait?: boolean }) => {
      const run = await withSession(options, async ({ api, embedded }) => {
        const asked = await api.post<Run>(`/v1/sources/${segment(source)}/ingest`, undefined, { trigger: 'cli' });
        return options.wait === true || embedded ? waitForRun(io, api, asked.run_id) : asked;
      });
      finishRun(context, run, options.json === true);
    },
  );
}

/** Prints a run, and lets the exit code say when it ended badly. */
export function finishRun(context: CommandContext, run: Run, json: boolean): void {
  const { io } = context;
  if (json) printJson(io, run);
  else io.out(showRun(io, run));
  if (run.state === 'failed' || run.state === 'quarantined' || run.state === 'cancelled') context.exitCode = 1;
  if (json) return;
  if (run.counts.quarantined > 0) io.err(`next: chartly quarantine list --source ${run.source_id}\n`);
  if (run.dead_letters > 0) io.err('next: chartly dlq list\n');
  if (run.state === 'queued') io.err(`next: chartly runs show ${run.run_id}\n`);
}
