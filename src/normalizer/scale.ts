import { decimalParts, plainDecimal } from './exact-number.ts';

/** Multiplies plain decimal texts by a factor, exactly; undefined when the product has more digits than are kept. */
export function decimalScaler(factor: number): (plain: string) => string | undefined {
  const by = decimalParts(plainDecimal(String(factor))!);
  return (plain) => {
    const of = decimalParts(plain);
    return plainDecimal(`${of.digits * by.digits}e-${of.places + by.places}`);
  };
}

/** Multiplies doubles as decimals, so that 4.35 by 100 is 435 and not a hair less. */
export function floatScaler(factor: number): (n: number) => number {
  const exact = decimalScaler(factor);
  return (n) => {
    const product = n * factor;
    // Two whole numbers multiply exactly while their product is safe.
    if (Number.isSafeInteger(product) && Number.isSafeInteger(n) && Number.isSafeInteger(factor)) return product;
    const plain = plainDecimal(String(n));
    const scaled = plain === undefined ? undefined : exact(plain);
    return scaled === undefined ? product : Number(scaled);
  };
}

/** True when the factor is one that can be computed with. */
export function usableFactor(factor: number): boolean {
  return factor !== 0 && Number.isFinite(factor) && plainDecimal(String(factor)) !== undefined;
}
