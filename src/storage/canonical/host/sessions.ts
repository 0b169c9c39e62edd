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
  /** Runs at once on a session of its own: what must not wait behind other queries. */
  runAside(text: string): Promise<void>;
  close(): void;
}

/** Reads and writes have sessions of their own, so that heavy reads cannot hold up writing. */
const laneSizes = { read: 8, write: 4 };
export const sessionCount = laneSizes.read + laneSizes.write + 1;

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

  return {
    async run(name, statement, signal) {
      const lane = lanes[name];
      const session = lane.free.pop() ?? (await new Promise<EngineSession>((resolve) => lane.waiting.push(resolve)));
      try {
        signal?.throwIfAborted();
        return await session.run(statement);
      } finally {
        release(lane, session);
      }
    },
    async runAside(text) {
      await aside.run({ text, database: 'default', settings: new Map(), params: new Map(), format: 'Null' });
    },
    close() {
      for (const session of [aside, ...lanes.read.free, ...lanes.write.free]) session.close();
    },
  };
}

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

  async run(statement: Statement): Promise<StatementResult> {
    this.#refuseStaleParams(statement);
    await this.#prepare(statement);
    const result = await this.#session.queryAsync(statement.text, { format: statement.format });
    return {
      bytes: result.bytes(),
      elapsedSeconds: result.elapsed,
      rowsRead: result.rowsRead,
      bytesRead: result.bytesRead,
    };
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

  /** Brings the session from what it holds to what the statement needs. A session where that fails is replaced. */
  async #prepare(statement: Statement): Promise<void> {
    const changes = this.#changes(statement);
    try {
      if (statement.database !== this.#database) {
        await this.#session.queryAsync(`USE ${quoteIdentifier(statement.database)}`);
      }
      if (changes.length > 0) await this.#session.queryAsync(`SET ${changes.join(', ')}`);
    } catch (error) {
      this.#session.close();
      this.#session = new Session(this.#dir);
      this.#database = 'default';
      this.#settings = new Map();
      this.#params.clear();
      throw error;
    }
    this.#database = statement.database;
    this.#settings = statement.settings;
    for (const [name, value] of statement.params) this.#params.set(name, value);
  }

  #changes(statement: Statement): string[] {
    const changes: string[] = [];
    for (const name of this.#settings.keys()) {
      if (!statement.settings.has(name)) changes.push(`${name} = DEFAULT`);
    }
    for (const [name, value] of statement.settings) {
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
