import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';

/** Longest that a phone number is written. */
const phoneLimit = 32;

/** The international number after a + in a text, or undefined. Looks at no more than a number can be long. */
export function phoneAt(text: string, plus: number): { start: number; end: number } | undefined {
  const before = text.charCodeAt(plus - 1);
  if (plus > 0 && ((before >= 48 && before <= 57) || /[A-Za-z]/.test(text[plus - 1]!))) return undefined;
  let end = plus + 1;
  let last = end;
  let digits = 0;
  let gap = 0;
  for (; end < text.length && end - plus < phoneLimit; end++) {
    const code = text.charCodeAt(end);
    if (code >= 48 && code <= 57) {
      digits++;
      gap = 0;
      last = end + 1;
    } else if (++gap > 2 || !' -.()/'.includes(text[end]!)) break;
  }
  if (digits < 8 || digits > 15) return undefined;
  const next = text.charCodeAt(last);
  if ((next >= 48 && next <= 57) || /^[A-Za-z]/.test(text.slice(last, last + 1))) return undefined;
  const written = text.slice(plus, last);
  // Coordinates as ISO 6709 writes them: +40.7128-074.0060.
  if (/\d\.\d.*-|\d\.\d{4}/.test(written)) return undefined;
  return parsePhoneNumberFromString(written, { extract: false })?.isValid() === true
    ? { start: plus, end: last }
    : undefined;
}

/** Tells whether a whole text is a phone number, as written in a country. */
export function isPhone(text: string, country: string | undefined): boolean {
  if (text.length > phoneLimit || !/^[+(\d][\d ()./-]*\d$/.test(text)) return false;
  // A date or a decimal number is no phone number, though some country might give its digits.
  if (/^\d{4}-\d\d-\d\d$|^\d+\.\d+$/.test(text)) return false;
  const defaultCountry = country as CountryCode | undefined;
  return parsePhoneNumberFromString(text, { defaultCountry, extract: false })?.isValid() === true;
}

/** Tells whether phone numbers of a country (ISO 3166, two letters) are known. */
export function knowsCountry(country: string): boolean {
  return isSupportedCountry(country);
}
