import { Command, CommanderError } from 'commander';
import packageJson from '#package.json' with { type: 'json' };
import { applyCommand, validateCommand } from './command-apply.ts';
import { auditCommand } from './command-audit.ts';
import { dlqCommand } from './command-dlq.ts';
import { doctorCommand } from './command-doctor.ts';
import { ingestCommand } from './command-ingest.ts';
import { driftCommand } from './command-drift.ts';
import { initCommand } from './command-init.ts';
import { keyCommand } from './command-key.ts';
import { profileCommand } from './command-profile.ts';
import { quarantineCommand } from './command-quarantine.ts';
import { queryCommand } from './command-query.ts';
import { replayCommand } from './command-replay.ts';
import { reportCommand } from './command-report.ts';
import { retentionCommand } from './command-retention.ts';
import { revealCommand } from './command-reveal.ts';
import { runsCommand } from './command-runs.ts';
import { demoCommand, upCommand } from './command-serve.ts';
import { scanCommand } from './command-scan.ts';
import { traceCommand } from './command-trace.ts';
import type { CommandContext } from './command.ts';
import { Interrupted, interruptedExitCode } from './interrupt.ts';
import { processIo, type Io } from './io.ts';
import { reportError } from './report-error.ts';

const commands = [
  demoCommand,
  initCommand,
  validateCommand,
  profileCommand,
  applyCommand,
  upCommand,
  ingestCommand,
  runsCommand,
  dlqCommand,
  quarantineCommand,
  driftCommand,
  replayCommand,
  retentionCommand,
  scanCommand,
  revealCommand,
  queryCommand,
  reportCommand,
  traceCommand,
  auditCommand,
  keyCommand,
  doctorCommand,
];

/** Runs one command line (without `node` and the script) and resolves with its exit code. Never rejects. */
export async function run(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const context: CommandContext = { io, exitCode: 0 };
  try {
    await createProgram(context).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Interrupted) return interruptedExitCode;
    return reportError(io, error, wantsJson(argv));
  }
}

function createProgram(context: CommandContext): Command {
  const { io } = context;
  const program = new Command('chartly')
    .description('From any upstream to a chart you can prove.')
    .version(packageJson.version)
    .exitOverride()
    .showHelpAfterError('  code: usage\n  next: add --help to see what it takes')
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      getOutHelpWidth: () => io.columns ?? 100,
      getErrHelpWidth: () => io.columns ?? 100,
      getOutHasColors: () => io.color,
    })
    .addHelpText('after', '\nStart here:\n  chartly demo');
  for (const add of commands) add(program, context);
  return program;
}

/** After `--` nothing is an option. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).includes('--json');
}
