import type { Command } from 'commander';
import type { Profile, Replay, ReplayRequest } from '#contracts';
import { finishRun } from './command-ingest.ts';
import {
  connectionOptions,
  example,
  moment,
  printJson,
  usage,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { type ReferenceContent, sendReferences } from './send-references.ts';
import { showPreview } from './show-preview.ts';
import { waitForRun } from './wait-for-run.ts';

type Options = ConnectionOptions & {
  profile?: string;
  from?: string;
  to?: string;
  preview?: boolean;
  wait?: boolean;
};

export function replayCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('replay')
      .description('Normalize again what was captured before; nothing is fetched, and nothing is added twice')
      .argument('<source>', 'name of the source'),
  )
    .option(
      '--profile <profile>',
      'a version, as movies@1.0.0 (default the active one); with --preview also a staged or superseded one, or a file',
    )
    .option('--from <time>', 'only payloads captured from here on', moment)
    .option('--to <time>', 'only payloads captured before', moment)
    .option('--preview', 'say what would change, down to the cells of the reports, and change nothing')
    .option('--wait', 'wait for the end of the run (always, when no server is running)');
  example(
    command,
    'chartly replay movies --preview --profile profiles/movies.yaml',
    'chartly replay movies --wait',
    'chartly replay movies --from 2026-01-01',
  ).action(async (source: string, options: Options) => {
    const { from, to } = options;
    const { part, references } = await profilePart(options);
    const request: ReplayRequest = { source, from, to, ...part };
    if (options.preview === true) request.preview = true;
    const answer = await withSession(options, async ({ api, embedded }): Promise<Replay> => {
      await sendReferences(api, references);
      const replay = await api.post<Replay>('/v1/replays', request);
      if (replay.run === undefined || (options.wait !== true && !embedded)) return replay;
      return { run: await waitForRun(io, api, replay.run.run_id) };
    });
    if (answer.run !== undefined) finishRun(context, answer.run, options.json === true);
    else if (options.json === true) printJson(io, answer.preview);
    else io.out(showPreview(io, answer.preview!));
  });
}

interface ProfilePart {
  part: Pick<ReplayRequest, 'profile' | 'profile_version'>;
  references: References;
}

async function profilePart(options: Options): Promise<ProfilePart> {
  if (options.profile === undefined) return { part: {}, references: [] };
  const { choice, references } = await chooseProfile(options.profile);
  if ('applied' in choice) {
    return { part: { profile_version: choice.applied.slice(choice.applied.indexOf('@') + 1) }, references };
  }
  if (options.preview === true) return { part: choice, references };
  throw usage('A profile file can be previewed only: add --preview, or apply it and replay.');
}

/** Contents of the reference files of a profile. */
type References = readonly ReferenceContent[];

export interface ChosenProfile {
  choice: { applied: string } | { profile: Profile };
  /** To be sent before the profile is. */
  references: References;
}

/** `id@1.0.0` is a registered version; anything else a file. */
export async function chooseProfile(text: string): Promise<ChosenProfile> {
  if (/^[a-z0-9][\w.-]*@\d+\.\d+\.\d+/.test(text)) return { choice: { applied: text }, references: [] };
  const { readProfile } = await import('#app');
  const { profile, references } = await readProfile(text);
  return { choice: { profile }, references };
}
