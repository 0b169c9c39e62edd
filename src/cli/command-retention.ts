import type { Command } from 'commander';
import type { RetentionView } from '#contracts';
import {
  connectionOptions,
  example,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Page } from './page.ts';
import { table } from './table.ts';
import { bytes, count } from './text.ts';

export function retentionCommand(program: Command, { io }: CommandContext): void {
  const command = connectionOptions(
    program
      .command('retention')
      .description('Remove what profiles say is kept no longer; a server does so every hour by itself')
      .argument('[source]', 'name of the source (default all whose profile has a retention)'),
  ).option('--dry-run', 'say what would go, and change nothing');
  example(command, 'chartly retention --dry-run', 'chartly retention orders').action(
    async (source: string | undefined, options: ConnectionOptions & { dryRun?: boolean }) => {
      const page = await withSession(options, ({ api }) =>
        api.post<Page<RetentionView>>('/v1/retention', { source, dry_run: options.dryRun }),
      );
      if (options.json === true) return printJson(io, page);
      const rows = page.items.flatMap((item) => linesOf(item));
      if (rows.length === 0) {
        const whose = source === undefined ? 'No profile' : `The profile of ${source}`;
        return io.err(`${whose} says how long anything is kept: write \`retention\` in it, see docs/profiles.md\n`);
      }
      const columns = [
        { title: 'source', whole: true },
        { title: 'what' },
        { title: 'kept for' },
        { title: 'before (UTC)' },
        { title: options.dryRun === true ? 'would go' : 'gone', align: 'right' as const },
        { title: 'note' },
      ];
      io.out(table(io, columns, rows));
    },
  );
}

function linesOf({ source_id: id, records, raw, quarantine }: RetentionView): string[][] {
  const line = (
    what: string,
    { period, before }: { period: string; before: string },
    n: number,
    note = '',
  ): string[] => [id, what, period, before.slice(0, 10), count(n), note];
  return [
    ...(records === undefined ? [] : [line('records', records, records.records)]),
    ...(raw === undefined ? [] : [line('payloads', raw, raw.payloads, rawNote(raw))]),
    ...(quarantine === undefined ? [] : [line('quarantine', quarantine, quarantine.rows)]),
  ];
}

function rawNote({ bytes: size, kept, busy }: NonNullable<RetentionView['raw']>): string {
  const notes = [
    ...(size > 0 ? [bytes(size)] : []),
    ...(kept > 0 ? [`${count(kept)} wait for their open quarantine rows`] : []),
    ...(busy ? ['a run is under way: later'] : []),
  ];
  return notes.join('; ');
}
