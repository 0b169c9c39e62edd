const decimalPattern = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d{1,6}))?$/;
/** The most digits that the contract's `exact` takes. */
const maxDigits = 120;

/** A decimal number as plain text: no exponent, no plus, no needless zeros. Undefined when it is none, or has too many digits. */
export function plainDecimal(source: string): string | undefined {
  const found = decimalPattern.exec(source);
  if (found === null) return undefined;
  const [, sign, whole = '', fraction = '', bare = '', power = '0'] = found;
  const digits = whole + fraction + bare;
  const point = whole.length + Number(power);
  if (digits.length + Math.abs(Number(power)) > maxDigits) return /[1-9]/.test(digits) ? undefined : '0';
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const cut = point <= 0 ? 1 : point;
  const integer = padded.slice(0, cut).replace(/^0+(?=\d)/, '');
  const rest = padded.slice(cut).replace(/0+$/, '');
  const text = rest === '' ? integer : `${integer}.${rest}`;
  return sign === '-' && text !== '0' ? `-${text}` : text;
}

/** True when the double prints as the same number that the plain text says. */
export function survivesDouble(plain: string, double: number): boolean {
  return Number.isFinite(double) && plainDecimal(String(double)) === plain;
}

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/** The plain text of a 64-bit integer; undefined when it is none. `5.0` and `1e3` are integers. */
export function plainInt64(source: string): string | undefined {
  const plain = plainDecimal(source);
  if (plain === undefined || plain.includes('.')) return undefined;
  if (plain.length < 16) return plain;
  const value = BigInt(plain);
  return value >= int64Min && value <= int64Max ? plain : undefined;
}

/** The sum of two plain decimal texts; undefined when it has more digits than are kept. */
export function addDecimals(a: string, b: string): string | undefined {
  const [x, y, places] = aligned(a, b);
  return plainDecimal(`${x + y}e-${places}`);
}

/** Below 0 when the first of two plain decimal texts is the lesser one, 0 when they are equal. */
export function compareDecimals(a: string, b: string): number {
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Both as whole numbers of the same unit, and how many places that has. */
function aligned(a: string, b: string): [bigint, bigint, number] {
  const [x, y] = [decimalParts(a), decimalParts(b)];
  const places = Math.max(x.places, y.places);
  return [x.digits * 10n ** BigInt(places - x.places), y.digits * 10n ** BigInt(places - y.places), places];
}

/** A plain decimal text as a whole number and how many of its digits stand behind the point. */
export function decimalParts(plain: string): { digits: bigint; places: number } {
  const point = plain.indexOf('.');
  if (point < 0) return { digits: BigInt(plain), places: 0 };
  return { digits: BigInt(plain.slice(0, point) + plain.slice(point + 1)), places: plain.length - point - 1 };
}
