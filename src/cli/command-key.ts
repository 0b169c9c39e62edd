import { Option, type Command } from 'commander';
import type { ApiKey, ApiKeyCreated } from '#contracts';
import {
  connectionOptions,
  example,
  printJson,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { printPage, type Page } from './page.ts';
import { fields } from './table.ts';
import { instant } from './text.ts';

export function keyCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const key = program.command('key').description('API keys');

  const create = connectionOptions(
    key.command('create').description('Make a key; its secret is shown this once').argument('<name>', 'what it is for'),
  ).addOption(
    new Option('--role <role>', 'viewer reads; operator also ingests and applies; admin also manages keys')
      .choices(['viewer', 'operator', 'admin'])
      .default('viewer'),
  );
  example(create, 'chartly key create dashboard --role viewer').action(
    async (name: string, options: ConnectionOptions & { role: string }) => {
      const created = await withSession(options, ({ api }) =>
        api.post<ApiKeyCreated>('/v1/keys', { name, role: options.role }),
      );
      if (options.json === true) return printJson(io, created);
      const { key_id, role } = created.key;
      io.out(
        fields(io, [
          ['key', key_id],
          ['name', name],
          ['role', role],
          ['secret', created.secret],
        ]),
      );
      io.err('Keep the secret now: it is not stored, and is not shown again.\n');
    },
  );

  const list = connectionOptions(key.command('list').description('Every key, without its secret'));
  example(list, 'chartly key list').action(async (options: ConnectionOptions) => {
    const page = await withSession(options, ({ api }) => api.get<Page<ApiKey>>('/v1/keys'));
    const columns = [
      { title: 'key', whole: true },
      { title: 'name' },
      { title: 'role' },
      { title: 'created (UTC)' },
      { title: 'revoked (UTC)' },
    ];
    printPage(io, page, options, columns, ({ key_id, name, role, created_at, revoked_at }) => [
      key_id,
      name,
      role,
      instant(created_at),
      instant(revoked_at),
    ]);
  });

  const revoke = connectionOptions(
    key.command('revoke').description('Revoke a key; it is refused within 5 seconds').argument('<key>', 'its id'),
  );
  example(revoke, 'chartly key revoke KEY_ID').action(async (id: string, options: ConnectionOptions) => {
    const revoked = await withSession(options, ({ api }) => api.post<ApiKey>(`/v1/keys/${segment(id)}/revoke`));
    if (options.json === true) printJson(io, revoked);
    else io.out(`key ${revoked.key_id} (${revoked.name}) is revoked\n`);
  });
}
