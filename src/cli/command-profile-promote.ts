import { InvalidArgumentError, type Command } from 'commander';
import type { PromoteRequest, PromotionView, Run } from '#contracts';
import {
  connectionOptions,
  example,
  printJson,
  segment,
  usage,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Io } from './io.ts';
import { showPreview } from './show-preview.ts';
import { hasEnded, showRun } from './show-run.ts';
import { paint } from './text.ts';
import { waitForRun } from './wait-for-run.ts';

type Options = ConnectionOptions & { replay?: boolean; dryRun?: boolean; wait?: boolean };

export function addPromote(profile: Command, context: CommandContext): void {
  const { io } = context;
  const promote = connectionOptions(
    profile
      .command('promote')
      .description('Make a registered version the active one: a staged one, or an older one again')
      .argument('<version>', 'ID@VERSION, as `chartly profile list` shows it', versionOf),
  )
    .option('--replay', 'replay the sources of the profile under it')
    .option('--dry-run', 'say what promoting and replaying would change, and change nothing')
    .option('--wait', 'wait for the end of the replays (always, when no server is running)');
  example(
    promote,
    'chartly profile promote movies@1.1.0 --dry-run',
    'chartly profile promote movies@1.0.0 --replay --wait',
  ).action(async ({ id, version }: { id: string; version: string }, options: Options) => {
    const { replay, dryRun } = options;
    if (dryRun === true && replay === true)
      throw usage('A dry run tells of the replays by itself: leave out --replay.');
    const request: PromoteRequest = { version, replay, dry_run: dryRun };
    const answer = await withSession(options, async ({ api, embedded }): Promise<PromotionView> => {
      const promotion = await api.post<PromotionView>(`/v1/profiles/${segment(id)}/promote`, request);
      if (options.wait !== true && !embedded) return promotion;
      const runs: Run[] = [];
      for (const run of promotion.runs) runs.push(await waitForRun(io, api, run.run_id));
      return { ...promotion, runs };
    });
    if (answer.runs.some((run) => hasEnded(run) && run.state !== 'succeeded')) context.exitCode = 1;
    if (options.json === true) printJson(io, answer);
    else io.out(describe(io, answer, options));
  });
}

function versionOf(text: string): { id: string; version: string } {
  const found = /^([a-z0-9][\w.-]*)@(\d+\.\d+\.\d+.*)$/.exec(text);
  if (found === null) throw new InvalidArgumentError('It must be a version of a profile, as movies@1.0.0.');
  return { id: found[1]!, version: found[2]! };
}

function describe(
  io: Io,
  { profile, replaces, change, sources, runs, previews }: PromotionView,
  options: Options,
): string {
  const name = `${profile.id}@${profile.version}`;
  const would = options.dryRun === true ? 'would be' : 'is';
  const instead = replaces === undefined ? '' : ` instead of ${replaces}`;
  const head =
    change === 'unchanged'
      ? `${name} is the active version already\n`
      : `${paint(io, 'green', name)} ${would} the active version${instead}\n`;
  if (previews !== undefined) return [head, ...previews.map((preview) => showPreview(io, preview))].join('\n');
  if (runs.length > 0) return [head, ...runs.map((run) => showRun(io, run))].join('\n');
  const left = sources.map((source) => `  chartly replay ${source} --wait\n`).join('');
  return change === 'unchanged' || left === ''
    ? head
    : `${head}What was captured before stays as it is until it is replayed:\n${left}`;
}
