import { compilePattern, PatternError, patternsTooCostly, quoted, spend } from '#kit';
import type { Replacement } from '#contracts';
import type { Attempt } from './attempt.ts';

/** Replaces in one text. Throws patternsTooCostly. */
export type Replacer = (text: string, attempt: Attempt) => string;

/** Characters of a text after patterns were replaced in it: a reference such as $1 may stand several times. */
const maxLength = 1 << 20;

/**
 * Replaces in one pass from left to right, the first of the list that fits: what has been put in is not looked at again, so that a text
 * grows by a bounded factor. `problem` is told of what is wrong with an entry.
 */
export function replacer(
  list: readonly Replacement[],
  problem: (pointer: string, message: string) => void,
): Replacer | undefined {
  return list.some(({ pattern }) => pattern !== undefined) ? byPatterns(list, problem) : byTexts(list);
}

/** The expression is made of escaped literals alone and has nothing to backtrack into: the time is linear in the text. */
function byTexts(list: readonly Replacement[]): Replacer {
  const byText = new Map(list.toReversed().map(({ text, with: instead }) => [text!, instead]));
  const pattern = new RegExp(list.map(({ text }) => escaped(text!)).join('|'), 'g');
  return (text) => text.replace(pattern, (found) => byText.get(found)!);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

/** One entry of the list, as a group of the pattern that joins them all. */
interface Entry {
  group: number;
  /** Texts and numbers of groups (0 is the match), to be joined. */
  parts: (string | number)[];
}

function byPatterns(
  list: readonly Replacement[],
  problem: (pointer: string, message: string) => void,
): Replacer | undefined {
  const sources: string[] = [];
  const entries: Entry[] = [];
  let group = 1;
  for (const [i, replacement] of list.entries()) {
    const compiled = source(replacement, (member, message) => problem(`/${i}/${member}`, message));
    if (compiled === undefined) return undefined;
    sources.push(`(${compiled.source})`);
    const parts = replacement.pattern === undefined ? [replacement.with] : template(replacement.with);
    const wrong = parts.find((part) => typeof part === 'number' && part > compiled.groups);
    if (wrong !== undefined)
      problem(
        `/${i}/with`,
        `the pattern has ${compiled.groups === 1 ? 'one group' : `${compiled.groups} groups`}, and this names $${wrong}; a dollar sign itself is written $$`,
      );
    entries.push({ group, parts });
    group += 1 + compiled.groups;
  }
  return joined(sources.join('|'), entries, problem);
}

function source(
  { text, pattern }: Replacement,
  problem: (member: string, message: string) => void,
): { source: string; groups: number } | undefined {
  if (pattern === undefined) return { source: quoted(text!), groups: 0 };
  try {
    const alone = compilePattern(pattern);
    if (alone.matcher('').matches())
      problem('pattern', 'the pattern also fits no text at all, which stands everywhere; write + instead of *');
    return { source: pattern, groups: alone.groups };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    problem('pattern', error.message);
    return undefined;
  }
}

/** `$1 km` as 1 and ` km`. */
function template(text: string): (string | number)[] {
  return text
    .split(/(\$\$|\$\d)/)
    .filter((part) => part !== '')
    .map((part) => (part === '$$' ? '$' : /^\$\d$/.test(part) ? Number(part[1]) : part));
}

function joined(
  source: string,
  entries: readonly Entry[],
  problem: (pointer: string, message: string) => void,
): Replacer | undefined {
  let pattern: ReturnType<typeof compilePattern>;
  try {
    pattern = compilePattern(source);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    problem('', `taken together: ${error.message}`);
    return undefined;
  }
  return (text, attempt) => {
    if (!pattern.test(text, attempt)) return text;
    const matcher = pattern.matcher(text);
    let result = '';
    let from = 0;
    while (matcher.find()) {
      // A search may look as far as the end of the text, whatever it then finds.
      spend(attempt, (text.length - from) * pattern.cost);
      const { group, parts } = entries.find((entry) => matcher.start(entry.group) >= 0)!;
      result += text.slice(from, matcher.start());
      for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(group + part) ?? '');
      from = matcher.end();
      if (result.length > maxLength) throw patternsTooCostly;
    }
    return result + text.slice(from);
  };
}
