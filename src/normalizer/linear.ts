import { decimalParts, plainDecimal } from '#kit';

/** A whole number divided by a positive one. */
export interface Rational {
  n: bigint;
  d: bigint;
}

/** A linear function of decimals. */
export interface Linear {
  /**
   * Of a plain decimal text: exact where the result has a finite decimal, else rounded to 34 significant digits (half to even). Undefined
   * when it has more digits than are kept.
   */
  decimal(plain: string): string | undefined;
  /** Of a double, taken as the decimal that it prints as: the double nearest to the exact result. */
  float(n: number): number;
}

/** Digits of results that have no end: those of a decimal128. */
const digitsKept = 34;

/** The number of a text such as `0.3048`, `1e-9`, `5/9` or `550*0.3048`. */
export function rational(text: string): Rational {
  const [over, under = '1'] = text.split('/');
  const [a, b] = [product(over!), product(under)];
  return { n: a.n * b.d, d: a.d * b.n };
}

function product(text: string): Rational {
  let result: Rational = { n: 1n, d: 1n };
  for (const factor of text.split('*')) {
    const { digits, places } = decimalParts(plainDecimal(factor)!);
    result = { n: result.n * digits, d: result.d * 10n ** BigInt(places) };
  }
  return result;
}

/** `factor` times x plus `offset`. */
export function linear(factor: Rational, offset: Rational): Linear {
  // (a x + b) / c in whole numbers.
  const common = factor.d * offset.d;
  const [wholeA, wholeB] = [factor.n * offset.d, offset.n * factor.d];
  const shared = gcd(gcd(wholeA, wholeB), common);
  const [a, b, c] = [wholeA / shared, wholeB / shared, common / shared];
  const small = [a, b, c].every(
    (part) => part <= BigInt(Number.MAX_SAFE_INTEGER) && part >= -BigInt(Number.MAX_SAFE_INTEGER),
  );
  const [numberA, numberB, numberC] = [Number(a), Number(b), Number(c)];
  const decimal = (plain: string): string | undefined => {
    const { digits, places } = decimalParts(plain);
    const power = 10n ** BigInt(places);
    return quotient(a * digits + b * power, c * power);
  };

  /** Whole numbers below 2^53 add and multiply exactly, and one division rounds once; undefined when these are larger. */
  function quick(n: number): number | undefined {
    const text = String(n);
    const point = text.indexOf('.');
    const places = point < 0 ? 0 : text.length - point - 1;
    if (text.length > 17 || places > 15 || text.includes('e')) return undefined;
    const power = powers[places]!;
    const digits = point < 0 ? n : Number(text.slice(0, point) + text.slice(point + 1));
    const [first, second, under] = [numberA * digits, numberB * power, numberC * power];
    const over = first + second;
    const isExact =
      Number.isSafeInteger(first) &&
      Number.isSafeInteger(second) &&
      Number.isSafeInteger(over) &&
      Number.isSafeInteger(under);
    // No zero below zero.
    return isExact ? over / under + 0 : undefined;
  }

  /** In big integers, for doubles of many digits; undefined when the result is too near to nothing for that. */
  function wide(n: number): number | undefined {
    const { digits, places } = decimalParts(String(n));
    const power = bigPowers[places]!;
    return nearestDouble(a * digits + b * power, c * power, (n * numberA + numberB) / numberC);
  }

  return {
    decimal,
    float(n) {
      const size = Math.abs(n);
      const isPlain = n === 0 || (size >= 1e-6 && size < 1e21);
      const fast = isPlain ? ((small ? quick(n) : undefined) ?? wide(n)) : undefined;
      if (fast !== undefined) return fast;
      const plain = plainDecimal(String(n));
      const result = plain === undefined ? undefined : decimal(plain);
      return result === undefined ? (n * numberA + numberB) / numberC : Number(result);
    },
  };
}

/** The double nearest to a quotient that is about `near`. */
function nearestDouble(over: bigint, under: bigint, near: number): number | undefined {
  if (over === 0n) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(near)));
  if (!(exponent > -900 && exponent < 900)) return undefined;
  // So that the quotient has some 64 bits: the last of them then tells whether there was a rest, and rounding happens once.
  const shift = 64 - exponent;
  const scaled = shift >= 0 ? over << BigInt(shift) : over;
  const divisor = shift >= 0 ? under : under << BigInt(-shift);
  const whole = scaled / divisor;
  const size = whole < 0n ? -whole : whole;
  // What `near` was computed from may have cancelled out.
  if (size < 1n << 60n || size >= 1n << 72n) return undefined;
  const sticky = whole * divisor === scaled ? size : size | 1n;
  return Number(whole < 0n ? -sticky : sticky) * 2 ** -shift;
}

const powers = Array.from({ length: 16 }, (_, places) => 10 ** places);
/** A double from 0.000001 on has at most 22 places. */
const bigPowers = Array.from({ length: 25 }, (_, places) => 10n ** BigInt(places));

function quotient(over: bigint, under: bigint): string | undefined {
  const shared = gcd(over, under);
  const [n, d] = [over / shared, under / shared];
  const places = placesOf(d);
  if (places !== undefined) return plainDecimal(`${(n * 10n ** BigInt(places)) / d}e-${places}`);
  const size = n < 0n ? -n : n;
  // So many places that the quotient has the wanted digits, give or take one.
  const shift = digitsKept - (String(size).length - String(d).length);
  return plainDecimal(`${n < 0n ? '-' : ''}${cutTo(divided(size, d, shift), size, d, shift)}`);
}

/** The places of the decimal of 1/d; undefined when it has no end. */
function placesOf(d: bigint): number | undefined {
  let [rest, twos, fives] = [d, 0, 0];
  for (; rest % 2n === 0n; rest /= 2n) twos++;
  for (; rest % 5n === 0n; rest /= 5n) fives++;
  return rest === 1n ? Math.max(twos, fives) : undefined;
}

/** n/d in units of 10^-shift, rounded half to even. */
function divided(n: bigint, d: bigint, shift: number): bigint {
  const [over, under] = shift >= 0 ? [n * 10n ** BigInt(shift), d] : [n, d * 10n ** BigInt(-shift)];
  const [whole, twice] = [over / under, 2n * (over % under)];
  return twice > under || (twice === under && whole % 2n === 1n) ? whole + 1n : whole;
}

function cutTo(value: bigint, n: bigint, d: bigint, shift: number): string {
  const extra = String(value).length - digitsKept;
  if (extra <= 0) return `${value}e${-shift}`;
  return `${divided(n, d, shift - extra)}e${extra - shift}`;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}
