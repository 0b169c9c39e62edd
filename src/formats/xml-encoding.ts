import { type Decoder, decoderOf } from './csv-dialect.ts';

/** How the bytes of an XML document are text. */
export interface XmlEncoding {
  /** Bytes of one code unit. */
  unit: 1 | 2;
  bigEndian: boolean;
  decode: Decoder;
  /** As a TextDecoder knows it. */
  label: string;
}

const utf8: XmlEncoding = { unit: 1, bigEndian: false, decode: decoderOf('utf-8'), label: 'utf-8' };
const utf16le: XmlEncoding = { unit: 2, bigEndian: false, decode: decoderOf('utf-16le'), label: 'utf-16le' };
const utf16be: XmlEncoding = {
  unit: 2,
  bigEndian: true,
  label: 'utf-16be',
  decode(bytes, from, to) {
    if ((to - from) % 2 !== 0) return undefined;
    return utf16le.decode(Buffer.from(bytes.subarray(from, to)).swap16(), 0, to - from);
  },
};

/** How many first bytes tell whether a document is UTF-16. */
export const sniffedBytes = 2;

/** By the first bytes: a mark, or what `<` looks like. `mark`: bytes to pass over. */
export function sniffEncoding(head: Buffer): { encoding: XmlEncoding; mark: number } {
  if (head.length >= 2) {
    const word = head.readUInt16BE(0);
    if (word === 0xfffe) return { encoding: utf16le, mark: 2 };
    if (word === 0xfeff) return { encoding: utf16be, mark: 2 };
    if (word === 0x3c00) return { encoding: utf16le, mark: 0 };
    if (word === 0x003c) return { encoding: utf16be, mark: 0 };
  }
  return { encoding: utf8, mark: 0 };
}

/** One byte a character, and as ASCII below 128: the bytes of markup mean nothing else there. */
const singleByte = /^(?:windows-125[0-8]|iso-8859-(?:[2-9]|1[03-6])|koi8-[ru])$/;

/** The encoding that a document declares in its first line. Undefined for one that is not read. */
export function declaredEncoding(declaration: string, sniffed: XmlEncoding): XmlEncoding | undefined {
  const found = /\sencoding\s*=\s*["']([A-Za-z][\w.-]*)["']/.exec(declaration);
  const name = found?.[1]?.toLowerCase();
  // What declares itself as wide, and could be read up to here byte by byte, has been encoded anew since.
  if (name === undefined || sniffed.unit === 2 || /^(?:utf-8|utf8|us-ascii|ascii|utf-16(?:le|be)?)$/.test(name))
    return sniffed;
  if (/^(?:iso-8859-1|latin1)$/.test(name)) return { ...utf8, decode: decoderOf('iso-8859-1'), label: name };
  if (!singleByte.test(name)) return undefined;
  const decoder = new TextDecoder(name);
  return {
    ...utf8,
    label: name,
    decode: (bytes, from, to, whole) => whole?.slice(from, to) ?? decoder.decode(bytes.subarray(from, to)),
  };
}

/** Bytes that stand for code units of two: characters beyond ASCII become one that no markup has. */
export function narrowed(bytes: Buffer, bigEndian: boolean): Buffer {
  const narrow = Buffer.allocUnsafe(bytes.length >> 1);
  const high = bigEndian ? 0 : 1;
  for (let i = 0; i < narrow.length; i++) {
    const low = bytes[2 * i + 1 - high]!;
    narrow[i] = bytes[2 * i + high] === 0 && low < 0x80 ? low : 0x80;
  }
  return narrow;
}
