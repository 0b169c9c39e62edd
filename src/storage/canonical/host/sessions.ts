/**
 * Sessions of the embedded engine on one data directory. A session runs one query at a time, so there are several;
 * settings and parameters are set in the query's own session just before it, since the binding's own bound
 * parameters are serialised over the whole process.
 */
import { Session } from 'chdb';

/** One statement with what its session must know. `settings` and `params` are text, as they stand in a URL. */
export interface Statement {
  text: string;
  database: string;
  settings: ReadonlyMap<string, string>;
  params: ReadonlyMap<string, string>;
  format: string;
}

export interface StatementResult {
  bytes: Uint8Array;
  elapsedSeconds: number;
  rowsRead: number;
  bytesRead: number;
}

export interface Sessions {
  /** Runs when a session is free. Rejects with the engine's error text, `Code: N. DB::Exception: …`. */
  run(lane: 'read' | 'write', statement: Statement, signal?: AbortSignal): Promise<StatementResult>;
  /** As `run`, in pieces: `onPiece` is awaited before the next one is made, so that a large answer takes little memory. */
  stream(statement: Statement, onPiece: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Runs at once on a session of its own: what must not wait behind other queries. */
  runAside(text: string): Promise<void>;
  close(): void;
}

/** Reads and writes have sessions of their own, so that heavy reads cannot hold up writing. */
const laneSizes = { read: 8, write: 4 };

interface Lane {
  free: EngineSession[];
  waiting: ((session: EngineSession) => void)[];
}

/** Opens the directory; throws when another process holds it. */
export function openSessions(dir: string): Sessions {
  const aside = new EngineSession(dir);
  const open = (count: number): Lane => ({
    free: Array.from({ length: count }, () => new EngineSession(dir)),
    waiting: [],
  });
  const lanes = { read: open(laneSizes.read), write: open(laneSizes.write) };

  const release = (lane: Lane, session: EngineSession) => {
    const next = lane.waiting.shift();
    if (next) next(session);
    else lane.free.push(session);
  };

  const using = async <T>(name: 'read' | 'write', use: (session: EngineSession) => Promise<T>): Promise<T> => {
    const lane = lanes[name];
    const session = lane.free.pop() ?? (await new Promise<EngineSession>((resolve) => lane.waiting.push(resolve)));
    try {
      return await use(session);
    } finally {
      release(lane, session);
    }
  };

  return {
    run: (name, statement, signal) =>
      using(name, async (session) => {
        signal?.throwIfAborted();
        return session.run(statement);
      }),
    stream: (statement, onPiece, signal) =>
      using('read', async (session) => {
        signal.throwIfAborted();
        return session.stream(statement, onPiece, signal);
      }),
    async runAside(text) {
      await aside.run({ text, database: 'default', settings: new Map(), params: new Map(), format: 'Null' });
    },
    close() {
      for (const session of [aside, ...lanes.read.free, ...lanes.write.free]) session.close();
    },
  };
}

/** Texts of parameters stand in SET statements here: the engine's limit on a statement must not limit them. */
const baseSettings = [['max_query_size', String(256 * 1024 * 1024)]] as const;

class EngineSession {
  #dir: string;
  #session: Session;
  #database = 'default';
  #settings: ReadonlyMap<string, string> = new Map();
  #params = new Map<string, string>();

  constructor(dir: string) {
    this.#dir = dir;
    this.#session = new Session(dir);
  }

  /** A session where a statement failed is replaced: it would prepend what that one left behind to its next output. */
  async run(statement: Statement): Promise<StatementResult> {
    this.#refuseStaleParams(statement);
    try {
      await this.#prepare(statement);
      const result = await this.#session.queryAsync(statement.text, { format: statement.format });
      return {
        bytes: result.bytes(),
        elapsedSeconds: result.elapsed,
        rowsRead: result.rowsRead,
        bytesRead: result.bytesRead,
      };
    } catch (error) {
      this.#replace();
      throw error;
    }
  }

  async stream(
    statement: Statement,
    onPiece: (bytes: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#refuseStaleParams(statement);
    try {
      await this.#prepare(statement);
      for await (const piece of this.#session.queryStream(statement.text, { format: statement.format, signal })) {
        await onPiece(piece.raw());
      }
    } catch (error) {
      this.#replace();
      throw error;
    }
  }

  #replace(): void {
    this.#session.close();
    this.#session = new Session(this.#dir);
    this.#database = 'default';
    this.#settings = new Map();
    this.#params.clear();
  }

  close(): void {
    this.#session.close();
  }

  /** A parameter cannot be unset: one left from an earlier query must not fill a gap in this one. */
  #refuseStaleParams(statement: Statement): void {
    for (const name of this.#params.keys()) {
      if (!statement.params.has(name) && new RegExp(`\\{\\s*${name}\\s*:`).test(statement.text)) {
        throw new Error(`Code: 456. DB::Exception: Substitution \`${name}\` is not set. (UNKNOWN_QUERY_PARAMETER)`);
      }
    }
  }

  /** Brings the session from what it holds to what the statement needs. */
  async #prepare(statement: Statement): Promise<void> {
    const settings = new Map([...statement.settings, ...baseSettings]);
    const changes = this.#changes(statement, settings);
    if (statement.database !== this.#database) {
      await this.#session.queryAsync(`USE ${quoteIdentifier(statement.database)}`);
    }
    if (changes.length > 0) await this.#session.queryAsync(`SET ${changes.join(', ')}`);
    this.#database = statement.database;
    this.#settings = settings;
    for (const [name, value] of statement.params) this.#params.set(name, value);
  }

  #changes(statement: Statement, settings: ReadonlyMap<string, string>): string[] {
    const changes: string[] = [];
    for (const name of this.#settings.keys()) {
      if (!settings.has(name)) changes.push(`${name} = DEFAULT`);
    }
    for (const [name, value] of settings) {
      if (this.#settings.get(name) !== value) changes.push(`${name} = ${quoteText(value)}`);
    }
    for (const [name, value] of statement.params) {
      if (this.#params.get(name) !== value) changes.push(`param_${name} = ${quoteText(value)}`);
    }
    return changes;
  }
}

function quoteText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\0', '\\0')}'`;
}

function quoteIdentifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}
