/** Hosts the embedded PostgreSQL, which would starve the event loop of the process's own thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { ensurePgliteDirectory } from './pglite-directory.ts';
import { createPgliteSession } from './pglite-session.ts';
import { postgresFailure, type PostgresFailure } from './postgres-failure.ts';
import type { Session, StatementResult } from './session.ts';
import { valueParsers, valueSerializers } from './value-types.ts';
import type { WorkerReply, WorkerRequest } from './worker-protocol.ts';

const port = parentPort!;
const { dir } = workerData as { dir: string };
const send = (reply: WorkerReply): void => port.postMessage(reply);

function toFailure(error: unknown): PostgresFailure {
  const failure = postgresFailure(error);
  const { severity, name } = error as { severity?: unknown; name?: unknown };
  // A PANIC leaves locks behind that the next statement would wait for, for ever.
  if (severity === 'PANIC' || severity === 'FATAL' || name === 'RuntimeError') failure.fatal = true;
  return failure;
}

const listeners = new Map<string, () => Promise<void>>();

async function listen(db: PGlite, channel: string): Promise<void> {
  if (listeners.has(channel)) return;
  const stop = await db.listen(channel, (payload) => send({ notification: { channel, payload } }));
  listeners.set(channel, stop);
}

async function run(db: PGlite, session: Session, request: WorkerRequest): Promise<StatementResult[]> {
  switch (request.op) {
    case 'query':
      return session.query(request.text, request.params);
    case 'script':
      return session.script(request.text);
    case 'listen':
      await listen(db, request.channel);
      return [];
    case 'unlisten':
      await listeners.get(request.channel)?.();
      listeners.delete(request.channel);
      return [];
    case 'close':
      await db.close();
      return [];
  }
}

await ensurePgliteDirectory(dir);
const db = await PGlite.create(dir, { parsers: valueParsers, serializers: valueSerializers });
// A statement is planned with its values each time: a plan kept from when a table was empty would scan it for ever.
await db.exec("set timezone = 'UTC'; set plan_cache_mode = force_custom_plan");
const session = createPgliteSession(db);

// One request after another, in the order of their arrival: the engine has one session.
let last: Promise<void> = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  last = last.then(async () => {
    try {
      send({ id: request.id, results: await run(db, session, request) });
    } catch (error) {
      send({ id: request.id, failure: toFailure(error) });
    }
    if (request.op === 'close') port.close();
  });
});
send({ ready: true });
