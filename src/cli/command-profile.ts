import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Option, type Command } from 'commander';
import { stringify } from 'yaml';
import type { Profile, ProfileDocument } from '#contracts';
import { ChartlyError } from '#kit';
import {
  connectionOptions,
  example,
  jsonOption,
  printJson,
  wholeNumber,
  withSession,
  type CommandContext,
  type ConnectionOptions,
  type OutputOptions,
} from './command.ts';
import { addDiff } from './command-profile-diff.ts';
import { addPromote } from './command-profile-promote.ts';
import { printPage, type Page } from './page.ts';
import { count, instant, paint, printable } from './text.ts';

interface InferOptions extends OutputOptions {
  name?: string;
  out: string;
  format?: Profile['format'];
  rows?: number;
  stdout?: boolean;
}

export function profileCommand(program: Command, context: CommandContext): void {
  const profile = program.command('profile').description('Draft, test, read, compare and promote profiles');
  addInfer(profile, context);
  addTest(profile, context);
  addList(profile, context);
  addShow(profile, context);
  addDiff(profile, context);
  addPromote(profile, context);
}

function addInfer(profile: Command, { io }: CommandContext): void {
  const command = jsonOption(
    profile
      .command('infer')
      .description('Draft a source, a profile and a report from data')
      .argument('<data>', 'a file, or the URL of an upstream'),
  )
    .option('--name <id>', "id of the documents (default: the file's name)")
    .option('--out <dir>', 'the workspace to write to', '.')
    .addOption(
      new Option('--format <format>', 'how it is written (default: seen from it)').choices([
        'json',
        'ndjson',
        'csv',
        'xml',
        'parquet',
      ]),
    )
    .option('--rows <n>', 'rows to look at (default: all)', wholeNumber(1, 1e9))
    .option('--stdout', 'print the documents, and write nothing');
  example(
    command,
    'chartly profile infer data/orders.csv',
    'chartly profile infer https://example.com/orders.json --out shop',
  ).action(async (target: string, options: InferOptions) => {
    const { draftWorkspace } = await import('#app');
    const { name, out: dir, format, rows: limit } = options;
    const draft = await draftWorkspace({ target, dir, name, format, limit, env: process.env });
    const files = { ...manifest(dir, draft.id), ...draft.files };
    if (options.stdout !== true) await write(dir, files, draft.copy);
    const { id, counts, reasons } = draft;
    if (options.json === true) return printJson(io, { id, counts, reasons, files });
    if (options.stdout === true)
      return io.out(
        Object.entries(draft.files)
          .map(([file, text]) => `# ${file}\n${text}`)
          .join('---\n'),
      );
    const written = [...Object.keys(files), ...(draft.copy === undefined ? [] : [draft.copy.to])];
    io.out(written.map((file) => `${join(dir, file)}\n`).join(''));
    const lost = Object.entries(reasons).map(([reason, n]) => `${reason} ${n}`);
    io.err(`\n${count(counts.records)} records of ${count(counts.candidates)} candidates`);
    io.err(lost.length === 0 ? '\n' : `; quarantined: ${lost.join(', ')}\n`);
    const place = relative('.', dir);
    const steps = ['chartly apply', `chartly ingest ${id} --wait`, `chartly report render ${id} -o ${id}.html`];
    io.err(`next: ${[...(place === '' ? [] : [`cd ${place}`]), ...steps].join(' && ')}\n`);
  });
}

/** A directory becomes a workspace with its first documents. */
function manifest(dir: string, id: string): Record<string, string> {
  return existsSync(join(dir, 'chartly.yaml')) ? {} : { 'chartly.yaml': `workspace: ${id}\n` };
}

