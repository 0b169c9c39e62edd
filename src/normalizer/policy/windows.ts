import type { Detect, Finding } from './detect.ts';

const windowCharacters = 65_536;
const overlap = 1024;

/** What is found in a text of any length, window by window; a value on a border is found once. */
export function* findings(text: string, detect: Detect): Generator<Finding> {
  if (text.length <= windowCharacters) return yield* detect(text);
  for (let from = 0; from < text.length; from += windowCharacters - overlap) {
    const part = text.slice(from, from + windowCharacters);
    const isLast = from + windowCharacters >= text.length;
    const until = isLast ? part.length : part.length - overlap / 2;
    for (const { detector, start, end } of detect(part))
      if (start < until && (from === 0 || start >= overlap / 2))
        yield { detector, start: from + start, end: from + end };
    if (isLast) return;
  }
}
