import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ChartlyError, type Logger } from '#kit';

export interface EmbeddedClickHouse {
  /** `http://127.0.0.1:PORT`; stays the same when the engine restarts. */
  url: string;
  username: string;
  password: string;
  /** Nobody but this process can use it. */
  exclusive: boolean;
  /** Of the running child process; undefined while it restarts. */
  readonly pid: number | undefined;
  /** Ends the engine after the requests under way. */
  close(): Promise<void>;
}

interface EmbeddedDeps {
  dir: string;
  logger: Logger;
  /** For other processes of this machine to find it: the port it takes, and the password it asks for (default: any, and one that nobody else knows). */
  shared?: { port: number; password: string };
}

/** How long a predecessor that is dying may hold the directory. */
const lockPatienceMs = 5_000;
const startTimeoutMs = 60_000;
const closeTimeoutMs = 10_000;
const entry = fileURLToPath(new URL('./host/main.ts', import.meta.url));

/**
 * Starts the embedded canonical engine on a directory (created when missing) in a child process that speaks
 * ClickHouse's HTTP protocol on a private loopback port. The child ends when this process ends, in whatever way. When
 * the child crashes it is started again, with the same address and credentials; meanwhile the store answers
 * `storage_unavailable`. Errors: `data_dir_locked`, `storage_unavailable`.
 */
export async function startEmbeddedClickHouse({ dir, logger, shared }: EmbeddedDeps): Promise<EmbeddedClickHouse> {
  mkdirSync(dir, { recursive: true });
  const engine = new EngineProcess(dir, logger, shared);
  await engine.startPatiently();
  return {
    url: `http://127.0.0.1:${engine.port}`,
    username: engine.username,
    password: engine.password,
    exclusive: shared === undefined,
    get pid() {
      return engine.pid;
    },
    close: () => engine.close(),
  };
}

class EngineProcess {
  readonly username = 'chartly';
  readonly password: string;
  port: number;
  #dir: string;
  #logger: Logger;
  #child: ChildProcess | undefined;
  #closing = false;

  constructor(dir: string, logger: Logger, shared: EmbeddedDeps['shared']) {
    this.port = shared?.port ?? 0;
    this.password = shared?.password ?? randomBytes(24).toString('base64url');
    this.#dir = dir;
    this.#logger = logger;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts, and tries again while another process holds the directory, for a while. */
  async startPatiently(): Promise<void> {
    const deadline = Date.now() + lockPatienceMs;
    for (;;) {
      try {
        return await this.#start();
      } catch (error) {
        const locked = error instanceof ChartlyError && error.code === 'data_dir_locked';
        if (!locked || Date.now() > deadline) throw error;
        await sleep(150);
      }
    }
  }

  async #start(): Promise<void> {
    const child = spawn(process.execPath, [entry], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Every running query holds a thread of this pool.
      env: { ...process.env, UV_THREADPOOL_SIZE: '24', NODE_OPTIONS: '' },
    });
    const lastWords = keepLastWords(child);
    try {
      this.port = await this.#handshake(child, lastWords);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    this.#child = child;
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#closing) return;
      this.#logger.warn('the canonical engine ended unexpectedly; starting it again', {
        exit_code: code,
        signal,
        last_words: lastWords(),
      });
      void this.#restart();
    });
  }

  async #restart(): Promise<void> {
    for (let waitMs = 50; !this.#closing; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        await this.#start();
        if (this.#closing) this.#child?.kill('SIGKILL');
        return;
      } catch (error) {
        this.#logger.error('the canonical engine does not start again', { error: String(error) });
        await sleep(waitMs);
      }
    }
  }

  #handshake(child: ChildProcess, lastWords: () => string): Promise<number> {
    // Without a listener an error of the child or of its channel would end this process.
    child.on('error', () => {});
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let reason = 'It ended while starting.';
    const onMessage = (message: { type: string; port: number; text: string }) => {
      if (message.type === 'ready') resolve(message.port);
      else reason = message.text;
    };
    const onError = (error: Error) => reject(unavailable(error.message));
    // Not `exit`: its standard error must be read to the end first.
    const onClose = () => reject(this.#refusal(reason, lastWords()));
    const timer = setTimeout(() => reject(unavailable('It did not answer in time.')), startTimeoutMs);
    child.on('message', onMessage).on('error', onError).on('close', onClose);
    const { username, password, port } = this;
    child.send({ type: 'start', dir: this.#dir, port, username, password }, () => {});
    return promise.finally(() => {
      clearTimeout(timer);
      child.off('message', onMessage).off('error', onError).off('close', onClose);
    });
  }

  /** The engine says why it cannot open a directory on its standard error only. */
  #refusal(text: string, lastWords: string): ChartlyError {
    if (!/Cannot lock file/.test(lastWords)) return unavailable(`${text} ${lastWords}`.trim());
    return new ChartlyError('data_dir_locked', `Another process uses the canonical store in ${this.#dir}.`);
  }

  async close(): Promise<void> {
    this.#closing = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const timer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs);
    if (child.connected) child.send({ type: 'close' }, () => {});
    await ended;
    clearTimeout(timer);
  }
}

/** The end of what a child wrote to its standard error. */
function keepLastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-2_000);
  });
  return () => text.trim();
}

function unavailable(reason: string): ChartlyError {
  return new ChartlyError('storage_unavailable', `The embedded canonical engine did not start. ${reason}`, {
    retryable: true,
  });
}
