import type { Command } from 'commander';
import { ChartlyError } from '#kit';
import { example, jsonOption, printJson, wholeNumber, type CommandContext, type OutputOptions } from './command.ts';
import { progressLine } from './progress.ts';
import { untilSignal } from './serve-until-signal.ts';
import { paintState } from './show-run.ts';
import type { Io } from './io.ts';
import { table } from './table.ts';
import { count, fit, paint } from './text.ts';

type ServeOptions = OutputOptions & { data?: string; port?: number; host?: string };

const everyRole = ['gateway', 'orchestrator', 'connector-hub', 'normalizer', 'analytics'];

function serveOptions(command: Command): Command {
  return jsonOption(command)
    .option('--data <dir>', 'data directory (env CHARTLY_DATA, default .chartly)')
    .option(
      '--port <n>',
      'port to listen on; 0 takes a free one (env CHARTLY_PORT, default 4747)',
      wholeNumber(0, 65535),
    )
    .option('--host <host>', 'address to listen on (env CHARTLY_HOST, default 127.0.0.1)');
}

export function upCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = serveOptions(program.command('up').description('Run the services until they are stopped')).option(
    '--roles <roles>',
    `services to run, with commas between (default: all of ${everyRole.join(', ')})`,
  );
  example(command, 'chartly up --port 8080 --data /var/lib/chartly').action(
    async (options: ServeOptions & { roles?: string }) => {
      checkRoles(options.roles);
      const { readConfig, serve } = await import('#app');
      const config = readConfig(process.env, { dataDir: options.data, host: options.host, port: options.port });
      const serving = await serve(config);
      const { url } = serving;
      if (options.json === true) printJson(io, { url, pid: process.pid, data: config.dataDir });
      else io.out(`Chartly serves ${paint(io, 'bold', url)} from ${config.dataDir}; stop it with Ctrl-C\n`);
      await untilSignal();
      if (options.json !== true) io.err('stopping\n');
      await serving.stop();
    },
  );
}

function checkRoles(roles: string | undefined): void {
  if (roles === undefined) return;
  const asked = new Set(roles.split(',').map((role) => role.trim()));
  const unknown = [...asked].filter((role) => !everyRole.includes(role));
  if (unknown.length > 0) throw new ChartlyError('usage', `There is no role ${unknown.join(', ')}.`);
  if (everyRole.some((role) => !asked.has(role))) {
    throw new ChartlyError('config_invalid', 'This version runs all services in one process.', {
      action: 'Leave --roles out.',
    });
  }
}

export function demoCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = serveOptions(
    program
      .command('demo')
      .description('Run everything on real data: the bundled upstream, the example workspace, every report'),
  ).option('--exit', 'end when everything is ingested, instead of serving on');
  example(command, 'chartly demo', 'chartly demo --exit --json').action(
    async (options: ServeOptions & { exit?: boolean }) => {
      const { runDemo } = await import('#app');
      const progress = demoProgress(io);
      const demo = await runDemo({
        dataDir: options.data,
        host: options.host,
        port: options.port,
        onEvent: progress.onEvent,
      }).finally(progress.end);
      // Not the key: what is printed ends in logs.
      const { url, sources, reports, ledger, seconds } = demo;
      const result = { url, sources, reports, ledger, seconds };
      try {
        if (options.json === true) printJson(io, result);
        else io.out(describeDemo(io, { ...result, signInUrl: demo.signInUrl }, options.exit !== true));
        if (result.sources.some(({ state }) => state !== 'succeeded')) context.exitCode = 1;
        if (options.exit !== true) await untilSignal();
      } finally {
        await demo.stop();
      }
    },
  );
}

type DemoEvent =
  | { type: 'stage'; text: string }
  | { type: 'run'; source: string; state: string; rows: number; records: number };

interface DemoSummary {
  url: string;
  signInUrl: string;
  sources: {
    source: string;
    state: string;
    counts: { rows: number; records: number; quarantined: number; deduplicated: number; skipped: number };
    stored: number;
    error?: string;
  }[];
  reports: { id: string; title: string }[];
  ledger: { size: string; head: string };
  seconds: number;
}

/** One live line for all sources, drawn also when nothing happens, so that a wait looks like one. */
function demoProgress(io: Io): { onEvent: (event: DemoEvent) => void; end: () => void } {
  const line = progressLine(io);
  const rows = new Map<string, { state: string; rows: number }>();
  let stage = 'Starting';
  const draw = (): void => {
    const ended = [...rows.values()].filter(({ state }) => state !== 'queued' && state !== 'running').length;
    let total = 0;
    for (const run of rows.values()) total += run.rows;
    line.show(rows.size === 0 ? stage : `${stage}: ${ended} of ${rows.size} sources, ${count(total)} rows`);
  };
  const drawing = setInterval(draw, 120);
  return {
    onEvent(event) {
      if (event.type === 'stage') {
        stage = event.text;
        if (!io.liveErr) io.err(`${stage}\n`);
      } else {
        rows.set(event.source, { state: event.state, rows: event.rows });
      }
    },
    end() {
      clearInterval(drawing);
      line.clear();
    },
  };
}

function describeDemo(io: Io, demo: DemoSummary, serving: boolean): string {
  const numbers = ['rows', 'records', 'quarantined', 'deduplicated', 'stored'];
  const sources = table(
    io,
    [
      { title: 'source', whole: true },
      { title: 'state', paint: (text) => paintState(io, text) },
      ...numbers.map((title) => ({ title, align: 'right' as const })),
      { title: 'error' },
    ],
    demo.sources.map(({ source, state, counts, stored, error }) => [
      source,
      state,
      count(counts.rows),
      count(counts.records),
      count(counts.quarantined),
      count(counts.deduplicated),
      count(stored),
      error ?? '',
    ]),
  );
  const reports = table(
    io,
    [{ title: 'report', whole: true }, { title: 'title' }],
    demo.reports.map(({ id, title }) => [id, title]),
  );
  const ledger = `Every row is accounted for in a ledger of ${demo.ledger.size} entries, head ${fit(demo.ledger.head, 17)}.`;
  const end = serving
    ? `Open ${paint(io, 'bold', demo.signInUrl)} (this link signs in once)\nServing ${demo.url}; stop it with Ctrl-C.\n`
    : 'Next: chartly report render climate -o climate.html\n';
  return `${sources}\n${reports}\n${ledger}\nDone in ${demo.seconds.toFixed(1)} s.\n${end}`;
}
