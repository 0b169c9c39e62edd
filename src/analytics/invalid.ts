import { type ContractName, type ContractTypes, validator } from '#contracts';
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

/** Throws `validation_failed` unless the value satisfies its contract. Statements hold numbers of a query as text, so nothing is compiled before this. */
export function demand<N extends ContractName>(contract: N, value: ContractTypes[N]): void {
  const valid = validator(contract);
  if (valid(value)) return;
  throw invalidAll(valid.explain(value).map(({ pointer, message }) => ({ pointer, message })));
}
