import { ChartlyError } from '#kit';
import type { PostgresFailure } from './postgres-failure.ts';

/** What PostgreSQL said, field for field: `code` is its SQLSTATE (`23505` for a unique violation). It may hold values: never show it to a user. */
export class PostgresError extends Error {
  declare readonly code: string | undefined;
  declare readonly detail: string | undefined;
  declare readonly constraint: string | undefined;
  declare readonly table: string | undefined;
  declare readonly column: string | undefined;

  constructor(failure: PostgresFailure) {
    super(failure.message);
    this.name = 'PostgresError';
    Object.assign(this, failure);
  }
}

/** The house's error for a failed statement, without any value of it; the PostgreSQL error is its `cause`. */
export function fromPostgres(failure: PostgresFailure): ChartlyError {
  const cause = new PostgresError(failure);
  const code = failure.code ?? '';
  if (code === '53100' || /no space left/i.test(failure.message)) {
    return diskFull(cause);
  }
  // Connection, resources, operator intervention, system error; conflicts that a repetition resolves; a transaction that was idle for too long; a
  // server that has become a standby.
  if (/^(?:08|53|57|58|40|25P03|25006)/.test(code)) {
    return new ChartlyError('storage_unavailable', `The relational store cannot do this now (${code}).`, {
      cause,
      retryable: true,
    });
  }
  if (code === 'XX001' || code === 'XX002') return damaged(cause);
  const place = failure.constraint ?? failure.table ?? failure.routine;
  const subject = place === undefined ? code : `${code}, ${place}`;
  return new ChartlyError('internal', `The relational store refused a statement (${subject || 'no code'}).`, { cause });
}

export function diskFull(cause: unknown): ChartlyError {
  return new ChartlyError('disk_full', 'The disk of the relational store has no room left.', {
    cause,
    retryable: true,
  });
}

/** The engine names a block of one of its files: that is no one's data. */
function damaged(cause: PostgresError): ChartlyError {
  const place = /block \d+ of relation "?[\w/]+"?/.exec(cause.message)?.[0] ?? 'its files';
  return new ChartlyError('store_corrupt', `The relational store is damaged: ${place} cannot be read.`, {
    cause,
    details: [{ message: place.replaceAll('"', '') }],
  });
}
