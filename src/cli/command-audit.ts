import type { Command } from 'commander';
import type { LedgerEntryView, VerifyReportView } from '#contracts';
import {
  connectionOptions,
  example,
  idOf,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import { entryColumns, entryRow } from './ledger-table.ts';
import type { Io } from './io.ts';
import { pageOptions, printPage, type Page, type PageOptions } from './page.ts';
import { progressLine } from './progress.ts';
import { fields, table } from './table.ts';
import { count, paint } from './text.ts';

export function auditCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const audit = program.command('audit').description('The ledger, and what it proves');

  const verify = connectionOptions(
    audit
      .command('verify')
      .description('Check ledger, payloads and records against each other; name what does not hold'),
  );
  example(verify, 'chartly audit verify').action(async (options: ConnectionOptions) => {
    const report = await withSession(options, async ({ api }) => {
      const progress = progressLine(io);
      progress.show('verifying');
      const drawing = setInterval(() => progress.show('verifying'), 120);
      try {
        return await api.post<VerifyReportView>('/v1/audit/verify');
      } finally {
        clearInterval(drawing);
        progress.clear();
      }
    });
    if (options.json === true) printJson(io, report);
    else io.out(describe(io, report));
    if (!report.ok) context.exitCode = 1;
  });

  const show = pageOptions(
    connectionOptions(audit.command('show').description('Entries of the ledger, in order')),
  ).option('--run <run>', 'that speak of this run', idOf.run);
  example(show, 'chartly audit show --limit 20').action(
    async (options: ConnectionOptions & PageOptions & { run?: string }) => {
      const { run, limit, after } = options;
      const page = await withSession(options, ({ api }) =>
        api.get<Page<LedgerEntryView>>('/v1/audit/entries', { run, limit, after }),
      );
      printPage(io, page, options, entryColumns, entryRow);
    },
  );
}

function describe(io: Io, report: VerifyReportView): string {
  const verdict = report.ok
    ? paint(io, 'green', 'everything holds')
    : paint(
        io,
        'red',
        report.findings.length === 1
          ? 'one thing does not hold'
          : `${count(report.findings.length)} things do not hold`,
      );
  const head = `${verdict}\n${fields(io, [
    ['entries', count(report.entries)],
    ['payloads', count(report.blobs)],
    ['batches', count(report.batches)],
    ['records', count(report.records)],
    ['size', report.size],
    ['head', report.head],
  ])}`;
  if (report.findings.length === 0) return head;
  const columns = [{ title: 'plane' }, { title: 'subject', whole: true }, { title: 'problem' }];
  return `${head}\n${table(
    io,
    columns,
    report.findings.map(({ plane, subject, problem }) => [plane, subject, problem]),
  )}`;
}
