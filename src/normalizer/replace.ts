import type { Replacement } from '#contracts';

/**
 * Replaces literal texts in one pass: what has been put in is not looked at again, so that a text grows by a bounded factor. The
 * pattern is made of escaped literals alone and has nothing to backtrack into: the time is linear in the text.
 */
export function replacer(list: readonly Replacement[]): (text: string) => string {
  const byText = new Map(list.toReversed().map(({ text, with: instead }) => [text, instead]));
  const pattern = new RegExp(list.map(({ text }) => escaped(text)).join('|'), 'g');
  return (text) => text.replace(pattern, (found) => byText.get(found)!);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
