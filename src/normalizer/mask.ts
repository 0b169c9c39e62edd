/**
 * What may be shown of an offending value: its first and last character and its length, never the whole. Texts of one or two
 * characters show none, as two would be all of them.
 */
export function mask(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `list (${value.length} items)`;
  if (typeof value === 'object') return 'object';
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return typeof value;
  const text = String(value);
  const kind = typeof value === 'string' ? 'text' : typeof value;
  if (text.length <= 2) return `${kind} (${text.length} characters)`;
  const first = String.fromCodePoint(text.codePointAt(0)!);
  const last = text.at(-1)!;
  return `${kind} ${shown(first)}…${shown(last)} (${text.length} characters)`;
}

/** What may be shown of an offending value under a policy: whether there is one. */
export function concealed(value: unknown): string {
  return value === null || value === undefined ? mask(value) : 'hidden by the policy';
}

function shown(character: string): string {
  // Half of a surrogate pair is of category C too.
  return /[\p{C}\p{Z}]/u.test(character) ? '·' : character;
}

/** Texts that come from payloads (names of fields) as PostgreSQL can store them: without NUL and lone surrogates, and not too long. */
export function storable(text: string, max: number): string {
  const clean = text.replaceAll('\0', '\u2400').toWellFormed();
  return clean.length <= max ? clean : `${clean.slice(0, max - 1).toWellFormed()}…`;
}
