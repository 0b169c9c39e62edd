import type { Command } from 'commander';
import type { Revealed } from '#contracts';
import {
  connectionOptions,
  example,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { printable } from './text.ts';

export function revealCommand(program: Command, { io }: CommandContext): void {
  const command = connectionOptions(
    program
      .command('reveal')
      .description('What an encrypted value or a token of a policy stands for; needs the role admin')
      .argument('<value>', 'as it stands in the record: enc1.… or tok_…'),
  ).requiredOption('--reason <text>', 'why; it is kept in the ledger, the value is not');
  example(command, 'chartly reveal tok_0123456789abcdef0123456789abcdef --reason "ticket 17"').action(
    async (value: string, options: ConnectionOptions & { reason: string }) => {
      const revealed = await withSession(options, ({ api }) =>
        api.post<Revealed>('/v1/reveals', { value, reason: options.reason }),
      );
      if (options.json === true) printJson(io, revealed);
      else io.out(`${printable(revealed.value)}\n`);
    },
  );
}
