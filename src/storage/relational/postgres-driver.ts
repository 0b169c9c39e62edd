/** What the driver's failures mean. */
import pg from 'pg';
import { ChartlyError } from '#kit';
import { fromPostgres } from './postgres-error.ts';
import { postgresFailure } from './postgres-failure.ts';

/** Whether the server refused a statement and goes on, or the driver did before it was sent; else the connection is gone. */
export function isStatementError(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.severity !== 'FATAL' && error.severity !== 'PANIC';
  return error instanceof TypeError || error instanceof RangeError;
}

/** The house's error for a refused statement, or for the last words of a server. */
export function fromPostgresDriver(error: unknown): ChartlyError {
  return fromPostgres(postgresFailure(error));
}

/** For a connection that was there. What it was asked last may have happened. */
export function connectionLost(cause: unknown): ChartlyError {
  if (cause instanceof ChartlyError) return cause;
  if (cause instanceof pg.DatabaseError) {
    const said = fromPostgresDriver(cause);
    if (said.code !== 'internal') return said;
  }
  return new ChartlyError(
    'storage_unavailable',
    `The connection to the PostgreSQL server was lost (${wordOf(cause)}).`,
    {
      cause,
      retryable: true,
      action: 'Nothing: another one is made by itself. What was being written may have been, and is not written twice.',
    },
  );
}

/** For a connection that could not be made. */
export function cannotConnect(cause: unknown, name: string): ChartlyError {
  if (cause instanceof ChartlyError) return cause;
  const { code = '', message = '' } = cause as { code?: string; message?: string };
  const wrong = (what: string, action: string): ChartlyError =>
    new ChartlyError('config_invalid', `The PostgreSQL server at ${name} ${what}.`, { cause, action });
  if (cause instanceof pg.DatabaseError) {
    if (code.startsWith('28')) {
      return wrong(`does not let this user in (${code})`, 'Correct user and password in CHARTLY_POSTGRES_URL.');
    }
    if (code === '3D000') return wrong('has no such database', `Create it, or correct CHARTLY_POSTGRES_URL.`);
    const said = fromPostgresDriver(cause);
    if (said.code !== 'internal') return said;
  }
  if (/does not support SSL/.test(message)) {
    return wrong('speaks no TLS', 'Turn TLS on there, or leave sslmode out of CHARTLY_POSTGRES_URL.');
  }
  if (/^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) {
    return wrong(
      `shows a certificate that is not trusted (${code})`,
      'Name the certificate of its issuer as sslrootcert in CHARTLY_POSTGRES_URL.',
    );
  }
  return new ChartlyError(
    'storage_unavailable',
    `The PostgreSQL server at ${name} cannot be reached (${wordOf(cause)}).`,
    {
      cause,
      retryable: true,
      action: 'Check that it runs, and CHARTLY_POSTGRES_URL.',
    },
  );
}

/** The code of a failure, or what the driver says: its own messages hold no value. */
export function wordOf(failure: unknown): string {
  const { code, message } = failure as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return code;
  return typeof message === 'string' ? message : 'no reason given';
}
