import type { Profile } from '#contracts';
import { decode } from './json-rows.ts';

export interface CsvDialect {
  delimiter: string;
  quote: string;
  encoding: Encoding;
}

export type Encoding = NonNullable<NonNullable<Profile['csv']>['encoding']>;

/** The rows of the profile are records of texts, divided by a delimiter. */
export function isDelimited({ format }: Pick<Profile, 'format'>): boolean {
  return format === 'csv' || format === 'tsv';
}

/** The rows of the profile are cells below a header: texts, or of a spreadsheet typed values. */
export function isTable(profile: Pick<Profile, 'format'>): boolean {
  return profile.format === 'xlsx' || isDelimited(profile);
}

/** How the tables of a profile are written. */
export function dialectOf({ format, csv = {} }: Pick<Profile, 'format' | 'csv'>): CsvDialect {
  const delimiter = csv.delimiter ?? (format === 'tsv' ? '\t' : ',');
  return { delimiter, quote: csv.quote ?? '"', encoding: csv.encoding ?? 'utf-8' };
}

/** The text of a part of bytes, or undefined when they are none. `whole`: the text of all the bytes, when they are ASCII. */
export type Decoder = typeof decode;

export function decoderOf(encoding: Encoding): Decoder {
  if (encoding === 'utf-8') return decode;
  if (encoding === 'utf-16le') return decodeWide;
  if (encoding === 'iso-8859-1')
    return (bytes, from, to, whole) => whole?.slice(from, to) ?? bytes.toString('latin1', from, to);
  const decoder = new TextDecoder('windows-1252');
  return (bytes, from, to, whole) => whole?.slice(from, to) ?? decoder.decode(bytes.subarray(from, to));
}

const decodeWide: Decoder = (bytes, from, to) => {
  if ((to - from) % 2 !== 0) return undefined;
  const text = bytes.toString('utf16le', from, to);
  return text.isWellFormed() ? text : undefined;
};

/** The mark that may stand before the text. */
export function byteOrderMark(encoding: Encoding): Buffer {
  if (encoding === 'utf-16le') return Buffer.from([0xff, 0xfe]);
  return encoding === 'utf-8' ? Buffer.from([0xef, 0xbb, 0xbf]) : Buffer.alloc(0);
}
