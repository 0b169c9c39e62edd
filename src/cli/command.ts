import { InvalidArgumentError, type Command } from 'commander';
import { schemas } from '#contracts';
import { ChartlyError } from '#kit';
import { createApiClient, type ApiClient } from './client.ts';
import { graceMs, listenForInterrupt } from './interrupt.ts';
import type { Io } from './io.ts';

/** What every command is built with. */
export interface CommandContext {
  io: Io;
  /** Set by a command that did its work and found that something is wrong. */
  exitCode: number;
}

export interface OutputOptions {
  json?: boolean;
}

export interface ConnectionOptions extends OutputOptions {
  data?: string;
  url?: string;
  key?: string;
}

/** What a command is given to talk to the system. */
export interface Session {
  api: ApiClient;
  /** This process runs the services itself: what is to happen must happen before it ends. */
  embedded: boolean;
}

export function jsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document, and nothing else');
}

/** The options of a command that asks the system something. */
export function connectionOptions(command: Command): Command {
  return jsonOption(command)
    .option('--data <dir>', 'data directory (env CHARTLY_DATA, default .chartly)')
    .option('--url <url>', 'a server to use instead (env CHARTLY_URL)')
    .option('--key <key>', 'API key for it (env CHARTLY_API_KEY)');
}

export function example(command: Command, ...lines: string[]): Command {
  return command.addHelpText('after', `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** Prints one JSON document. */
export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** Finds or starts the system, runs `use`, and leaves nothing of it behind. Errors: `Interrupted`, and what `use` throws. */
export async function withSession<T>(options: ConnectionOptions, use: (session: Session) => Promise<T>): Promise<T> {
  const interrupt = listenForInterrupt();
  try {
    // Loaded late: `--help` must not wait for the services to load.
    const { openSystem } = await import('#app');
    const system = await openSystem({ url: options.url, apiKey: options.key, dataDir: options.data });
    const api = createApiClient(system);
    try {
      return await interrupt.orThrow(use({ api, embedded: system.embedded }));
    } finally {
      await api.close();
      await system.close(graceMs);
    }
  } finally {
    interrupt.release();
  }
}

/** A whole number, for commander. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  };
}

/** A time as ISO 8601 has it, in UTC when it names no zone; for commander. */
export function moment(text: string): string {
  const zoned = /[Zz]$|[+-]\d\d:?\d\d$/.test(text) || !text.includes('T') ? text : `${text}Z`;
  const ms = /^\d{4}-\d\d/.test(text) ? Date.parse(zoned) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a time, as 2026-01-31 or 2026-01-31T12:00:00Z.');
  return new Date(ms).toISOString();
}

/** Why rows are refused. */
export const reasonCodes = schemas['quarantine/reason-codes'].oneOf.map((reason) => reason.const);

type IdParser = (text: string) => string;

/** Ids, for commander: a slip of the hand is told before any service is started. */
export const idOf: Record<'run' | 'job' | 'record' | 'quarantined' | 'drift', IdParser> = {
  run: shaped(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a run, as `chartly runs list` shows it'),
  job: shaped(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a job, as `chartly dlq list` shows it'),
  record: shaped(/^[0-9a-f]{32}$/, 'a record, as a query that selects record_id shows it'),
  drift: shaped(/^[0-9a-f]{32}$/, 'a change, as `chartly drift list` shows it'),
  quarantined: shaped(/^[0-9a-f]{32}$/, 'a refused row, as `chartly quarantine list` shows it'),
};

function shaped(shape: RegExp, what: string): IdParser {
  return (text) => {
    if (shape.test(text)) return text;
    throw new InvalidArgumentError(`It must be the id of ${what}.`);
  };
}

/** An id that becomes part of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

export function usage(message: string): ChartlyError {
  return new ChartlyError('usage', message);
}
