import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { QueryResult } from '#contracts';
import { ChartlyError } from '#kit';
import {
  connectionOptions,
  example,
  printJson,
  usage,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Io } from './io.ts';
import { csv, table } from './table.ts';

export function queryCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('query')
      .description('Ask the records')
      .argument('<file>', 'a query as JSON or YAML; - reads standard input'),
  ).option('--csv', 'print CSV');
  example(
    command,
    'chartly query counts.json --csv > counts.csv',
    `echo '{"kind":"event","name":"earthquake","bucket":"day","aggregates":[{"fn":"count","as":"n"}]}' | chartly query -`,
  ).action(async (file: string, options: ConnectionOptions & { csv?: boolean }) => {
    if (options.csv === true && options.json === true) throw usage('Choose one of --csv and --json.');
    const query = parseQuery(file === '-' ? await io.readInput() : await readText(file));
    const result = await withSession(options, ({ api }) => api.post<QueryResult>('/v1/query', query));
    if (options.json === true) return printJson(io, result);
    const names = result.columns.map((column) => column.name);
    io.out(options.csv === true ? csv(names, result.rows) : asTable(io, result));
    if (result.truncated) io.err('the rows were cut at the limit of the query\n');
  });
}

function asTable(io: Io, { columns, rows }: QueryResult): string {
  return table(
    io,
    columns.map(({ name, type }) => ({
      title: name,
      ...(type === 'number' || type === 'integer' ? { align: 'right' as const } : {}),
      ...(name === 'record_id' ? { whole: true } : {}),
    })),
    rows.map((row) => row.map((value) => (value === null ? '' : String(value)))),
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ChartlyError('not_found', `The file ${file} cannot be read.`, { cause, action: 'Check its name.' });
  }
}

/** JSON is YAML too: one parser reads both. */
function parseQuery(text: string): unknown {
  try {
    return parse(text, { prettyErrors: true, logLevel: 'error' });
  } catch (cause) {
    throw new ChartlyError('bad_request', `The query is neither JSON nor YAML: ${(cause as Error).message}`, { cause });
  }
}
