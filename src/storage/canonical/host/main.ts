/**
 * The child process that hosts the embedded canonical engine. Started by ../embedded.ts with an IPC channel, through
 * which it gets its directory and credentials; it ends by itself when that channel closes, however the parent died.
 */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createEngineServer } from './server.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { openSpool, type Spool } from './spool.ts';

/** From the parent. `port` 0 means any. */
interface StartMessage {
  type: 'start';
  dir: string;
  port: number;
  username: string;
  password: string;
}

let spool: Spool | undefined;

// A signal to the whole process group is for the parent, which closes this process when its own work is done.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('SIGHUP', () => {});
// An orderly exit would wait for running queries; what is acknowledged is on the disk, so none is needed.
process.on('disconnect', () => {
  spool?.close();
  process.kill(process.pid, 'SIGKILL');
});
process.once('message', (message: StartMessage) => start(message));

function start(message: StartMessage): void {
  let sessions: Sessions;
  try {
    sessions = openSessions(message.dir);
  } catch (error) {
    return fail('open', error);
  }
  // The lock of the directory is held from here on.
  const directory = createHash('sha256').update(realpathSync(message.dir)).digest('hex').slice(0, 16);
  const opened = openSpool(`chartly-${process.getuid?.() ?? 0}-${directory}`, message.dir);
  spool = opened;
  const server = createEngineServer({
    sessions,
    spool: opened,
    username: message.username,
    password: message.password,
  });
  server.on('error', (error) => fail('listen', error));
  server.listen(message.port, '127.0.0.1', () => {
    const address = server.address();
    process.send?.({ type: 'ready', port: typeof address === 'object' && address ? address.port : 0 });
  });
  process.once('message', () => {
    server.close(() => {
      sessions.close();
      opened.close();
      // As above: nothing is left to do, and the engine's own tear-down can take seconds.
      process.kill(process.pid, 'SIGKILL');
    });
    server.closeIdleConnections();
  });
}

function fail(stage: 'open' | 'listen', error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  process.send?.({ type: 'failed', stage, text }, () => process.kill(process.pid, 'SIGKILL'));
}
