import type { Scan, ScanItem } from '#contracts';
import type { Io } from './io.ts';
import { table, type Column } from './table.ts';
import { bytes, count, instant, paint, printable } from './text.ts';

/** Rows for people; `--json` has them all. */
const shownItems = 50;

/** What a scan found, for people. */
export function showScan(io: Io, scan: Scan): string {
  const { payloads, missing, findings, items, exports } = scan;
  const gone = missing === 0 ? '' : `, ${count(missing)} of them gone`;
  const looked = `${count(payloads)} ${payloads === 1 ? 'payload' : 'payloads'}${gone}, ${bytes(scan.bytes)}`;
  if (payloads === 0) return 'no payloads were captured\n';
  if (findings === 0) return `nothing found in ${looked}\n`;
  const reached = items.filter((item) => item.reached.length > 0);
  const parts = [
    `${paint(io, 'bold', `${count(findings)} found`)} in ${looked}\n`,
    table(io, columns, items.slice(0, shownItems).map(itemRow)),
    items.length > shownItems
      ? paint(io, 'dim', `${count(items.length - shownItems)} more places: --json lists them\n`)
      : '',
    scan.truncated ? 'There was more than is listed here: scan fewer payloads at a time (--from, --to).\n' : '',
    reached.length === 0 ? 'None of it is in live records.\n' : '',
    exports.length === 0
      ? ''
      : `\nReports made from these records:\n${table(io, exportColumns, exports.map(exportRow))}`,
    reached.length === 0 ? '' : paint(io, 'dim', `next: ${advice(reached)}\n`),
  ];
  return parts.join('');
}

const columns: Column[] = [
  { title: 'source' },
  { title: 'payload' },
  { title: 'captured' },
  { title: 'where' },
  { title: 'detector' },
  { title: 'found', align: 'right' },
  { title: 'for example' },
  { title: 'at bytes' },
  { title: 'in live records' },
];

function itemRow({
  source_id,
  raw_sha256,
  captured_at,
  where,
  pointer,
  detector,
  count: found,
  samples,
  reached,
}: ScanItem) {
  const place = where === 'text' ? 'outside of rows' : `${where === 'record' ? 'record ' : ''}${printable(pointer)}`;
  const [sample] = samples;
  return [
    source_id,
    raw_sha256.slice(0, 12),
    instant(captured_at),
    place,
    detector,
    count(found),
    printable(sample?.masked ?? ''),
    sample === undefined ? '' : `${sample.byte_start} to ${sample.byte_end}`,
    reached.join(', '),
  ];
}

const exportColumns: Column[] = [
  { title: 'report' },
  { title: 'format' },
  { title: 'rendered' },
  { title: 'artifact' },
  { title: 'values shown', align: 'right' },
];

function exportRow({ report_id, format, rendered_at, artifact_sha256, values }: Scan['exports'][number]): string[] {
  return [report_id, format, instant(rendered_at), artifact_sha256.slice(0, 12), count(values)];
}

function advice(reached: readonly ScanItem[]): string {
  const [first] = reached;
  const field = first!.reached[0]!.split(' ').at(-1)!;
  return `say in a policy of the profile what becomes of it, e.g. \`${field}: { action: hash }\`, apply it, and run \`chartly replay ${first!.source_id}\``;
}
