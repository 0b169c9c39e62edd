import { ChartlyError, type ErrorDetail } from '#kit';

/** The error for a query or report that cannot work; `pointer` (RFC 6901) says where. */
export function invalid(pointer: string, message: string): ChartlyError {
  return invalidAll([{ pointer, message }]);
}

/** One error for several faults. */
export function invalidAll(details: ErrorDetail[]): ChartlyError {
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  return new ChartlyError('validation_failed', `${details[0]!.message}${more}`, { details });
}
