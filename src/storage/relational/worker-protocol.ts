import type { Param } from './port.ts';

/** What the client and the worker that hosts the engine say to each other. Every request is answered once, in order. */
export type WorkerRequest =
  | { id: number; op: 'query'; text: string; params: readonly Param[] }
  /** Any number of statements without parameters; answered with one result for each. */
  | { id: number; op: 'script'; text: string }
  | { id: number; op: 'listen' | 'unlisten'; channel: string }
  | { id: number; op: 'close' };

/** What one statement gave. Rows travel as arrays: names once, and no object per row is cloned. */
export interface WorkerResult {
  columns: string[];
  rows: unknown[][];
  affected: number;
  /** The command as the engine names it, e.g. `INSERT`, `ROLLBACK`. */
  command: string;
}

/** A PostgreSQL error as plain data: `code` is its SQLSTATE. */
export interface PostgresFailure {
  message: string;
  /** The engine did not survive it. */
  fatal?: boolean;
  code?: string;
  detail?: string;
  hint?: string;
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  where?: string;
  routine?: string;
}

export type WorkerReply =
  | { id: number; results: WorkerResult[] }
  | { id: number; failure: PostgresFailure }
  | { ready: true }
  | { notification: { channel: string; payload: string } };
