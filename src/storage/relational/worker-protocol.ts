import type { Param } from './port.ts';
import type { PostgresFailure } from './postgres-failure.ts';
import type { StatementResult } from './session.ts';

/** What the client and the worker that hosts the engine say to each other. Every request is answered once, in order. */
export type WorkerRequest =
  | { id: number; op: 'query'; text: string; params: readonly Param[] }
  /** Any number of statements without parameters; answered with one result for each. */
  | { id: number; op: 'script'; text: string }
  | { id: number; op: 'listen' | 'unlisten'; channel: string }
  | { id: number; op: 'close' };

export type WorkerReply =
  | { id: number; results: StatementResult[] }
  | { id: number; failure: PostgresFailure }
  | { ready: true }
  | { notification: { channel: string; payload: string } };
