import { writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import type { DriftDecision, DriftEvent, ProfileDocument, SourceDocument } from '#contracts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
  type Session,
} from './command.ts';
import type { Io } from './io.ts';
import { lineDiff } from './line-diff.ts';
import { pageOptions, printPage, type Page, type PageOptions } from './page.ts';
import { fields, type Column } from './table.ts';
import { count, instant, paint, printable } from './text.ts';

const states: DriftEvent['state'][] = ['open', 'accepted', 'ignored'];
const severities: DriftEvent['severity'][] = ['info', 'warning', 'breaking'];

export function driftCommand(program: Command, context: CommandContext): void {
  const drift = program.command('drift').description('How the rows of sources have changed, and what to do about it');
  addList(drift, context);
  addShow(drift, context);
  addApply(drift, context);
  addDecision(drift, context, 'accept', 'Take a change for known; what it held back goes on');
  addDecision(drift, context, 'ignore', 'Leave a change as it is, and speak of it no more');
}

type ListOptions = ConnectionOptions & PageOptions & { state?: string; severity?: string };

function addList(drift: Command, { io }: CommandContext): void {
  const list = pageOptions(connectionOptions(drift.command('list').description('Changes, newest first')))
    .argument('[source]', 'of this source alone')
    .addOption(new Option('--state <state>', 'default: open').choices(states))
    .addOption(new Option('--severity <severity>', 'so grave').choices(severities));
  example(list, 'chartly drift list', 'chartly drift list movies --severity breaking').action(
    async (source: string | undefined, options: ListOptions) => {
      const { state, severity, limit, after } = options;
      await withSession(options, async ({ api }) => {
        const page = await api.get<Page<DriftEvent>>('/v1/drift', { source, state, severity, limit, after });
        printPage(io, page, options, columnsOf(io), row);
        if (options.json !== true) io.err(await stoppedNote(api, source));
      });
    },
  );
}

async function stoppedNote(api: Session['api'], source: string | undefined): Promise<string> {
  const { items } = await api.get<Page<SourceDocument>>('/v1/sources');
  return items
    .filter((one) => one.stopped_by !== undefined && (source === undefined || one.source.source === source))
    .map((one) => `source ${one.source.source} is stopped; next: chartly drift show ${one.stopped_by}\n`)
    .join('');
}

function columnsOf(io: Io): Column[] {
  return [
    { title: 'id', whole: true },
    { title: 'source' },
    {
      title: 'severity',
      paint: (text) =>
        text.startsWith('breaking') ? paint(io, 'red', text) : text === 'warning' ? paint(io, 'yellow', text) : text,
    },
    { title: 'change' },
    { title: 'path' },
    { title: 'first seen' },
    { title: 'proposal' },
  ];
}

function row(event: DriftEvent): string[] {
  return [
    event.drift_id,
    event.source_id,
    event.held ? `${event.severity}, held` : event.severity,
    event.change.replace('_', ' '),
    event.path === '' ? '(the row)' : event.path,
    instant(event.first_seen),
    event.edit.length > 0 ? 'an edit' : '',
  ];
}

function driftArgument(command: Command): Command {
  return command.argument('<id>', 'its id', idOf.drift);
}

function addShow(drift: Command, { io }: CommandContext): void {
  const show = connectionOptions(
    driftArgument(drift.command('show').description('One change: where it was seen, and what the profile could say')),
  );
  example(show, 'chartly drift show 0123456789abcdef0123456789abcdef').action(
    async (id: string, options: ConnectionOptions) => {
      const { event, profile } = await withSession(options, async ({ api }) => {
        const event = await api.get<DriftEvent>(`/v1/drift/${segment(id)}`);
        return { event, profile: await profileOf(api, event) };
      });
      if (options.json === true) return printJson(io, event);
      io.out(describe(event));
      if (event.edit.length > 0 && profile !== undefined) {
        const { editedSpec } = await import('#app');
        const { before, after } = editedSpec(profile.profile, event);
        io.out(`\n${paint(io, 'bold', `profile ${event.profile_id}`)}\n${lineDiff(io, before, after)}`);
      }
      io.out(`\n${printable(event.note)}\n`);
      io.err(nextSteps(event));
    },
  );

  function describe(event: DriftEvent): string {
    const where =
      event.row === undefined
        ? undefined
        : `row ${event.row}, bytes ${event.byte_start}–${event.byte_end} of payload ${event.raw_sha256}`;
    const types = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));
    const decided = event.decided_at === undefined ? '' : `, ${instant(event.decided_at)} by ${event.decided_by}`;
    return fields(io, [
      ['change', event.change.replace('_', ' ')],
      ['message', event.message],
      ['source', event.source_id],
      ['severity', event.held ? `${event.severity}; payloads that show it are held back` : event.severity],
      ['mode', event.mode],
      ['path', event.path === '' ? '(the row)' : event.path],
      [
        'types',
        event.change === 'records_changed' && event.before.length === 0
          ? undefined
          : `${types(event.before)} → ${types(event.after)}`,
      ],
      ['sample', event.sample_masked],
      ['first seen', `${instant(event.first_seen)}, run ${event.run_id}`],
      ['where', where ?? `payload ${event.raw_sha256}`],
      ['profile', `${event.profile_id} ${event.profile_version}`],
      ['state', `${event.state}${decided}`],
    ]);
  }
}

