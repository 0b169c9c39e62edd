import type { PoolClient, QueryArrayResult } from 'pg';
import type { ChartlyError } from '#kit';
import type { Param } from './port.ts';
import { connectionLost, isStatementError, fromPostgresDriver } from './postgres-driver.ts';
import { parserOf } from './postgres-types.ts';
import { createMutex, type Session, type StatementResult } from './session.ts';

/** One connection in the hands of one caller. Once it is lost, every call fails: half of a transaction must not run on another one. */
export interface PostgresSession extends Session {
  /** Why the connection cannot be used again, if so. */
  lost(): ChartlyError | undefined;
  /** Gives the connection back to the pool, or closes it when it cannot be used again. */
  release(): void;
}

const changesRows = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY']);
const types = { getTypeParser: parserOf };

/**
 * `patienceMs` is how long the server's answer may take: should the connection be cut somewhere between without a word, nobody else would ever end the
 * wait.
 */
export function createPostgresSession(client: PoolClient, patienceMs: number): PostgresSession {
  const inTurn = createMutex();
  let lost: ChartlyError | undefined;

  const lose = (error: unknown): void => {
    lost ??= connectionLost(error);
  };
  // Without a listener such an error would end the process.
  client.on('error', lose);

  async function send(text: string, params: readonly Param[]): Promise<StatementResult[]> {
    if (lost !== undefined) throw lost;
    const silence = Promise.withResolvers<never>();
    const timer = setTimeout(() => silence.reject(new Error('no answer in time')), patienceMs);
    try {
      const answer = client.query({ text, values: [...params], rowMode: 'array', types });
      // When the wait was given up, its late failure is nobody's.
      answer.catch(() => {});
      return toResults(await Promise.race([answer, silence.promise]));
    } catch (error) {
      if (isStatementError(error)) throw fromPostgresDriver(error);
      lose(error);
      throw lost!;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    query: (text, params) => inTurn(() => send(text, params)),
    script: (text) => inTurn(() => send(text, [])),
    lost: () => lost,
    release() {
      client.off('error', lose);
      // A transaction that was left open would be the next caller's.
      client.release(lost !== undefined || client.getTransactionStatus() !== 'I');
    },
  };
}

/** The driver gives one result, or an array of them when the text held several statements. */
function toResults(answer: QueryArrayResult | QueryArrayResult[]): StatementResult[] {
  return (Array.isArray(answer) ? answer : [answer]).map(({ fields, rows, command, rowCount }) => ({
    columns: fields.map((field) => field.name),
    rows,
    affected: changesRows.has(command) ? (rowCount ?? 0) : 0,
    command,
  }));
}
