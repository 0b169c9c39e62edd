import type { Conversion } from '#contracts';
import { likeSymbol, symbolsOf, type Unit, unitOf } from './units.ts';

export interface UnitProblem {
  pointer: string;
  message: string;
}

/** What is wrong with a conversion, and what to write. */
export function conversionProblem({ from, to }: Conversion): UnitProblem | undefined {
  const [first, second] = [unitOf(from), unitOf(to)];
  if (first === undefined) return unknown('/convert/from', from, second);
  if (second === undefined) return unknown('/convert/to', to, first);
  if (first.quantity === second.quantity) return undefined;
  const message = `${to} measures ${second.quantity}, and ${from} ${first.quantity}, which converts to ${listed(first)}`;
  return { pointer: '/convert/to', message };
}

/** What is wrong with the unit that a profile gives a number that is converted. Words that are no symbol known here are labels, and free. */
export function unitProblem(unit: string | undefined, { to }: Conversion, pointer: string): UnitProblem | undefined {
  const [given, made] = [unitOf(unit ?? ''), unitOf(to)];
  if (given === undefined || made === undefined || given === made) return undefined;
  return { pointer, message: `the number is converted to ${to}, and this says ${unit}; write ${to}, or leave it out` };
}

function unknown(pointer: string, symbol: string, other: Unit | undefined): UnitProblem {
  const like = likeSymbol(symbol);
  const hint =
    like !== undefined
      ? `do you mean ${like}?`
      : other === undefined
        ? 'docs/profiles.md lists those there are'
        : `for ${other.quantity} there are ${listed(other)}`;
  return { pointer, message: `there is no unit ${symbol} here; ${hint}` };
}

function listed({ quantity }: Unit): string {
  return symbolsOf(quantity).join(', ');
}
