import type { NumberFormat } from '#contracts';

/** Rewrites the text of a number into the plain form that casts read; undefined when it is not written so. */
export type NumberReader = (text: string) => string | undefined;

/** A separator as it is met in texts: publishers put no-break, thin and typographic ones for the plain. */
const variants: Record<string, string> = {
  ' ': ' \\u00a0\\u2009\\u202f',
  "'": "'\\u2019",
  ',': ',',
  '.': '\\.',
  _: '_',
};

/**
 * Grouping is strict, so that a decimal comma is not taken for a thousands separator: one to three digits, then groups of two or three
 * (12,34,567 as in India), the last of three, one separator throughout. A number without groups is read too. Every pattern is linear: what
 * follows a repeated part never starts as the part does.
 */
export function numberReader(format: NumberFormat): NumberReader {
  const { decimal = '.', group, percent = false } = format;
  const whole =
    group === undefined ? String.raw`\d+` : String.raw`\d{1,3}(?:([${variants[group]}])(?:\d{2,3}\3)*\d{3})?|\d+`;
  const point = decimal === ',' ? ',' : String.raw`\.`;
  const fraction = String.raw`(?:${point}(\d*))?`;
  const pattern = new RegExp(
    // A Unicode minus is what tables for readers hold.
    String.raw`^([+\u2212-]?)(?:(${whole})${fraction}|${point}(\d+))(?:[eE]([+-]?\d{1,4}))?${percent ? '\\s*(%)?' : ''}$`,
  );
  const groups = group === undefined ? undefined : new RegExp(`[${variants[group]}]`, 'g');
  return (text) => {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    // Without a group separator the pattern has one capture less.
    const [, sign, integer, ...rest] = found;
    const [after, bare, power, sign100] = group === undefined ? rest : rest.slice(1);
    const digits = groups === undefined ? integer : integer?.replace(groups, '');
    const exponent = Number(power ?? 0) - (sign100 === undefined ? 0 : 2);
    const number = `${sign === '' || sign === '+' ? '' : '-'}${digits ?? '0'}.${after ?? bare ?? ''}`;
    return exponent === 0 ? number.replace(/\.$/, '') : `${number.replace(/\.$/, '')}e${exponent}`;
  };
}
