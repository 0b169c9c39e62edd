const part = String.raw`(\d{1,15}(?:[.,]\d{1,9})?)`;
const weeks = new RegExp(`^([+-]?)P${part}W$`);
const general = new RegExp(`^([+-]?)P(?=.)(?:${part}D)?(?:T(?=.)(?:${part}H)?(?:${part}M)?(?:${part}S)?)?$`);

const clock = /^([+-]?)(\d{1,9}):([0-5]\d):([0-5]\d(?:[.,]\d{1,9})?)$/;

/**
 * Seconds of an ISO 8601 duration, or of hours, minutes and seconds as a stopwatch shows them (`36:05:00.5`): `PT1H30M`, `P1DT12H`, `P2W`, `-PT0.5S`. A fraction stands in the smallest part alone. Years and months
 * have no fixed length, so they are none here; a day has 24 hours. Undefined when it is no such text.
 */
export function durationSeconds(text: string): number | undefined {
  const week = weeks.exec(text);
  if (week !== null) return sum(week[1]!, [week[2]], [604_800]);
  const found = general.exec(text) ?? stopwatch(text);
  if (found === undefined) return undefined;
  return sum(found[1]!, found.slice(2), [86_400, 3600, 60, 1]);
}

/** In the form of the other: sign, days, hours, minutes, seconds. */
function stopwatch(text: string): (string | undefined)[] | undefined {
  const found = clock.exec(text);
  return found === null ? undefined : [text, found[1], undefined, ...found.slice(2)];
}

/** In nanoseconds, so that fractions add up exactly. */
function sum(sign: string, amounts: readonly (string | undefined)[], seconds: readonly number[]): number | undefined {
  let total = 0n;
  let fractional = false;
  for (let i = 0; i < amounts.length; i++) {
    const amount = amounts[i];
    if (amount === undefined) continue;
    if (fractional) return undefined;
    const [whole, fraction = ''] = amount.split(/[.,]/);
    fractional = fraction !== '';
    total += BigInt(whole! + fraction.padEnd(9, '0')) * BigInt(seconds[i]!);
  }
  const digits = total.toString().padStart(10, '0');
  const value = Number(`${digits.slice(0, -9)}.${digits.slice(-9)}`);
  return sign === '-' ? 0 - value : value;
}
