import { NumberText } from '#formats';
import { compilePattern, type Pattern, PatternError, patternsTooCostly, plainDecimal, tooCostlyMessage } from '#kit';
import type { Profile, Rule } from '#contracts';
import { Attempt, needsExactPass, type Site } from './attempt.ts';
import { replacer } from './replace.ts';

/** Cleans a value: undefined when it counts as missing, `refused` when it failed, with the failure noted in the attempt. */
export type Cleanser = (value: unknown, attempt: Attempt, site: Site) => unknown;
export const refused = Symbol('refused');

export interface CleanserSetting {
  profile: Profile;
  pointer: string;
  problem: (pointer: string, message: string) => void;
}

/** The cleansing part of a rule, in the order that docs/profiles.md gives. */
export function cleanser(rule: Rule, { profile, pointer, problem }: CleanserSetting): Cleanser {
  const nulls = nullValues(profile.null_values, rule.null_values);
  const trim = rule.trim !== false;
  const replaceIn =
    rule.replace === undefined
      ? undefined
      : replacer(rule.replace, (member, message) => problem(`${pointer}/replace${member}`, message));
  const collapse = rule.collapse === true;
  const change = rule.case === 'lower' ? toLower : rule.case === 'upper' ? toUpper : undefined;
  const basic: Cleanser = (value, attempt) => {
    if (typeof value === 'string') {
      const kept = replaceIn === undefined ? value : replaceIn(value, attempt);
      const joined = collapse ? kept.replace(whiteSpace, ' ') : kept;
      const text = trim ? trimmed(joined) : joined;
      if (text === '' || nulls?.has(text) === true) return undefined;
      return change === undefined ? text : change(text);
    }
    if (value === null || value === undefined) return undefined;
    if (nulls !== undefined && (typeof value === 'number' || typeof value === 'boolean') && nulls.has(String(value)))
      return undefined;
    return value;
  };
  const usesPatterns = rule.extract ?? rule.matches ?? rule.replace?.find((one) => one.pattern !== undefined);
  if (usesPatterns === undefined) return basic;
  const extract = patternOf('extract', rule.extract, pointer, problem);
  const matches = patternOf('matches', rule.matches, pointer, problem);
  return guarded(matching(extracting(basic, extract), matches));
}

function patternOf(
  member: 'extract' | 'matches',
  source: string | undefined,
  pointer: string,
  problem: CleanserSetting['problem'],
): Pattern | undefined {
  if (source === undefined) return undefined;
  try {
    return compilePattern(source);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    problem(`${pointer}/${member}`, error.message);
    return undefined;
  }
}

function extracting(clean: Cleanser, pattern: Pattern | undefined): Cleanser {
  if (pattern === undefined) return clean;
  return (value, attempt, site) => {
    const text = asText(value, attempt);
    return clean(text === undefined ? value : pattern.extract(text, attempt), attempt, site);
  };
}

function matching(clean: Cleanser, pattern: Pattern | undefined): Cleanser {
  if (pattern === undefined) return clean;
  return (value, attempt, site) => {
    const cleaned = clean(value, attempt, site);
    const text = asText(cleaned, attempt);
    if (text === undefined || pattern.test(text, attempt)) return cleaned;
    attempt.fail(site, 'pattern_mismatch', 'The text does not match the pattern of the rule.', text);
    return refused;
  };
}

function guarded(clean: Cleanser): Cleanser {
  return (value, attempt, site) => {
    try {
      return clean(value, attempt, site);
    } catch (error) {
      if (error !== patternsTooCostly) throw error;
      attempt.fail(site, 'row_too_large', tooCostlyMessage, value);
      return refused;
    }
  };
}

/** A scalar as the text that a pattern sees; undefined for what is none. */
function asText(value: unknown, attempt: Attempt): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      // A double prints fewer digits than the source had.
      if (!attempt.exactPass && !Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 53) throw needsExactPass;
      return String(value);
    case 'boolean':
      return String(value);
    default:
      return value instanceof NumberText ? (plainDecimal(value.source) ?? value.source) : undefined;
  }
}

/** Tells whether an unpivoted cell is empty. */
export function emptyCell(profile: Profile, more: readonly string[]): (cell: unknown) => boolean {
  const clean = cleanser({ null_values: [...more] }, { profile, pointer: '', problem: () => {} });
  const attempt = new Attempt();
  const site: Site = { rule: '', pointer: '', ofPart: true };
  return (cell) => clean(cell, attempt, site) === undefined;
}

function nullValues(...lists: (readonly string[] | undefined)[]): Set<string> | undefined {
  const all = lists.flatMap((list) => list ?? []);
  return all.length === 0 ? undefined : new Set(all);
}

const whiteSpace = /\s+/g;

function trimmed(text: string): string {
  const { length } = text;
  if (length === 0) return text;
  const [first, last] = [text.charCodeAt(0), text.charCodeAt(length - 1)];
  // Nearly every text starts and ends with a visible ASCII character.
  if (first > 32 && first < 127 && last > 32 && last < 127) return text;
  return text.trim();
}

const toLower = (text: string): string => text.toLowerCase();
const toUpper = (text: string): string => text.toUpperCase();
