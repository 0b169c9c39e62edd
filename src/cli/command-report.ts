import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Option, type Command } from 'commander';
import type { ReportDocument } from '#contracts';
import { ChartlyError } from '#kit';
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
import { printPage, type Page } from './page.ts';
import { bytes, count, instant } from './text.ts';

const formats = ['json', 'csv', 'svg', 'html'];

type RenderOptions = ConnectionOptions & { format?: string; section?: string; output?: string };

export function reportCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const report = program.command('report').description('Charts and tables over the records');

  const list = connectionOptions(report.command('list').description('The reports there are'));
  example(list, 'chartly report list').action(async (options: ConnectionOptions) => {
    const page = await withSession(options, ({ api }) => api.get<Page<ReportDocument>>('/v1/reports'));
    const columns = [
      { title: 'report', whole: true },
      { title: 'sections', align: 'right' as const },
      { title: 'applied (UTC)' },
      { title: 'title' },
    ];
    printPage(io, page, options, columns, ({ report: { report, sections, title }, applied_at }) => [
      report,
      count(sections.length),
      instant(applied_at),
      title,
    ]);
  });

  const render = connectionOptions(
    report.command('render').description('Render a report').argument('<name>', 'of the report'),
  )
    .addOption(new Option('--format <format>', 'default: as the file is named, else html').choices(formats))
    .option('--section <id>', 'one section alone (csv and svg)')
    .option('-o, --output <file>', 'write to a file instead of standard output');
  example(
    render,
    'chartly report render climate --format html -o climate.html',
    'chartly report render stocks --format csv --section prices',
  ).action(async (name: string, options: RenderOptions) => {
    const { output, section } = options;
    if (options.json === true && output === undefined) throw usage('--json tells about the file: give -o FILE too.');
    const format = options.format ?? formatOf(output) ?? 'html';
    if (output === undefined && io.columns !== undefined && format !== 'csv' && format !== 'json') {
      throw usage(`A page of ${format} would fill the terminal: give -o FILE.`);
    }
    const { body, headers } = await withSession(options, ({ api }) =>
      api.download(`/v1/reports/${segment(name)}/render`, { format, section }),
    );
    if (output === undefined) return io.out(body);
    await save(output, body);
    const artifact = headers['x-chartly-artifact-sha256'];
    const manifest = headers['x-chartly-manifest-sha256'];
    if (options.json !== true) return io.out(`wrote ${output} (${bytes(body.length)}, sha256 ${String(artifact)})\n`);
    printJson(io, { file: output, format, bytes: body.length, artifact_sha256: artifact, manifest_sha256: manifest });
  });
}

async function save(file: string, body: Uint8Array): Promise<void> {
  try {
    await writeFile(file, body);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw new ChartlyError('disk_full', `There is no room for ${file}.`, { cause });
    throw new ChartlyError('not_found', `The file ${file} cannot be written (${code}).`, {
      cause,
      action: 'Check that its directory exists, and that you may write there.',
    });
  }
}

function formatOf(file: string | undefined): string | undefined {
  const extension = extname(file ?? '')
    .slice(1)
    .toLowerCase();
  return formats.find((format) => format === (extension === 'htm' ? 'html' : extension));
}
