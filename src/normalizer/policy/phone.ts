import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';

/** Longest that a phone number is written. */
const phoneLimit = 32;

/** A number may have digits behind it that are no part of it: so many of its beginnings are tried, the longest first. */
const mostTries = 4;

/** The international number after a + in a text, or undefined. Looks at no more than a number can be long. */
export function phoneAt(text: string, plus: number): { start: number; end: number } | undefined {
  const before = text.charCodeAt(plus - 1);
  if (plus > 0 && ((before >= 48 && before <= 57) || /[A-Za-z]/.test(text[plus - 1]!))) return undefined;
  const ends = groupEnds(text, plus);
  const fitting = ends.filter((end) => isLengthOf(text.slice(plus, end))).slice(-mostTries);
  const end = fitting.findLast((one) => isInternational(text.slice(plus, one), text.slice(one, one + 1)));
  return end === undefined ? undefined : { start: plus, end };
}

/** Where groups of digits end that stand behind a +, with one or two separators between them. */
function groupEnds(text: string, plus: number): number[] {
  const ends: number[] = [];
  let gap = 0;
  for (let at = plus + 1; at < text.length && at - plus < phoneLimit; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      if (gap === 0 && ends.length > 0) ends.pop();
      ends.push(at + 1);
      gap = 0;
    } else if (++gap > 2 || !' -.()/'.includes(text[at]!)) break;
  }
  return ends;
}

function isLengthOf(written: string): boolean {
  const digits = written.replace(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
}

function isInternational(written: string, next: string): boolean {
  if (/^[0-9A-Za-z]/.test(next)) return false;
  // Coordinates as ISO 6709 writes them: +40.7128-074.0060.
  if (/\d\.\d.*-|\d\.\d{4}/.test(written)) return false;
  return parsePhoneNumberFromString(written, { extract: false })?.isValid() === true;
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
