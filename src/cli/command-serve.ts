import type { Command } from 'commander';
import { ChartlyError } from '#kit';
import { example, jsonOption, printJson, wholeNumber, type CommandContext, type OutputOptions } from './command.ts';
import { graceMs, Interrupted, listenForInterrupt } from './interrupt.ts';
import { demoProgress, describeDemo } from './show-demo.ts';
import { paint } from './text.ts';

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
      const interrupt = listenForInterrupt();
      const { readConfig, serve } = await import('#app');
      const config = readConfig(process.env, { dataDir: options.data, host: options.host, port: options.port });
      const serving = await serve(config);
      const { url } = serving;
      if (options.json === true) printJson(io, { url, pid: process.pid, data: config.dataDir });
      else io.out(`Chartly serves ${paint(io, 'bold', url)} from ${config.dataDir}; stop it with Ctrl-C\n`);
      await interrupt.asked;
      if (options.json !== true) io.err('\nStopping\n');
      await serving.stop(graceMs);
      interrupt.release();
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
      const interrupt = listenForInterrupt();
      const { runDemo } = await import('#app');
      const progress = demoProgress(io);
      const demo = await runDemo({
        dataDir: options.data,
        host: options.host,
        port: options.port,
        onEvent: progress.onEvent,
        signal: interrupt.signal,
      })
        .catch((error: unknown) => {
          throw interrupt.signal.aborted ? new Interrupted() : error;
        })
        .finally(progress.end);
      const { url, sources, reports, ledger, seconds } = demo;
      try {
        // Not the key: what is printed ends in logs.
        if (options.json === true) printJson(io, { url, sources, reports, ledger, seconds });
        else io.out(describeDemo(io, demo, options.exit !== true));
        if (sources.some(({ state }) => state !== 'succeeded')) context.exitCode = 1;
        if (options.exit !== true) {
          await interrupt.asked;
          if (options.json !== true) io.err('\nStopping\n');
        }
      } finally {
        await demo.stop(graceMs);
        interrupt.release();
      }
    },
  );
}
