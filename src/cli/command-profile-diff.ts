import type { Command } from 'commander';
import type { ReplayPreview } from '#contracts';
import { chooseProfile } from './command-replay.ts';
import {
  connectionOptions,
  example,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { sendReferences } from './send-references.ts';
import { showPreview } from './show-preview.ts';

export function addDiff(profile: Command, { io }: CommandContext): void {
  const diff = connectionOptions(
    profile
      .command('diff')
      .description('How two versions of a profile differ on what was captured; changes nothing')
      .argument('<a>', 'a registered version, as movies@1.0.0, or a file')
      .argument('<b>', 'the other one'),
  ).option('--source <source>', 'whose payloads (needed when several sources use the profile)');
  example(diff, 'chartly profile diff movies@1.0.0 profiles/movies.yaml').action(
    async (a: string, b: string, options: ConnectionOptions & { source?: string }) => {
      const [first, second] = [await chooseProfile(a), await chooseProfile(b)];
      const request = { a: first.choice, b: second.choice, source: options.source };
      const preview = await withSession(options, async ({ api }) => {
        await sendReferences(api, [...first.references, ...second.references]);
        return api.post<ReplayPreview>('/v1/profiles/diff', request);
      });
      if (options.json === true) printJson(io, preview);
      else io.out(showPreview(io, preview));
    },
  );
}