async function profileOf(api: Session['api'], event: DriftEvent): Promise<ProfileDocument | undefined> {
  const { items } = await api.get<Page<ProfileDocument>>('/v1/profiles');
  return items.find(({ profile }) => profile.profile === event.profile_id && profile.version === event.profile_version);
}

function nextSteps({ drift_id: id, source_id, edit, held, mode, state }: DriftEvent): string {
  if (state !== 'open') return '';
  const steps = edit.length > 0 ? [`chartly drift apply ${id}`] : [];
  if (edit.length === 0 || held) steps.push(`chartly drift accept ${id}`);
  const rows = mode === 'quarantine' && !held ? `; rows that were refused come back with \`chartly quarantine recover --source ${source_id}\` under a new version of the profile` : ''; // prettier-ignore
  return `next: ${steps.join(', or ')}${rows}\n`;
}

type ApplyOptions = ConnectionOptions & { dir: string; write?: string; dryRun?: boolean };

function addApply(drift: Command, { io }: CommandContext): void {
  const command = connectionOptions(
    driftArgument(
      drift.command('apply').description("Write the proposed edit into the profile's file, keeping its comments"),
    ),
  )
    .option('--dir <dir>', 'the workspace', '.')
    .option('--write <file>', "the file (default: the workspace's one of this profile)")
    .option('--dry-run', 'show what would be written, and write nothing');
  example(command, 'chartly drift apply 0123456789abcdef0123456789abcdef --dir my-data').action(
    async (id: string, options: ApplyOptions) => {
      const event = await withSession(options, ({ api }) => api.get<DriftEvent>(`/v1/drift/${segment(id)}`));
      const { editProfileFile, editWorkspaceProfile } = await import('#app');
      const { file, before, after, version } =
        options.write === undefined
          ? await editWorkspaceProfile(options.dir, event)
          : await editProfileFile(options.write, event);
      if (options.dryRun !== true) await writeFile(file, after);
      if (options.json === true) return printJson(io, { file, version, written: options.dryRun !== true, text: after });
      io.out(`${paint(io, 'bold', printable(file))}\n${lineDiff(io, before, after)}`);
      const apply = options.dir === '.' ? 'chartly apply' : `chartly apply ${options.dir}`;
      const again =
        event.held || event.mode === 'quarantine'
          ? `quarantine recover --source ${event.source_id}`
          : `replay ${event.source_id} --preview`;
      io.err(options.dryRun === true ? 'nothing was written\n' : `next: ${apply} && chartly ${again}\n`);
    },
  );
}

function addDecision(drift: Command, { io }: CommandContext, name: 'accept' | 'ignore', about: string): void {
  const command = connectionOptions(driftArgument(drift.command(name).description(about)));
  example(command, `chartly drift ${name} 0123456789abcdef0123456789abcdef`).action(
    async (id: string, options: ConnectionOptions) => {
      const decision = await withSession(options, ({ api }) =>
        api.post<DriftDecision>(`/v1/drift/${segment(id)}/${name}`),
      );
      if (options.json === true) return printJson(io, decision);
      const { event, retried, stopped } = decision;
      io.out(`${event.drift_id} is ${event.state}\n`);
      if (retried > 0)
        io.err(
          `${count(retried)} ${retried === 1 ? 'payload that was' : 'payloads that were'} held back ${retried === 1 ? 'is' : 'are'} normalized now\n`,
        );
      if (stopped) io.err(`source ${event.source_id} is still stopped; next: chartly drift list ${event.source_id}\n`);
    },
  );
}
