import { ClickHouseError } from '@clickhouse/client';
import { ChartlyError } from '#kit';

/** Time, memory or size budgets of a query: 158, 159, 160, 241, 307, 396; 394 is a query that was cancelled. */
const budgetCodes = new Set(['158', '159', '160', '241', '307', '394', '396']);
/** Credentials or grants: repeating will not help. */
const accessCodes = new Set(['192', '193', '194', '497', '516']);
/** The server is overloaded, read-only for a while, shutting down, or lost a peer: a repeat may succeed. */
const passingCodes = new Set([
  '159',
  '160',
  '202',
  '203',
  '209',
  '210',
  '225',
  '236',
  '241',
  '242',
  '252',
  '279',
  '285',
  '319',
  '394',
  '425',
  '439',
  '999',
]);

/** Bytes on the disk are not those that the engine wrote: 32, 33, 40, 76, 107, 246, 271. */
const damageTypes =
  /CHECKSUM_DOESNT_MATCH|CORRUPTED_DATA|CANNOT_READ_ALL_DATA|ATTEMPT_TO_READ_AFTER_EOF|CANNOT_DECOMPRESS|CANNOT_OPEN_FILE|FILE_DOESNT_EXIST/;
const damagedPart = /\b(?:data )?part (?:\S*\/)?([\w-]+_\d+_\d+_\d+)\b/;

/** Turns what the client throws into the house's error. `reading` says that a budget exceeded is the query's fault. */
export function mapClickHouseError(error: unknown, reading: boolean): ChartlyError {
  if (error instanceof ChartlyError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (/No space left on device|errno: 28\b|NOT_ENOUGH_SPACE/.test(text) || codeOf(error) === '243') {
    return new ChartlyError('disk_full', 'The disk of the canonical store has no room left.', {
      cause: error,
      retryable: true,
    });
  }
  const part = damageTypes.test(`${error instanceof ClickHouseError ? error.type : ''} ${text}`)
    ? damagedPart.exec(text)?.[1]
    : undefined;
  if (part !== undefined) return damaged(part, error);
  if (!(error instanceof ClickHouseError)) return networkError(error, text, reading);
  if (reading && budgetCodes.has(error.code)) return tooHeavy(error);
  if (accessCodes.has(error.code)) {
    return unavailable(
      'The canonical store refused the credentials; check its user, password and grants.',
      error,
      false,
    );
  }
  if (passingCodes.has(error.code)) return unavailable('The canonical store cannot take this now.', error, true);
  return new ChartlyError('internal', `The canonical store refused a statement (${error.type}).`, { cause: error });
}

function networkError(error: unknown, text: string, reading: boolean): ChartlyError {
  if (reading && /aborted a request|Timeout error/.test(text)) return tooHeavy(error);
  return unavailable('The canonical store does not answer.', error, true);
}

function damaged(part: string, cause: unknown): ChartlyError {
  return new ChartlyError(
    'store_corrupt',
    `Stored records are damaged: data part ${part} does not match its checksum.`,
    {
      cause,
      details: [{ message: `data part ${part}` }],
    },
  );
}

function tooHeavy(cause: unknown): ChartlyError {
  return new ChartlyError('query_too_heavy', 'The query exceeds its time or memory budget.', { cause });
}

function unavailable(message: string, cause: unknown, retryable: boolean): ChartlyError {
  return new ChartlyError('storage_unavailable', message, {
    cause,
    retryable,
    ...(retryable ? { retryAfterMs: 500 } : {}),
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
