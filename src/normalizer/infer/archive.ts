import type { Note } from './draft.ts';

/**
 * Which files of an archive are meant: the largest, and those whose names differ from its in their digits alone. Undefined when it need not be
 * said: the payload is no archive, or has one file.
 */
export function findMember(
  files: readonly { name: string; size: number }[] | undefined,
): { member: string; notes: Note[] } | undefined {
  if (files === undefined || files.length < 2) return undefined;
  const largest = files.reduce((a, b) => (b.size > a.size ? b : a)).name;
  const alike = files.filter(({ name }) => withoutDigits(name) === withoutDigits(largest));
  const rest = files.length - alike.length;
  const member = alike.length === 1 || /[*?]/.test(largest) ? largest : withoutDigits(largest);
  const left = rest === 0 ? '' : rest === 1 ? '; one other is left out' : `; ${rest} others are left out`;
  const text =
    member === largest ? `guess: the largest file${left}` : `guess: ${alike.length} files that are alike${left}`;
  return { member, notes: [{ pointer: '/zip/member', text }] };
}

function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, '*');
}

/** The files are those of a workbook. */
export function isWorkbook(files: readonly { name: string }[] | undefined): boolean {
  return files?.some(({ name }) => name === 'xl/workbook.xml') === true;
}
