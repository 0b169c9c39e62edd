/** Regular expressions that take time linear in the text: RE2 syntax, without look-around and back-references. */
import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';

/** A pattern that cannot be used; the message speaks of the author's own text alone. */
export class PatternError extends Error {}

/** Thrown when the patterns of one row would take longer than a row may. */
export const patternsTooCostly = Symbol('patterns too costly');
export const tooCostlyMessage = "The texts of the row are too long for the profile's patterns.";

/** Instructions of one compiled pattern. A search takes at most time of the text's length by these. */
const maxProgram = 1000;

/** What the patterns of one row may cost in all: characters searched by instructions. At worst this takes a second, as a rule some ten milliseconds. */
const rowBudget = 1 << 25;

/** What the patterns of one row have cost so far. */
export interface PatternBudget {
  patternCost: number;
}

export interface Pattern {
  /** What looking through one character counts against the row's budget. */
  cost: number;
  groups: number;
  /** True when the pattern is found anywhere in the text. Throws patternsTooCostly. */
  test(text: string, budget: PatternBudget): boolean;
  /** The first group that the first match has, or the match when the pattern has no group. Throws patternsTooCostly. */
  extract(text: string, budget: PatternBudget): string | undefined;
  /** Walks over the matches, for those who replace them. */
  matcher(text: string): ReturnType<RE2JS['matcher']>;
}

const compiled = new Map<string, Pattern>();
const kept = 512;

/** Compiles a pattern, or takes it as it was compiled before: its tables get faster with use. Throws PatternError. */
export function compilePattern(source: string): Pattern {
  let pattern = compiled.get(source);
  if (pattern === undefined) {
    pattern = create(source);
    if (compiled.size >= kept) compiled.delete(compiled.keys().next().value!);
    compiled.set(source, pattern);
  }
  return pattern;
}

function create(source: string): Pattern {
  const expected = roughSize(source);
  // What would be a hundred times too large is not even tried.
  if (expected > 4 * maxProgram) throw tooLarge(expected);
  const re = parse(source);
  const cost = re.programSize();
  if (cost > maxProgram) throw tooLarge(cost);
  const groups = re.groupCount();
  return {
    cost,
    groups,
    test(text, budget) {
      spend(budget, text.length * cost);
      return re.test(text);
    },
    extract(text, budget) {
      spend(budget, text.length * cost);
      // Telling that there is a match is some five times cheaper than telling where.
      if (!re.test(text)) return undefined;
      const matcher = re.matcher(text);
      if (!matcher.find()) return undefined;
      if (groups === 0) return matcher.group() ?? undefined;
      for (let group = 1; group <= groups; group++) {
        const found = matcher.group(group);
        if (found !== null) return found;
      }
      return undefined;
    },
    matcher: (text) => re.matcher(text),
  };
}

function tooLarge(instructions: number): PatternError {
  return new PatternError(
    `the pattern is too large: it compiles to ${instructions} instructions, and ${maxProgram} are the most; write fewer or smaller repetitions {n}`,
  );
}

const sizePart = /\\(?:[pPx]\{[^}]*\}|.)|\[\]?(?:\\.|[^\]\\])*\]|\{(\d{1,9})(?:,(\d{0,9}))?\}|[()]|./gsu;

/** About how many instructions a pattern compiles to, told in time of its length. */
function roughSize(source: string): number {
  const groups = [0];
  let last = 0;
  for (const [part, least, most] of source.matchAll(sizePart)) {
    let size = 1;
    if (least !== undefined) {
      // What stands before is there once already.
      size = last * (Math.max(Number(least), Number(most ?? 0)) - 1);
      last += size;
    } else if (part === '(') groups.push(0);
    else if (part === ')' && groups.length > 1) last = size += groups.pop()!;
    else last = size;
    groups[groups.length - 1]! += size;
  }
  return groups.reduce((sum, size) => sum + size, 0);
}

/** Counts against the row's budget. Throws patternsTooCostly. */
export function spend(budget: PatternBudget, cost: number): void {
  budget.patternCost += cost;
  if (budget.patternCost > rowBudget) throw patternsTooCostly;
}

function parse(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new PatternError(syntaxMessage(error, source));
    if (error instanceof RE2JSException) throw new PatternError('the pattern is too large');
    throw error;
  }
}

function syntaxMessage(error: RE2JSSyntaxException, source: string): string {
  if (/\(\?<?[=!]/.test(source))
    return 'a pattern looks neither ahead nor behind, as that takes more than linear time; match the surroundings too, and put what you want into a (group)';
  const part = error.getPattern();
  const where = part === null || part === '' ? '' : ` at \`${part}\``;
  const hint = /^\\[1-9k]/.test(part ?? '') ? '; there are no back-references, as they take more than linear time' : '';
  return `the pattern is not a regular expression (RE2 syntax): ${error.getDescription()}${where}${hint}`;
}

/** The text as a pattern that matches just it. */
export function quoted(text: string): string {
  return RE2JS.quote(text);
}
