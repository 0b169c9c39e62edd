import type { Command } from 'commander';
import type { LineageView } from '#contracts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  segment,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { byteRange, decodedText, rawBytes, rowNumber, withheldText } from './command-quarantine.ts';
import { entryColumns, entryRow } from './ledger-table.ts';
import type { Io } from './io.ts';
import { fields, table } from './table.ts';
import { instant, paint } from './text.ts';

export function traceCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('trace')
      .description('From a record back to its bytes, and to the ledger entries that speak of it')
      .argument('<record>', 'id of the record', idOf.record),
  );
  example(command, 'chartly trace 0123456789abcdef0123456789abcdef').action(
    async (id: string, options: ConnectionOptions) => {
      const lineage = await withSession(options, ({ api }) =>
        api.get<LineageView>(`/v1/records/${segment(id)}/lineage`),
      );
      if (options.json === true) printJson(io, lineage);
      else io.out(describe(io, lineage));
      if (lineage.raw.blob_verified === false) {
        context.exitCode = 1;
        io.err('error: the stored payload does not match its digest\n  next: chartly audit verify\n');
      }
    },
  );
}

function blobState({ expired_at: expired, blob_verified: verified }: LineageView['raw']): string {
  if (expired !== undefined) return `expired ${instant(expired)} by the retention of the profile`;
  return verified === true ? 'its digest holds' : 'DOES NOT MATCH ITS DIGEST';
}

/** The tables that the batch's mapping looked values up in, as its ledger entry names them. */
function tablesOf(entries: LineageView['entries'], batchId: string | undefined): [string, string][] {
  const details = entries.find(({ entry }) => entry.resource === `batch:${batchId}`)?.entry.details ?? {};
  const prefix = 'lookup_';
  return Object.entries(details)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, digest]) => [name.slice(prefix.length), String(digest)]);
}

function describe(io: Io, { record, raw, profile, run, batch, entries }: LineageView): string {
  const heading = (text: string): string => `\n${paint(io, 'bold', text)}\n`;
  const flat = Object.entries(record).filter(([name]) => name !== 'provenance');
  return [
    paint(io, 'bold', 'record\n'),
    fields(
      io,
      flat.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const),
    ),
    heading('raw'),
    fields(io, [
      ['sha256', raw.sha256],
      ['blob', `${raw.bucket}/${raw.key}, ${blobState(raw)}`],
      ['captured', instant(raw.captured_at)],
      ['content type', raw.content_type],
      ['row', `${rowNumber(raw.row, raw.decoded_row)}, ${byteRange(raw, raw.compression, raw.decoded_row)}`],
    ]),
    raw.withheld === true
      ? withheldText(io)
      : raw.decoded_row === undefined
        ? rawBytes(io, raw.bytes_base64, raw.byte_end - raw.byte_start, raw.compression)
        : decodedText(io, raw.decoded_row),
    heading('made by'),
    fields(io, [
      ['profile', `${profile.id}@${profile.version}, digest ${profile.digest}`],
      ['run', run === undefined ? undefined : `${run.run_id} ${run.state}, requested ${instant(run.requested_at)}`],
      ['batch', batch === undefined ? undefined : `${batch.batch_id}, Merkle root ${batch.merkle_root}`],
      ...tablesOf(entries, batch?.batch_id).map(
        ([name, digest]) => ['looked up in', `${name}, digest ${digest}`] as const,
      ),
    ]),
    heading('ledger'),
    table(io, entryColumns, entries.map(entryRow)),
  ].join('');
}
