import { plainDecimal } from '#kit';
import { type Linear, linear, rational } from './linear.ts';

/** Multiplies by a factor as decimals do, so that 4.35 by 100 is 435 and not a hair less. */
export function scaling(factor: number): Linear {
  return linear(rational(String(factor)), { n: 0n, d: 1n });
}

/** True when the factor is one that can be computed with. */
export function usableFactor(factor: number): boolean {
  return factor !== 0 && Number.isFinite(factor) && plainDecimal(String(factor)) !== undefined;
}
