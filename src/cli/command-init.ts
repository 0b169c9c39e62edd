import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { ChartlyError } from '#kit';
import { example, jsonOption, printJson, type CommandContext, type OutputOptions } from './command.ts';
import { workspaceTemplate } from './workspace-template.ts';

export function initCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = jsonOption(
    program.command('init').description('Write a small workspace that works').argument('<dir>', 'where'),
  );
  example(command, 'chartly init my-data').action(async (dir: string, options: OutputOptions) => {
    const files = workspaceTemplate(idFrom(basename(resolve(dir))));
    const there = Object.keys(files).filter((file) => existsSync(join(dir, file)));
    if (there.length > 0) {
      throw new ChartlyError('conflict', `${dir} has ${there.join(', ')} already; nothing was written.`, {
        action: 'Choose another directory, or move these files away.',
      });
    }
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, file)), { recursive: true });
      await writeFile(join(dir, file), text, { flag: 'wx' });
    }
    if (options.json === true) return printJson(io, { dir: resolve(dir), files: Object.keys(files) });
    io.out(
      Object.keys(files)
        .map((file) => `${join(dir, file)}\n`)
        .join(''),
    );
    const place = relative('.', dir);
    const steps = ['profile test', 'apply', 'ingest readings', 'report render readings -o readings.html'].map(
      (step) => `npx chartly ${step}`,
    );
    io.err(`\nnext: ${[...(place === '' ? [] : [`cd ${place}`]), ...steps].join(' && ')}\n`);
  });
}

/** An id as contracts want it, made of a directory's name. */
function idFrom(name: string): string {
  const id = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 60);
  return id === '' ? 'workspace' : id;
}
