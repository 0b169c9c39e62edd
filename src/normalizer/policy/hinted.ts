/** What only a hint makes recognisable: forms that are common in other fields too. */
import { isDate } from './checksums.ts';

/** A date from 1900 to 2099, as whole text, with a time behind it or not. Not compared with today: a replay must find the same. */
export function isBirthDate(text: string): boolean {
  if (text.length > 40) return false;
  const iso = /^(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)(?:$|[T ])/.exec(text);
  if (iso !== null) return isLifeDate(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const other = /^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})$/.exec(text);
  if (other === null) return false;
  const [a, b, year] = [Number(other[1]), Number(other[2]), Number(other[3])];
  return isLifeDate(year, b, a) || isLifeDate(year, a, b);
}

function isLifeDate(year: number, month: number, day: number): boolean {
  return year >= 1900 && year < 2100 && isDate(year, month, day);
}

/** Letters, digits and dashes, with four digits or more. */
export function isRecordNumber(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9-]{3,23}$/.test(text) && (text.match(/\d/g)?.length ?? 0) >= 4;
}

/** Codes such as E11.9, one or a list. */
export function isDiagnosis(text: string): boolean {
  if (text.length > 1024) return false;
  const codes = text.split(/[,;| ]+/).filter((code) => code !== '');
  return codes.length > 0 && codes.every((code) => /^[A-TV-Z]\d[0-9AB](?:\.?[0-9A-Z]{1,4})?$/i.test(code));
}