/** Everything, or nothing when something is there already. */
async function write(
  dir: string,
  files: Record<string, string>,
  copy: { from: string; to: string } | undefined,
): Promise<void> {
  const targets = [...Object.keys(files), ...(copy === undefined ? [] : [copy.to])];
  const there = targets.filter((file) => existsSync(join(dir, file)));
  if (there.length > 0) {
    throw new ChartlyError('conflict', `${dir} has ${there.join(', ')} already; nothing was written.`, {
      action: 'Choose another --name or --out, or move these files away.',
    });
  }
  for (const file of targets) await mkdir(dirname(join(dir, file)), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(dir, file), text, { flag: 'wx' });
  if (copy !== undefined) await copyFile(copy.from, join(dir, copy.to));
}

function addTest(profile: Command, context: CommandContext): void {
  const { io } = context;
  const command = jsonOption(
    profile
      .command('test')
      .description('Run the fixtures that stand beside profiles; needs no server')
      .argument('[dir]', 'the workspace', '.'),
  ).option('--update', 'write what comes out as what is expected');
  example(command, 'chartly profile test', 'chartly profile test my-data --update').action(
    async (dir: string, options: OutputOptions & { update?: boolean }) => {
      const { testProfiles } = await import('#app');
      const results = await testProfiles(dir, options.update === true);
      const wrong = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'missing');
      if (wrong.length > 0) context.exitCode = 1;
      if (options.json === true) return printJson(io, { passed: wrong.length === 0, fixtures: results });
      for (const { fixture, outcome, differences } of results) {
        const color = outcome === 'failed' || outcome === 'missing' ? 'red' : 'green';
        io.out(`${paint(io, color, outcome)}  ${printable(fixture)}\n`);
        for (const line of differences) io.out(`  ${printable(line)}\n`);
      }
      if (results.length === 0)
        io.err('There are no fixtures: put payloads into profiles/ID.fixtures/ and run again with --update.\n');
      else if (wrong.length > 0)
        io.err(`${wrong.length} of ${results.length} fixtures differ; if that is meant, run again with --update.\n`);
    },
  );
}

function addList(profile: Command, { io }: CommandContext): void {
  const command = connectionOptions(
    profile.command('list').description('The versions of every profile: active, staged, superseded'),
  );
  example(command, 'chartly profile list').action(async (options: ConnectionOptions) => {
    const page = await withSession(options, ({ api }) => api.get<Page<ProfileDocument>>('/v1/profiles'));
    const columns = [
      { title: 'profile', whole: true },
      { title: 'version' },
      { title: 'state', paint: (text: string) => (text === 'active' ? paint(io, 'green', text) : text) },
      { title: 'format' },
      { title: 'registered (UTC)' },
      { title: 'active since (UTC)' },
      { title: 'digest' },
    ];
    printPage(io, page, options, columns, ({ profile: spec, state, applied_at, activated_at, digest }) => [
      spec.profile,
      spec.version,
      state,
      spec.format,
      instant(applied_at),
      state === 'active' ? instant(activated_at) : '',
      digest.slice(0, 12),
    ]);
  });
}

function addShow(profile: Command, { io }: CommandContext): void {
  const command = connectionOptions(
    profile
      .command('show')
      .description('One registered version of a profile, as YAML')
      .argument('<id>', 'ID for the active version, or ID@VERSION'),
  );
  example(command, 'chartly profile show readings', 'chartly profile show readings@1.0.0').action(
    async (id: string, options: ConnectionOptions) => {
      const { items } = await withSession(options, ({ api }) => api.get<Page<ProfileDocument>>('/v1/profiles'));
      const [name, version] = id.split('@');
      const found = items.find(
        ({ profile: spec, state }) =>
          spec.profile === name && (version === undefined ? state === 'active' : spec.version === version),
      );
      if (found === undefined) {
        throw new ChartlyError('not_found', `There is no profile ${id}.`, { action: 'See `chartly profile list`.' });
      }
      if (options.json === true) return printJson(io, found);
      io.out(printable(stringify(found.profile, { lineWidth: 0 }), { lines: true }));
    },
  );
}
