import { styleText } from 'node:util';
import type { Io } from './io.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export function paint(io: Io, style: Style, text: string): string {
  return io.color ? styleText(style, text, { validateStream: false }) : text;
}

/**
 * Text of others made harmless for a terminal: control characters, which could move the cursor or rename the window,
 * become visible. Line feeds and tabs stay when `lines` is set.
 */
export function printable(text: string, options: { lines?: boolean } = {}): string {
  const controls =
    options.lines === true ? /(?![\n\t])[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu : /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
  return text.replace(controls, (char) => {
    const code = char.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += /\p{Mn}|\p{Me}|\p{Cf}/u.test(char) ? 0 : wide.test(char) ? 2 : 1;
  return width;
}

/** Cuts a text to a number of columns, with an ellipsis where something is missing. */
export function fit(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const char of text) {
    width += textWidth(char);
    if (width > columns - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** 1234567 as 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Bytes as 1.2 kB, 3.4 MB. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** 2026-01-02T03:04:05.678Z as 2026-01-02 03:04:05 (UTC). */
export function instant(value: string | undefined): string {
  return value === undefined ? '' : value.slice(0, 19).replace('T', ' ');
}
