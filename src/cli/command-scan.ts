import { Option, type Command } from 'commander';
import { schemas, type Detector, type Scan } from '#contracts';
import type { ApiClient } from './client.ts';
import {
  connectionOptions,
  example,
  moment,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Io } from './io.ts';
import { progressLine } from './progress.ts';
import { showScan } from './show-scan.ts';
import { bytes, count } from './text.ts';

type Options = ConnectionOptions & { detector?: Detector[]; from?: string; to?: string; fail?: boolean };

const detectors = schemas['policies/policy'].$defs.detector.enum;

export function scanCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program
      .command('scan')
      .description('Look through what was captured for personal data, and say which records and reports it reached')
      .argument('[source]', 'name of the source (default all)'),
  )
    .addOption(new Option('--detector <name...>', 'what to look for (default everything)').choices(detectors))
    .option('--from <time>', 'only payloads captured from here on', moment)
    .option('--to <time>', 'only payloads captured before', moment)
    .option('--fail', 'exit with 1 when something is found');
  example(
    command,
    'chartly scan',
    'chartly scan signups --detector email phone --from 2026-01-01',
    'chartly scan signups --fail --json',
  ).action(async (source: string | undefined, options: Options) => {
    const { detector, from, to } = options;
    const request = { source, detectors: detector, from, to };
    const found = await withSession(options, ({ api }) => scanAll(io, api, request));
    if (options.json === true) printJson(io, found);
    else io.out(showScan(io, found));
    if (options.fail === true && found.findings > 0) context.exitCode = 1;
  });
}

/** Part after part, into one. */
async function scanAll(io: Io, api: ApiClient, request: Record<string, unknown>): Promise<Scan> {
  const line = progressLine(io);
  line.show('scanning');
  try {
    let all = await api.post<Scan>('/v1/scans', request);
    while (all.next !== undefined) {
      const sofar = `${count(all.payloads)} of ${count(all.total)} payloads, ${bytes(all.bytes)}`;
      line.show(`scanning: ${sofar}, ${count(all.findings)} found`);
      all = joined(all, await api.post<Scan>('/v1/scans', { ...request, after: all.next }));
    }
    return all;
  } finally {
    line.clear();
  }
}

function joined(first: Scan, second: Scan): Scan {
  const exports = new Map(
    first.exports.map((one) => [`${one.source_id} ${one.report_id} ${one.artifact_sha256}`, one]),
  );
  for (const one of second.exports) {
    const key = `${one.source_id} ${one.report_id} ${one.artifact_sha256}`;
    const known = exports.get(key);
    // Each part knows the values of its own payloads: some may be the same.
    exports.set(key, known === undefined ? one : { ...one, values: Math.max(known.values, one.values) });
  }
  const { next } = second;
  return {
    payloads: first.payloads + second.payloads,
    total: first.total,
    missing: first.missing + second.missing,
    bytes: first.bytes + second.bytes,
    findings: first.findings + second.findings,
    truncated: first.truncated || second.truncated,
    items: [...first.items, ...second.items],
    exports: [...exports.values()],
    ...(next === undefined ? {} : { next }),
  };
}
