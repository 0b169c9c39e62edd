import type { Command } from 'commander';
import { example, jsonOption, printJson, wholeNumber, type CommandContext, type OutputOptions } from './command.ts';
import { graceMs, Interrupted, listenForInterrupt } from './interrupt.ts';
import { demoProgress, describeDemo } from './show-demo.ts';
import { paint } from './text.ts';

type ServeOptions = OutputOptions & { data?: string; port?: number; host?: string };

const everyRole = 'gateway, orchestrator, connector-hub, normalizer, analytics, auth, audit, observer, storage';

const rolesHelp = `
Services in several processes:
  All of them need the same CHARTLY_POSTGRES_URL and CHARTLY_SERVICE_SECRET, and each says where it finds the services that it
  calls: CHARTLY_AUDIT_URL, CHARTLY_NORMALIZER_URL and so on, the internal URLs of processes that run them, with commas between.
  A process listens for the others on CHARTLY_INTERNAL_HOST and CHARTLY_INTERNAL_PORT (4748). See docs/served.md.`;

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
    `services to run in this process, with commas between (default: all of ${everyRole})`,
  );
  command.addHelpText('after', rolesHelp);
  example(command, 'chartly up --port 8080 --data /var/lib/chartly').action(
    async (options: ServeOptions & { roles?: string }) => {
      const interrupt = listenForInterrupt();
      const { isWhole, parseRoles, readConfig, serveRoles } = await import('#app');
      const { data: dataDir, host, port } = options;
      const roles = options.roles === undefined ? undefined : parseRoles(options.roles);
      const config = readConfig(process.env, { dataDir, host, port, roles });
      const serving = await serveRoles(config);
      const { url, internalUrl } = serving;
      const whole = isWhole(config.roles);
      if (options.json === true) {
        const parts = whole ? {} : { roles: config.roles };
        printJson(io, { url, internal_url: internalUrl, pid: process.pid, data: config.dataDir, ...parts });
      } else {
        const places = [url, internalUrl === undefined ? undefined : `${internalUrl} (internal)`].filter(Boolean);
        const who = whole ? 'Chartly' : `Chartly's ${config.roles.join(', ')}`;
        io.out(
          `${who} serves ${paint(io, 'bold', places.join(' and '))} from ${config.dataDir}; stop it with Ctrl-C\n`,
        );
      }
      await interrupt.asked;
      if (options.json !== true) io.err('\nStopping\n');
      await serving.stop(graceMs);
      interrupt.release();
    },
  );
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
