import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Checkpoint, Health, SourceDocument } from '#contracts';
import { asChartlyError } from '#kit';
import {
  connectionOptions,
  example,
  printJson,
  withSession,
  type CommandContext,
  type ConnectionOptions,
} from './command.ts';
import type { Io } from './io.ts';
import type { Page } from './page.ts';
import { bytes, paint, printable } from './text.ts';

interface Check {
  check: string;
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to do about it. */
  next?: string;
}

const leastNode = 24;
const littleSpace = 2e9;
const noSpace = 100e6;

export function doctorCommand(program: Command, context: CommandContext): void {
  const { io } = context;
  const command = connectionOptions(
    program.command('doctor').description('Is everything well? Says what to do when not'),
  );
  example(command, 'chartly doctor').action(async (options: ConnectionOptions) => {
    const checks = [checkNode(), ...(await checkDirectory(options)), ...(await checkServices(options))];
    const ok = checks.every(({ status }) => status !== 'fail');
    if (options.json === true) printJson(io, { ok, checks });
    else for (const check of checks) io.out(describe(io, check));
    if (!ok) context.exitCode = 1;
  });
}

function checkNode(): Check {
  const ok = Number(process.versions.node.split('.')[0]) >= leastNode;
  return {
    check: 'node',
    status: ok ? 'ok' : 'fail',
    detail: `version ${process.versions.node}`,
    ...(ok ? {} : { next: `Install Node ${leastNode} or newer.` }),
  };
}

async function checkDirectory(options: ConnectionOptions): Promise<Check[]> {
  if (options.url !== undefined || process.env['CHARTLY_URL']) return [];
  const { readConfig } = await import('#app');
  const { dataDir } = readConfig(process.env, { dataDir: options.data });
  const place = await nearest(dataDir);
  return [await checkWritable(dataDir, place), await checkOwner(dataDir), await checkSpace(place)];
}

/** The directory, or what of the way to it exists already. */
async function nearest(dir: string): Promise<string> {
  try {
    await access(dir);
    return dir;
  } catch {
    return dirname(dir) === dir ? dir : nearest(dirname(dir));
  }
}

async function checkWritable(dataDir: string, place: string): Promise<Check> {
  const check = 'data directory';
  try {
    await access(place, constants.W_OK | constants.X_OK);
    return { check, status: 'ok', detail: place === dataDir ? `${dataDir} is writable` : `${dataDir} can be made` };
  } catch {
    return {
      check,
      status: 'fail',
      detail: `${place} cannot be written`,
      next: 'Give write access, or choose another --data.',
    };
  }
}

async function checkOwner(dataDir: string): Promise<Check> {
  const { readDataDirectoryOwner } = await import('#storage');
  const check = 'lock';
  try {
    const owner = readDataDirectoryOwner(dataDir);
    if (owner === undefined) return { check, status: 'ok', detail: 'no process holds the data directory' };
    const who = owner.pid === undefined ? 'a process' : `process ${owner.pid}`;
    if (owner.url !== undefined) return { check, status: 'ok', detail: `held by ${who}, which serves ${owner.url}` };
    return {
      check,
      status: 'warn',
      detail: `held by ${who}, which is starting or stopping`,
      next: 'Try again in a moment.',
    };
  } catch (error) {
    return failed(check, error);
  }
}

async function checkSpace(place: string): Promise<Check> {
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  const check = 'disk';
  const detail = `${bytes(free)} free`;
  if (free >= littleSpace) return { check, status: 'ok', detail };
  return { check, status: free < noSpace ? 'fail' : 'warn', detail, next: 'Free space, or move the data directory.' };
}

async function checkServices(options: ConnectionOptions): Promise<Check[]> {
  try {
    return await withSession(options, async ({ api, embedded }): Promise<Check[]> => {
      const health = await api.get<Health>('/v1/health');
      const head = await api.get<Checkpoint>('/v1/audit/checkpoint');
      const where = embedded ? 'started for this check' : `at ${api.url}`;
      return [
        { check: 'services', status: 'ok', detail: `version ${health.version}, ${where}` },
        ...health.stores.map(checkStore),
        checkUpstreams(health),
        checkDrift((await api.get<Page<SourceDocument>>('/v1/sources')).items),
        { check: 'ledger', status: 'ok', detail: `${head.size} entries, head ${head.head}` },
      ];
    });
  } catch (error) {
    return [failed('services', error)];
  }
}

function checkStore({ store, ok, engine }: Health['stores'][number]): Check {
  const check = `store ${store}`;
  const by = engine === undefined ? '' : ` (${engine})`;
  if (ok) return { check, status: 'ok', detail: `answers${by}` };
  return {
    check,
    status: 'fail',
    detail: `does not answer${by}`,
    next: 'Read the log of the server; restart it.',
  };
}

function checkUpstreams({ upstreams }: Health): Check {
  const open = upstreams.filter(({ breaker }) => breaker !== 'closed').map(({ domain }) => domain);
  if (open.length === 0) return { check: 'upstreams', status: 'ok', detail: 'no breaker is open' };
  const detail = `breaker open: ${open.join(', ')}`;
  return { check: 'upstreams', status: 'warn', detail, next: 'Nothing: it probes by itself.' };
}

function checkDrift(sources: readonly SourceDocument[]): Check {
  const stopped = sources.filter((one) => one.stopped_by !== undefined);
  if (stopped.length === 0) return { check: 'sources', status: 'ok', detail: 'none is stopped by drift' };
  const detail = `stopped, as their upstreams have changed: ${stopped.map((one) => one.source.source).join(', ')}`;
  return { check: 'sources', status: 'warn', detail, next: `chartly drift show ${stopped[0]!.stopped_by}` };
}

function failed(check: string, thrown: unknown): Check {
  const error = asChartlyError(thrown);
  return { check, status: 'fail', detail: `${error.message} (${error.code})`, next: error.action };
}

function describe(io: Io, { check, status, detail, next }: Check): string {
  const color = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  const line = `${paint(io, color[status], status.padEnd(4))}  ${check.padEnd(16)}  ${printable(detail)}\n`;
  return next === undefined ? line : `${line}${' '.repeat(6)}next: ${printable(next)}\n`;
}
