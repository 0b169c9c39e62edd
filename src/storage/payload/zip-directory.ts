import { isUtf8 } from 'node:buffer';
import { globMatcher } from './glob.ts';
import type { PayloadDamage } from './layer.ts';

/** One file of an archive, as the archive's directory says. */
export interface ZipEntry {
  name: string;
  /** The name as it is written, to be compared. */
  rawName: Buffer;
  method: number;
  encrypted: boolean;
  crc: number;
  compressed: number;
  size: number;
  /** Of the local header, in the payload. */
  offset: number;
}

/** As much of the end of an archive is looked at: its directory must lie there. */
export const tailBytes = 8 << 20;

const damaged: PayloadDamage = { reason: 'parse_error', message: "The archive's directory is damaged." };
const unreadable = (what: string): PayloadDamage => ({ reason: 'archive_unreadable', message: `The archive ${what}.` });

const endSize = 22;
const locatorSize = 20;
const end64Size = 56;
const headerSize = 46;
const unknown32 = 0xffffffff;

/**
 * The files of an archive, from its last bytes; `size` is the archive's. The directory at the end says what an archive holds: what lies
 * elsewhere in it is no file of it.
 */
export function readDirectory(tail: Buffer, size: number): ZipEntry[] | PayloadDamage {
  const end = findEnd(tail);
  if (end === undefined)
    return { reason: 'truncated', message: 'The archive ends before its directory, so nothing in it can be found.' };
  if (tail.readUInt16LE(end + 4) !== tail.readUInt16LE(end + 6)) return unreadable('is one part of several');
  const base = size - tail.length;
  const place = placeOf(tail, end, base);
  if (place === undefined) return damaged;
  if (place.start < base && place.length <= size)
    return unreadable(`has a directory of more than ${tailBytes >> 20} MiB`);
  const from = place.start - base;
  if (from < 0 || place.length < 0) return damaged;
  const directory = tail.subarray(from, from + place.length);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < place.entries;) {
    const read = readEntry(directory, at, place.shift);
    if (read === undefined) return damaged;
    entries.push(read.entry);
    at = read.next;
  }
  return entries;
}

/** The end record: the comment behind it reaches to the end of the archive. */
function findEnd(tail: Buffer): number | undefined {
  const first = Math.max(0, tail.length - endSize - 0xffff);
  for (let at = tail.length - endSize; at >= first; at--) {
    if (tail.readUInt32LE(at) === 0x06054b50 && at + endSize + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return undefined;
}

interface Place {
  entries: number;
  /** Of the directory, in the payload. */
  start: number;
  length: number;
  /** What stands before the archive: its offsets do not count that. */
  shift: number;
}

function placeOf(tail: Buffer, end: number, base: number): Place | undefined {
  let entries = tail.readUInt16LE(end + 10);
  let length = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  let directoryEnd = end;
  const locator = end - locatorSize;
  if (locator >= end64Size && tail.readUInt32LE(locator) === 0x07064b50) {
    const end64 = [number64(tail, locator + 8) - base, locator - end64Size].find(
      (at) => at >= 0 && at + end64Size <= locator && tail.readUInt32LE(at) === 0x06064b50,
    );
    if (end64 === undefined) return undefined;
    entries = number64(tail, end64 + 32);
    length = number64(tail, end64 + 40);
    offset = number64(tail, end64 + 48);
    directoryEnd = end64;
  }
  const start = base + directoryEnd - length;
  const shift = start - offset;
  // An entry has 46 bytes at least: a false number of entries ends the reading, it takes no memory.
  return shift < 0 || entries * headerSize > length ? undefined : { entries, start, length, shift };
}

/** Beyond 2^53 no offset is a place in a payload; what is read then is found wrong by its place. */
function number64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function readEntry(directory: Buffer, at: number, shift: number): { entry: ZipEntry; next: number } | undefined {
  if (at + headerSize > directory.length || directory.readUInt32LE(at) !== 0x02014b50) return undefined;
  const flags = directory.readUInt16LE(at + 8);
  const extraStart = at + headerSize + directory.readUInt16LE(at + 28);
  const extraEnd = extraStart + directory.readUInt16LE(at + 30);
  const next = extraEnd + directory.readUInt16LE(at + 32);
  if (next > directory.length) return undefined;
  const rawName = directory.subarray(at + headerSize, extraStart);
  const entry: ZipEntry = {
    // Many tools write UTF-8 without saying so.
    name: rawName.toString(isUtf8(rawName) ? 'utf8' : 'latin1'),
    rawName,
    method: directory.readUInt16LE(at + 10),
    encrypted: (flags & 0x41) !== 0,
    crc: directory.readUInt32LE(at + 16),
    compressed: directory.readUInt32LE(at + 20),
    size: directory.readUInt32LE(at + 24),
    offset: directory.readUInt32LE(at + 42),
  };
  if (!readLarge(entry, directory.subarray(extraStart, extraEnd))) return undefined;
  entry.offset += shift;
  return { entry, next };
}

/** Zip64: numbers that need more than 32 bits stand in an extra field, in this order, and only those. */
function readLarge(entry: ZipEntry, extra: Buffer): boolean {
  const wanted = (['size', 'compressed', 'offset'] as const).filter((name) => entry[name] === unknown32);
  if (wanted.length === 0) return true;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const length = Math.min(extra.readUInt16LE(at + 2), extra.length - at - 4);
    if (length < 8 * wanted.length) return false;
    wanted.forEach((name, i) => (entry[name] = number64(extra, at + 4 + 8 * i)));
    return wanted.every((name) => Number.isSafeInteger(entry[name]));
  }
  // Without the field, the number is what it says.
  return true;
}

/** A file that is no data: a folder, and what file managers leave behind. */
function isFile({ name }: ZipEntry): boolean {
  const parts = name.replaceAll('\\', '/').split('/');
  return parts.at(-1) !== '' && !parts.at(-1)!.startsWith('.') && !parts.includes('__MACOSX');
}

/** The names of an archive's data files, in its order. */
export function fileNames(entries: readonly ZipEntry[]): { name: string; size: number }[] {
  return entries.filter(isFile).map(({ name, size }) => ({ name, size }));
}

/** The files that are to be read, in the order in which they stand in the archive. */
export function chooseEntries(entries: readonly ZipEntry[], member: string | undefined): ZipEntry[] | PayloadDamage {
  const files = entries.filter(isFile);
  if (files.length === 0) return unreadable('holds no files');
  if (member === undefined && files.length > 1)
    return unreadable(`holds ${files.length} files; say which with zip.member in the profile`);
  const wanted = member === undefined ? () => true : matcherOf(member);
  const chosen = files.filter(({ name }) => wanted(name));
  if (chosen.length === 0) return unreadable('has no file that zip.member of the profile names');
  if (new Set(chosen.map(({ name }) => name)).size < chosen.length)
    return unreadable('has several files of one name among those to be read');
  if (chosen.some(({ encrypted }) => encrypted)) return unreadable('is encrypted');
  if (chosen.some(({ method }) => ![stored, deflated, zstandard].includes(method)))
    return unreadable('is compressed by a method that is not known here: deflate, zstd and none are');
  return chosen.sort((a, b) => a.offset - b.offset);
}

export const stored = 0;
export const deflated = 8;
export const zstandard = 93;

/** A name is meant as it stands first: it may hold characters of a glob. */
function matcherOf(member: string): (name: string) => boolean {
  const matches = globMatcher(member);
  return (name) => name === member || matches(name);
}
