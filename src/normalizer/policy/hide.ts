import type { Detect, Finding } from './detect.ts';

const hidden = '***';

/**
 * A value with all but its end covered: an e-mail address keeps its domain, any other value its last characters, at most `keep` and never
 * more than a quarter of its letters and digits. How long it was is not told. With `keep` 0 nothing is shown.
 */
export function maskValue(text: string, keep: number, detect: Detect): string {
  if (keep === 0) return hidden;
  const [first] = detect(text);
  if (first?.detector === 'email' && first.start === 0 && first.end === text.length)
    return hidden + text.slice(text.lastIndexOf('@'));
  const characters = text.match(/[\p{L}\p{N}]/gu) ?? [];
  const shown = Math.min(keep, Math.floor(characters.length / 4));
  return shown === 0 ? hidden : hidden + characters.slice(-shown).join('');
}

/** A text with what is found in it replaced by what it was. Nothing can be found in what is left. */
export function redacted(text: string, findings: readonly Finding[], detect: Detect): string {
  let left = text;
  let found = findings;
  // What stood beside a finding may be one now that its neighbour is gone.
  for (let pass = 0; found.length > 0; pass++) {
    if (pass === passes) return '[redacted]';
    left = replaced(left, found);
    found = detect(left);
  }
  return left;
}

const passes = 8;

function replaced(text: string, findings: readonly Finding[]): string {
  let out = '';
  let from = 0;
  for (const { detector, start, end } of findings) {
    out += `${text.slice(from, start)}[${detector}]`;
    from = end;
  }
  return out + text.slice(from);
}
