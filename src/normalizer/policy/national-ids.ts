import { isDate, luhn, mod11And10, modulo } from './checksums.ts';

/** Checks of national numbers, given without separators, in upper case. Each is named after what it checks. */

/** United States: no check digit, but areas, groups and serials that were never given. */
export function isSsn(digits: string): boolean {
  const area = digits.slice(0, 3);
  if (area === '000' || area === '666' || area[0] === '9') return false;
  // Printed in advertisements and on sample cards.
  if (digits === '078051120' || digits === '219099999') return false;
  return digits.slice(3, 5) !== '00' && digits.slice(5) !== '0000';
}

/** United Kingdom: two letters of those in use, six digits, A to D. */
export function isNino(text: string): boolean {
  return /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(text) && !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(text);
}

/** Germany: of the first ten digits exactly one occurs twice or three times; the last one checks. */
export function isSteuerId(digits: string): boolean {
  if (digits[0] === '0') return false;
  const counts = new Map<string, number>();
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  const repeated = [...counts.values()].filter((count) => count > 1);
  return repeated.length === 1 && repeated[0]! <= 3 && mod11And10(digits);
}

/** France: sex, year, month, place, serial, and a key of two digits; Corsica has a letter. */
export function isNir(text: string): boolean {
  if (!/^[12]\d\d(?:0[1-9]|1[0-2]|[23]\d|4[0-2]|[5-9]\d)(?:\d\d|2[AB])\d{6}\d\d$/.test(text)) return false;
  const key = Number(text.slice(13));
  const body = text.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return key === 97 - modulo(body, 97);
}

/** Spain: DNI, or NIE of foreigners; the letter checks. */
export function isDni(text: string): boolean {
  if (!/^(?:\d{8}|[XYZ]\d{7})[A-Z]$/.test(text)) return false;
  const digits = text.slice(0, 8).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === text[8];
}

/** Italy: the last letter checks; every character counts otherwise at odd and even places. */
export function isCodiceFiscale(text: string): boolean {
  if (!/^[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]$/.test(text)) return false;
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const code = text.charCodeAt(i);
    const value = code >= 65 ? code - 65 : code - 48;
    sum += i % 2 === 0 ? oddPlaces[value]! : value;
  }
  return text.charCodeAt(15) - 65 === sum % 26;
}

const oddPlaces = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** Netherlands: nine digits whose weighted sum is a multiple of eleven. */
export function isBsn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += (digits.charCodeAt(i) - 48) * (i === 8 ? -1 : 9 - i);
  return digits !== '000000000' && sum % 11 === 0;
}

/** Sweden: a date (of coordination numbers plus 60 days), a serial and Luhn's digit. Ten digits, or twelve with the century. */
export function isPersonnummer(digits: string): boolean {
  if (digits.length === 12 && !/^(?:18|19|20)/.test(digits)) return false;
  const ten = digits.slice(-10);
  const day = Number(ten.slice(4, 6));
  const year = digits.length === 12 ? Number(digits.slice(0, 4)) : 2000 + Number(ten.slice(0, 2));
  return isDate(year, Number(ten.slice(2, 4)), day > 60 ? day - 60 : day) && luhn(ten);
}
