import type { RecordChangeView, ReplayPreview } from '#contracts';
import type { Io } from './io.ts';
import { fields, table } from './table.ts';
import { count, paint, printable } from './text.ts';

const shownCells = 5;

/** A preview for people: the numbers, the reports, then examples. */
export function showPreview(io: Io, preview: ReplayPreview): string {
  const { records, counts, profile, compared_to: base } = preview;
  const head = fields(io, [
    ['source', preview.source_id],
    ['profile', `${profile.id}@${profile.version}`],
    ['beside', base === undefined ? 'the live records' : `${base.id}@${base.version}`],
    ['payloads', count(preview.payloads)],
    ['rows', count(counts.rows)],
    ['records added', count(records.added)],
    ['changed', count(records.changed)],
    ['retired', count(records.retired)],
    ['unchanged', count(records.unchanged)],
  ]);
  return [
    head,
    quarantineTable(io, preview),
    reportsTable(io, preview),
    cellsTable(io, preview),
    ...exampleTexts(io, preview),
  ]
    .filter((part) => part !== '')
    .join('\n')
    .concat(`\n${paint(io, 'dim', 'nothing was written')}\n`);
}

function quarantineTable(io: Io, { quarantine }: ReplayPreview): string {
  if (quarantine.length === 0) return '';
  const columns = ['quarantined for', 'before', 'recovered', 'after'].map((title, i) => ({
    title,
    ...(i === 0 ? {} : { align: 'right' as const }),
  }));
  const number = (value: number | undefined): string => (value === undefined ? '' : count(value));
  return table(
    io,
    columns,
    quarantine.map((one) => [one.reason_code, number(one.before), number(one.recovered), number(one.after)]),
  );
}

function reportsTable(io: Io, { reports }: ReplayPreview): string {
  if (reports.length === 0) return '';
  const right = { align: 'right' as const };
  return table(
    io,
    [
      { title: 'report' },
      { title: 'section' },
      { title: 'rows', ...right },
      { title: 'then', ...right },
      { title: 'cells that change', ...right },
    ],
    reports.map((one) => [
      one.report,
      one.section,
      count(one.rows_before),
      count(one.rows_after),
      count(one.cells_changed),
    ]),
  );
}

function cellsTable(io: Io, { reports }: ReplayPreview): string {
  const rows = reports.flatMap((one) =>
    one.cells.slice(0, shownCells).map((cell) => [
      `${one.report}/${one.section}`,
      Object.values(cell.row)
        .map((value) => String(value ?? ''))
        .join(', '),
      cell.column,
      String(cell.before ?? ''),
      String(cell.after ?? ''),
    ]),
  );
  if (rows.length === 0) return '';
  const columns = ['section', 'row', 'column', 'before', 'after'].map((title) => ({ title }));
  return table(io, columns, rows);
}

function exampleTexts(io: Io, { examples }: ReplayPreview): string[] {
  const shown = (['added', 'changed', 'retired'] as const).flatMap((change) =>
    examples.filter((one) => one.change === change).slice(0, 3),
  );
  return shown.map((one) => `${paint(io, 'bold', one.change)} ${one.record_id}\n${differences(one)}`);
}

/** Of a changed record the fields that differ; of another one all. */
function differences({ before, after }: RecordChangeView): string {
  const [from, to] = [flat(before), flat(after)];
  const names = [...new Set([...from.keys(), ...to.keys()])].filter((name) => from.get(name) !== to.get(name));
  const line = (name: string): string => {
    const [a, b] = [from.get(name) ?? '', to.get(name) ?? ''];
    if (before === undefined || after === undefined) return `  ${name}: ${printable(a + b)}\n`;
    return `  ${name}: ${printable(a)} → ${printable(b)}\n`;
  };
  return names.map(line).join('');
}

function flat(fields: RecordChangeView['before']): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (typeof value !== 'object') values.set(name, String(value));
    else for (const [inner, one] of Object.entries(value)) values.set(`${name}.${inner}`, String(one));
  }
  return values;
}
