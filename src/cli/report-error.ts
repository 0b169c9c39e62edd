import type { Problem } from '#contracts';
import { asChartlyError, errorCodes, type ChartlyError, type ErrorDetail } from '#kit';
import type { Io } from './io.ts';
import { paint, printable } from './text.ts';

/** Tells an error: for people on standard error, and for machines as the one JSON document on standard output. Returns the exit code. */
export function reportError(io: Io, thrown: unknown, json: boolean): number {
  const error = asChartlyError(thrown);
  if (json) io.out(`${JSON.stringify(toProblem(error), null, 2)}\n`);
  const cause = error.code === 'internal' && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  io.err(`${red(io, 'error:')} ${printable(error.message)}${printable(cause)}\n`);
  for (const detail of error.details) io.err(`  ${describeDetail(detail)}\n`);
  io.err(`  code: ${error.code}\n`);
  io.err(`  next: ${printable(error.action)}\n`);
  return error.code === 'usage' ? 2 : 1;
}

/** `profiles/a.yaml:3:5: message (/pointer)`, with what is known of it. */
export function describeDetail({ file, line, column, pointer, message }: ErrorDetail): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  const where = pointer ? ` (${pointer})` : '';
  return printable(`${place === '' ? '' : `${place}: `}${message}${where}`);
}

function toProblem(error: ChartlyError): Problem {
  const known = errorCodes.get(error.code)!;
  return {
    type: `urn:chartly:error:${error.code}`,
    title: known.title,
    status: known.status,
    code: error.code,
    detail: error.message,
    action: error.action,
    ...(error.details.length === 0 ? {} : { errors: error.details }),
  };
}

const red = (io: Io, text: string): string => (io.color && io.liveErr ? paint(io, 'red', text) : text);
