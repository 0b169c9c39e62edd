import { Option, type Command } from 'commander';
import type { QuarantineDiscarded, RecoveryPreview, Run } from '#contracts';
import { finishRun } from './command-ingest.ts';
import { chooseProfile } from './command-replay.ts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  reasonCodes,
  segment,
  usage,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Page } from './page.ts';
import { sendReferences } from './send-references.ts';
import { table } from './table.ts';
import { count } from './text.ts';
import { waitForRun } from './wait-for-run.ts';

/** What can be done about refused rows. */
export function repairCommands(quarantine: Command, context: CommandContext): void {
  previewCommand(quarantine, context);
  recoverCommand(quarantine, context);
  discardCommand(quarantine, context);
}

function previewCommand(quarantine: Command, { io }: CommandContext): void {
  const preview = connectionOptions(
    quarantine.command('preview').description('How many open rows a profile would recover; changes nothing'),
  )
    .option('--source <source>', 'of this source (default all)')
    .option('--profile <profile>', 'a registered version, as movies@1.1.0, or a file (default the active version)');
  example(preview, 'chartly quarantine preview --source movies --profile profiles/movies.yaml').action(
    async (options: ConnectionOptions & { source?: string; profile?: string }) => {
      const chosen = options.profile === undefined ? undefined : await chooseProfile(options.profile);
      const choice = chosen?.choice ?? {};
      const page = await withSession(options, async ({ api }) => {
        await sendReferences(api, chosen?.references ?? []);
        return api.post<Page<RecoveryPreview>>('/v1/quarantine/preview', { source: options.source, ...choice });
      });
      if (options.json === true) return printJson(io, page);
      if (page.items.length === 0) io.out('no open rows\n');
      for (const item of page.items) {
        const { source_id, profile, open, recovered, reasons } = item;
        io.out(`${source_id}: ${profile.id}@${profile.version} recovers ${count(recovered)} of ${count(open)}\n`);
        const right = { align: 'right' as const };
        const columns = [{ title: 'reason' }, { title: 'open', ...right }, { title: 'recovers', ...right }];
        const rows = reasons.map((one) => [one.reason_code, count(one.open), count(one.recovered)]);
        io.out(table(io, columns, rows));
      }
    },
  );
}

function recoverCommand(quarantine: Command, context: CommandContext): void {
  const { io } = context;
  const recover = connectionOptions(
    quarantine
      .command('recover')
      .description('Normalize the payloads with open rows again, under the active version of the profile'),
  )
    .requiredOption('--source <source>', 'of this source')
    .addOption(new Option('--reason <code>', 'only payloads with rows refused for this reason').choices(reasonCodes))
    .option('--wait', 'wait for the end of the run (always, when no server is running)');
  example(recover, 'chartly quarantine recover --source movies --reason missing_field --wait').action(
    async (options: ConnectionOptions & { source: string; reason?: string; wait?: boolean }) => {
      const run = await withSession(options, async ({ api, embedded }) => {
        const body = { source: options.source, reason_code: options.reason };
        const asked = await api.post<Run>('/v1/quarantine/recover', body);
        return options.wait === true || embedded ? waitForRun(io, api, asked.run_id) : asked;
      });
      finishRun(context, run, options.json === true);
    },
  );
}

function discardCommand(quarantine: Command, { io }: CommandContext): void {
  const discard = connectionOptions(
    quarantine
      .command('discard')
      .description('Give refused rows up for good: one, or the open ones of a source for one reason')
      .argument('[id]', 'id of one row', idOf.quarantined),
  )
    .option('--source <source>', 'of this source')
    .addOption(new Option('--reason-code <code>', 'refused for this reason').choices(reasonCodes))
    .requiredOption('--reason <text>', 'why; it is kept in the ledger');
  example(
    discard,
    'chartly quarantine discard 0123456789abcdef0123456789abcdef --reason "a test row"',
    'chartly quarantine discard --source movies --reason-code missing_field --reason "never rated"',
  ).action(
    async (
      id: string | undefined,
      options: ConnectionOptions & { source?: string; reasonCode?: string; reason: string },
    ) => {
      const { source, reasonCode, reason } = options;
      const several = source !== undefined && reasonCode !== undefined;
      if ((id === undefined) !== several || (id !== undefined && (source ?? reasonCode) !== undefined)) {
        throw usage('Name one row by its id, or several by --source and --reason-code.');
      }
      const { discarded } = await withSession(options, ({ api }) =>
        id === undefined
          ? api.post<QuarantineDiscarded>('/v1/quarantine/discard', { source, reason_code: reasonCode, reason })
          : api.post<QuarantineDiscarded>(`/v1/quarantine/${segment(id)}/discard`, { reason }),
      );
      if (options.json === true) printJson(io, { discarded });
      else io.out(`${count(discarded)} ${discarded === 1 ? 'row is' : 'rows are'} discarded\n`);
    },
  );
}
