import { Option, type Command } from 'commander';
import type { DecodedRow, QuarantineCount, QuarantinedRow, QuarantineRecord } from '#contracts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  reasonCodes,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { repairCommands } from './quarantine-repair.ts';
import type { Io } from './io.ts';
import { pageOptions, printPage, type Page, type PageOptions } from './page.ts';
import { fields, type Column } from './table.ts';
import { count, instant, paint, printable } from './text.ts';

const states: QuarantineRecord['state'][] = ['open', 'recovered', 'superseded', 'discarded', 'expired'];

type ListOptions = ConnectionOptions &
  PageOptions & { source?: string; reason?: string; run?: string; state?: string; summary?: boolean };

export function quarantineCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const quarantine = program.command('quarantine').description('Rows that were refused, and why');

  const list = pageOptions(connectionOptions(quarantine.command('list').description('Refused rows, newest first')))
    .option('--source <source>', 'of this source')
    .addOption(new Option('--reason <code>', 'for this reason').choices(reasonCodes))
    .option('--run <run>', 'of this run', idOf.run)
    .addOption(new Option('--state <state>', 'default: open').choices(states))
    .option('--summary', 'count them by source and reason instead');
  example(list, 'chartly quarantine list --source movies', 'chartly quarantine list --summary').action(
    async (options: ListOptions) => {
      const { source, reason, run, state, limit, after } = options;
      await withSession(options, async ({ api }) => {
        if (options.summary === true) {
          const query = { source, reason, run, state };
          const page = await api.get<Page<QuarantineCount>>('/v1/quarantine/summary', query);
          return printPage(io, page, options, countColumns, countRow);
        }
        const query = { source, reason, run, state, limit, after };
        const page = await api.get<Page<QuarantineRecord>>('/v1/quarantine', query);
        printPage(io, page, options, columns, row);
      });
    },
  );

  const show = connectionOptions(
    quarantine
      .command('show')
      .description('One refused row: its bytes, the rule, what to do next')
      .argument('<id>', 'its id', idOf.quarantined),
  );
  example(show, 'chartly quarantine show 0123456789abcdef0123456789abcdef').action(
    async (id: string, options: ConnectionOptions) => {
      const found = await withSession(options, ({ api }) => api.get<QuarantinedRow>(`/v1/quarantine/${segment(id)}`));
      if (options.json === true) printJson(io, found);
      else io.out(describe(io, found));
    },
  );
  repairCommands(quarantine, context);
}

const columns: Column[] = [
  { title: 'id', whole: true },
  { title: 'source' },
  { title: 'reason' },
  { title: 'row', align: 'right' },
  { title: 'pointer' },
  { title: 'value' },
  { title: 'message' },
];

function row(record: QuarantineRecord): string[] {
  const { quarantine_id, source_id, reason_code, pointer, value_masked, message } = record;
  return [quarantine_id, source_id, reason_code, count(record.row), pointer, value_masked, message];
}

const countColumns: Column[] = [{ title: 'source' }, { title: 'reason' }, { title: 'rows', align: 'right' }];

function countRow({ source_id, reason_code, count: rows }: QuarantineCount): string[] {
  return [source_id, reason_code, count(rows)];
}

function describe(io: Io, { record, bytes_base64, compression, decoded_row, withheld }: QuarantinedRow): string {
  const head = fields(io, [
    ['id', record.quarantine_id],
    ['source', record.source_id],
    ['run', record.run_id],
    ['state', record.state],
    ['reason', record.reason_code],
    ['message', record.message],
    ['rule', record.rule],
    ['pointer', record.pointer],
    ['value', record.value_masked],
    ['profile', `${record.profile_id}@${record.profile_version}`],
    ['raw', record.raw_sha256],
    ['row', `${rowNumber(record.row, decoded_row)}, ${byteRange(record, compression, decoded_row)}`],
    ['since', instant(record.created_at)],
    ['next', record.recovery],
  ]);
  if (decoded_row !== undefined) return head + decodedText(io, decoded_row);
  if (withheld === true) return head + withheldText(io);
  return head + rawBytes(io, bytes_base64, record.byte_end - record.byte_start, compression);
}

/** Where the bytes of a row stand, or of what holds it beside others; of a compressed payload, in what it holds. */
export function byteRange(
  { byte_start, byte_end }: { byte_start: number; byte_end: number },
  compression: QuarantinedRow['compression'],
  decoded: DecodedRow | undefined,
): string {
  const what = decoded === undefined ? '' : `in the ${holders[decoded.within]} at `;
  const where = compression === undefined ? '' : ` of what the ${compression} holds`;
  return `${what}bytes ${byte_start} to ${byte_end}${where}`;
}

/** The number of a row, and of a sheet's the one that spreadsheets show. */
export function rowNumber(row: number, decoded: DecodedRow | undefined): string {
  return decoded?.within === 'sheet' ? `${count(row)} (${count(row + 1)} in the sheet)` : count(row);
}

const holders: Record<DecodedRow['within'], string> = { row_group: 'row group', sheet: "sheet's file" };

/** A row that was decoded from bytes that say nothing to a reader, under a heading. */
export function decodedText(io: Io, { json }: DecodedRow): string {
  if (json === undefined) return `\n${paint(io, 'dim', 'the row cannot be read')}\n`;
  return `\n${paint(io, 'dim', 'the row, decoded:')}\n${printable(json, { lines: true })}\n`;
}

/** Instead of bytes that the caller's role may not see. */
export function withheldText(io: Io): string {
  return `\n${paint(io, 'dim', 'the bytes are not shown: the profile has a policy, and they need the role operator')}\n`;
}

/** The bytes of a row under a heading; what a terminal would act upon is made visible. */
export function rawBytes(
  io: Io,
  base64: string | undefined,
  length: number,
  compression: QuarantinedRow['compression'],
): string {
  if (base64 === undefined) return `\n${paint(io, 'dim', 'the payload has expired: its bytes are gone')}\n`;
  // What concerns a payload that could not be decoded has no bytes.
  if (length === 0) return '';
  const bytes = Buffer.from(base64, 'base64');
  const cut = bytes.length < length ? ` (the first ${bytes.length} of ${length} bytes)` : '';
  const text = printable(bytes.toString('utf8'), { lines: true });
  return `\n${paint(io, 'dim', `${compression === undefined ? 'as captured' : 'decoded'}${cut}:`)}\n${text}${text.endsWith('\n') ? '' : '\n'}`;
}
