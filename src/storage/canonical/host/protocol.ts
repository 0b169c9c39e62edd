/** The part of ClickHouse's HTTP protocol that Chartly's client uses: what a request asks for, what an error looks like. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface EngineRequest {
  /** The statement, without data that an INSERT carries. */
  query: string;
  queryId: string;
  database: string;
  settings: Map<string, string>;
  params: Map<string, string>;
  defaultFormat: string;
}

/** Settings of ClickHouse's HTTP layer alone: the embedded engine does not know them, and a whole answer needs none. */
const httpOnly = new Set([
  'wait_end_of_query',
  'send_progress_in_http_headers',
  'buffer_size',
  'http_headers_progress_interval_ms',
  'enable_http_compression',
  'http_zlib_compression_level',
  'session_id',
  'role',
  'user',
  'password',
]);

/** Reads the URL's part of a request. Throws an engine error text for a name that cannot be one. */
export function parseRequest(url: URL): EngineRequest {
  const request: EngineRequest = {
    query: '',
    queryId: '',
    database: 'default',
    settings: new Map(),
    params: new Map(),
    defaultFormat: 'TabSeparated',
  };
  for (const [name, value] of url.searchParams) {
    if (name === 'query') request.query = value;
    else if (name === 'query_id') request.queryId = value;
    else if (name === 'database') request.database = value;
    else if (name === 'default_format') request.defaultFormat = value;
    else if (httpOnly.has(name)) continue;
    else if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error('Code: 115. DB::Exception: Bad name. (UNKNOWN_SETTING)');
    else if (name.startsWith('param_')) request.params.set(name.slice('param_'.length), value);
    else request.settings.set(name, value);
  }
  return request;
}

/** `INSERT INTO t (…) FORMAT Native`: data follows in the body. */
export function parseNativeInsert(query: string): string | undefined {
  const match = /^\s*(INSERT\s+INTO\s[\s\S]*?)\s+FORMAT\s+Native\s*;?\s*$/i.exec(query);
  return match?.[1];
}

/** Whether a statement only reads, and so may be cancelled when nobody waits for it any more. */
export function isReading(query: string): boolean {
  return /^[\s(]*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b/i.test(query);
}

/** Whether an answer may be long and is made row by row, so that it is sent in pieces. */
export function isStreaming(query: string): boolean {
  return /\bFORMAT\s+JSONCompactEachRow\s*$/.test(query);
}

/** Answers with an error text of the engine the way the server does. */
export function sendError(response: ServerResponse, error: unknown): void {
  const { code, text, status } = describeError(error);
  if (response.destroyed || response.writableEnded) return;
  // The status is out: only a broken answer can still say that it is not complete.
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-exception-code': String(code),
  });
  response.end(text);
}

function describeError(error: unknown): { code: number; text: string; status: number } {
  const message = error instanceof Error ? error.message : String(error);
  const system = (error as { code?: unknown } | null)?.code;
  if (system === 'ENOSPC' || system === 'EDQUOT') {
    return { code: 243, status: 500, text: 'Code: 243. DB::Exception: No space left on device. (NOT_ENOUGH_SPACE)' };
  }
  const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? 1002);
  const text = /Code: \d+/.test(message) ? message : `Code: 1002. DB::Exception: ${message} (UNKNOWN_EXCEPTION)`;
  const status = code === 516 ? 403 : code === 60 || code === 81 ? 404 : code === 62 ? 400 : 500;
  return { code, text, status };
}

/** A request's whole body; throws engine error 307 beyond `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new Error('Code: 307. DB::Exception: The body is too large. (TOO_MANY_BYTES)');
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}
