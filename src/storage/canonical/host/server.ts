/** ClickHouse's HTTP protocol, as far as needed, in front of the embedded engine. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { Sessions, Statement, StatementResult } from './sessions.ts';
import type { Spool } from './spool.ts';
import {
  isReading,
  isStreaming,
  parseNativeInsert,
  parseRequest,
  readBody,
  sendError,
  type EngineRequest,
} from './protocol.ts';

/** A URL carries a query's text and parameters. */
const maxHeaderBytes = 32 * 1024 * 1024;
const maxBodyBytes = 1024 * 1024 * 1024;

export interface EngineServerDeps {
  sessions: Sessions;
  spool: Spool;
  username: string;
  password: string;
}

/** A server that is not listening yet. */
export function createEngineServer(deps: EngineServerDeps): Server {
  const expected = digest(`${deps.username}:${deps.password}`);
  const server = createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
    handle(deps, expected, request, response).catch((error: unknown) => {
      request.resume();
      sendError(response, error);
    });
  });
  // Longer than any client keeps an idle socket: the client, which knows, closes first.
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 0;
  return server;
}

async function handle(
  deps: EngineServerDeps,
  expected: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://engine');
  if (url.pathname === '/ping') return void response.end('Ok.\n');
  if (!timingSafeEqual(digest(givenCredentials(request)), expected)) {
    throw new Error('Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)');
  }
  const asked = parseRequest(url);
  const body = await readBody(request, maxBodyBytes);
  const insert = parseNativeInsert(asked.query);
  const result =
    insert === undefined
      ? await runText(deps, asked, body, response)
      : await deps.spool.withFile(body, (path) =>
          deps.sessions.run('write', {
            ...asked,
            text: `${insert} SELECT * FROM file('${path}', Native)`,
            format: 'Null',
          }),
        );
  if (result) sendResult(response, asked, result);
}

async function runText(
  deps: EngineServerDeps,
  asked: EngineRequest,
  body: Buffer,
  response: ServerResponse,
): Promise<StatementResult | undefined> {
  const query = [asked.query, body.toString('utf8')].filter((part) => part !== '').join('\n');
  if (!isReading(query)) {
    if (readonly(asked)) throw new Error('Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)');
    const result = await deps.sessions.run('write', { ...asked, text: query, format: asked.defaultFormat });
    // The binding repeats an earlier query's output for statements that have none.
    return isAnswering(query) ? result : { ...result, bytes: new Uint8Array(0) };
  }
  return runReading(deps.sessions, asked, query, response);
}

async function runReading(
  sessions: Sessions,
  asked: EngineRequest,
  query: string,
  response: ServerResponse,
): Promise<StatementResult | undefined> {
  // It would write a file, whatever `readonly` says; the server's HTTP interface refuses it too.
  if (/\bINTO\s+OUTFILE\b/i.test(query)) {
    throw new Error('Code: 48. DB::Exception: INTO OUTFILE is not allowed. (NOT_IMPLEMENTED)');
  }
  const mark = `chartly:${randomUUID()}`;
  const gone = new AbortController();
  const onClose = () => {
    if (response.writableEnded) return;
    gone.abort();
    // ASYNC: the synchronous form deadlocks the engine.
    sessions.runAside(`KILL QUERY WHERE query LIKE '%${mark}%' ASYNC`).catch(() => {});
  };
  response.once('close', onClose);
  try {
    const statement = readingStatement(asked, query, mark);
    if (!isStreaming(query)) return await sessions.run('read', statement, gone.signal);
    await sessions.stream(statement, (bytes) => sendPiece(response, bytes), gone.signal);
    response.end();
    return undefined;
  } finally {
    response.off('close', onClose);
  }
}

/** `readonly` goes to the end of the query: set in a session, it could not be taken back. */
function readingStatement(asked: EngineRequest, query: string, mark: string): Statement {
  const settings = new Map(asked.settings);
  settings.delete('readonly');
  const limit = readonly(asked) ? '\nSETTINGS readonly = 1' : '';
  return {
    text: `${query.replace(/[\s;]+$/, '')}${limit}\n/* ${mark} */`,
    database: asked.database,
    settings,
    params: asked.params,
    format: asked.defaultFormat,
  };
}

function readonly(asked: EngineRequest): boolean {
  return (asked.settings.get('readonly') ?? '0') !== '0';
}

function isAnswering(query: string): boolean {
  return /^\s*(KILL|CHECK|OPTIMIZE)\b/i.test(query);
}

function sendResult(response: ServerResponse, asked: EngineRequest, result: StatementResult): void {
  const summary = {
    read_rows: String(result.rowsRead),
    read_bytes: String(result.bytesRead),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  };
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': result.bytes.length,
    'x-clickhouse-query-id': asked.queryId.replace(/[^\w-]/g, ''),
    'x-clickhouse-summary': JSON.stringify(summary),
  });
  response.end(result.bytes);
}

async function sendPiece(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.write(bytes) || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function givenCredentials(request: IncomingMessage): string {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (basic !== undefined) return Buffer.from(basic, 'base64').toString('utf8');
  return `${String(request.headers['x-clickhouse-user'])}:${String(request.headers['x-clickhouse-key'])}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
