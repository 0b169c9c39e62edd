/** For this room's tests: a scripted upstream, a hub on a real blob store, and what they saw. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Source } from '#contracts';
import { silentLogger, systemClock, type Clock } from '#kit';
import type { Metrics } from '#observer';
import { createFileBlobStore, type BlobStore } from '#storage';
import { createConnectorHub, type CapturedPage, type ConnectorHub, type SourceState } from './index.ts';

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** ms, from performance.now(). */
  at: number;
}

export interface Upstream {
  url: string;
  seen: Seen[];
  /** The most requests that were out at once. */
  peak(): number;
  connections(): number;
  close(): Promise<void>;
}

type Script = (request: Seen, response: ServerResponse, ordinal: number) => unknown;

/** Records every request before the script answers it. */
export async function startUpstream(script: Script): Promise<Upstream> {
  const seen: Seen[] = [];
  let out = 0;
  let peak = 0;
  let connections = 0;
  const server = createServer((request, response) => {
    const at = performance.now();
    peak = Math.max(peak, ++out);
    response.once('close', () => out--);
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const entry = { method: request.method!, url: request.url!, headers: request.headers, body, at };
      seen.push(entry);
      await script(entry, response, seen.length - 1);
    })();
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    peak: () => peak,
    connections: () => connections,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface MetricCall {
  name: string;
  labels: unknown;
  value: number;
}

export interface Bench {
  hub: ConnectorHub;
  blobs: BlobStore;
  dir: string;
  /** All that was logged, as text. */
  logs: string[];
  metrics: MetricCall[];
  /** The content of a captured page. */
  text(page: CapturedPage): Promise<string>;
  /** Digests of everything in the raw bucket that a put completed. */
  stored: string[];
  close(): Promise<void>;
}

/** A hub with its own directory; the rate of the domain is out of the way unless asked for. */
export async function createBench(
  options: {
    env?: Record<string, string>;
    clock?: Clock;
    domainRate?: number;
    domainBurst?: number;
    monotonicMs?: () => number;
  } = {},
): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-hub-'));
  const files = createFileBlobStore({ dir: join(dir, 'blobs') });
  const stored: string[] = [];
  const blobs: BlobStore = {
    ...files,
    async put(...args) {
      const info = await files.put(...args);
      stored.push(info.sha256);
      return info;
    },
  };
  const logs: string[] = [];
  const metrics: MetricCall[] = [];
  const log = (message: string, fields?: object) => void logs.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const record = (name: string) => (labels: unknown, value: number) => void metrics.push({ name, labels, value });
  const hub = createConnectorHub({
    blobs,
    logger: { ...silentLogger, debug: log, info: log, warn: log, error: log },
    metrics: { upstreamCall: record('upstreamCall'), breakerState: record('breakerState') } as unknown as Metrics,
    clock: options.clock ?? systemClock,
    workspaceDir: dir,
    env: options.env ?? {},
    domainRate: options.domainRate ?? 10_000,
    domainBurst: options.domainBurst ?? 1000,
    monotonicMs: options.monotonicMs,
  });
  return {
    hub,
    blobs,
    dir,
    logs,
    metrics,
    stored,
    text: async (page) => (await blobs.readAll(page.raw.bucket, page.raw.sha256)).toString(),
    close: () => rm(dir, { recursive: true, force: true }),
  };
}

/** An HTTP source that may go to loopback and does not wait long. */
export function httpSource(
  url: string,
  http: Partial<NonNullable<Source['http']>> = {},
  rest: Partial<Source> = {},
): Source {
  return {
    source: 'src',
    connector: 'http',
    profile: 'p',
    http: { url, allow_private: true, ...http },
    limits: { rate_per_second: 10_000, ...rest.limits },
    retry: { base_ms: 1, ...rest.retry },
    breaker: { failures: 1000, ...rest.breaker },
    ...(rest.content_type === undefined ? {} : { content_type: rest.content_type }),
    ...(rest.source === undefined ? {} : { source: rest.source }),
  };
}

export const runId = '01900000-0000-7000-8000-000000000001';

/** All pages of a task. */
export async function fetchAll(
  bench: Bench,
  source: Source,
  task: { state?: SourceState; runId?: string; signal?: AbortSignal } = {},
): Promise<CapturedPage[]> {
  return Array.fromAsync(bench.hub.fetch(taskOf(source, task)));
}

export function taskOf(source: Source, task: { state?: SourceState; runId?: string; signal?: AbortSignal } = {}) {
  return {
    tenantId: 'default',
    runId: task.runId ?? runId,
    requestId: 'req',
    source,
    state: task.state,
    signal: task.signal ?? new AbortController().signal,
  };
}

/** The error that a promise rejects with. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { code: string; retryable: boolean; retryAfterMs?: number }> {
  try {
    await promise;
  } catch (error) {
    return error as never;
  }
  throw new Error('nothing was thrown');
}
