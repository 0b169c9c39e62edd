import type { Param, Row, Sql } from './port.ts';

/** One session of an engine. Calls run in the order in which they are made. */
export interface Session {
  query(text: string, params: readonly Param[]): Promise<StatementResult[]>;
  /** Any number of statements without parameters; one result for each. */
  script(text: string): Promise<StatementResult[]>;
}

/** What one statement gave. Rows are arrays: names once. */
export interface StatementResult {
  columns: string[];
  rows: unknown[][];
  affected: number;
  /** The command as the engine names it, e.g. `INSERT`, `ROLLBACK`. */
  command: string;
}

/** Runs one statement, or several without parameters. */
export function runStatement(session: Session, text: string, params: readonly Param[]): Promise<StatementResult[]> {
  return isScript(text, params) ? session.script(text) : session.query(text, params);
}

/** Outside of a transaction. A failed `begin; …; commit` is rolled back: its aborted transaction must be left to nobody. */
export async function runAlone(
  session: Session,
  text: string,
  params: readonly Param[] = [],
): Promise<StatementResult[]> {
  if (!isScript(text, params)) return session.query(text, params);
  return runScript(session, text);
}

export async function runScript(session: Session, text: string): Promise<StatementResult[]> {
  try {
    return await session.script(text);
  } catch (error) {
    await session.script('rollback').catch(() => {});
    throw error;
  }
}

/** What callers see of `run`; `changed` hears how many rows each call changed. */
export function sqlOf(
  run: (text: string, params?: readonly Param[]) => Promise<StatementResult[]>,
  changed: (rows: number) => void = () => {},
): Sql {
  async function counted(text: string, params?: readonly Param[]): Promise<[StatementResult[], number]> {
    const results = await run(text, params);
    const affected = affectedBy(results);
    changed(affected);
    return [results, affected];
  }
  return {
    async query<T extends Row = Row>(text: string, params?: readonly Param[]) {
      const [results] = await counted(text, params);
      return rowsOf(results) as T[];
    },
    async execute(text, params) {
      return (await counted(text, params))[1];
    },
  };
}

export function affectedBy(results: readonly StatementResult[]): number {
  let affected = 0;
  for (const result of results) affected += result.affected;
  return affected;
}

/** The rows of all results, in order. */
export function rowsOf(results: readonly StatementResult[]): Row[] {
  return results.flatMap(({ columns, rows }) =>
    rows.map((values) => {
      const row: Row = {};
      for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i];
      return row;
    }),
  );
}

/** Several statements at once, or none that could be prepared: a semicolon before the end, and no parameters. */
function isScript(text: string, params: readonly Param[]): boolean {
  return params.length === 0 && /;\s*\S/.test(text);
}

/** Runs one piece of work after another, in the order of their arrival. */
export function createMutex(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = tail.then(work);
    tail = turn.catch(() => {});
    return turn;
  };
}
