import type { ReasonCode } from '#contracts';
import { concealed, mask } from './mask.ts';
import type { Part } from './path.ts';

/** One reason why a candidate cannot become a record. */
export interface Failure {
  reason: ReasonCode;
  rule: string;
  pointer: string;
  message: string;
  masked: string;
}

/** Where a rule stands in the profile and what it reads. */
export interface Site {
  /** e.g. `records[0].dimensions.place` */
  rule: string;
  /** RFC 6901 in the row, or in the part of the row that the candidate is made of. */
  pointer: string;
  ofPart: boolean;
}

/** The state of mapping one candidate; one object serves them all. */
export class Attempt {
  part: Part | undefined = undefined;
  failures: Failure[] = [];
  /** The candidate's time, once it is read; for look-ups in time. */
  tsMs: number | undefined = undefined;
  /** The key of the last look-up that found nothing. */
  missedKey = '';
  /** A required field is missing. */
  missed = false;
  /** Set by an int64 or decimal whose value a double cannot hold. */
  exactText: string | undefined = undefined;
  /** Characters of text that the row's candidates hold, so that batches can be bounded. */
  weight = 0;
  /** The row's numbers come with their source text where it matters. */
  exactPass = false;

  /** The row's JSON; undefined for CSV and XML. */
  text: string | undefined = undefined;
  /** What loops in expressions have passed over in this row. */
  loopCost = 0;
  /** What patterns have cost in this row; see pattern.ts. */
  patternCost = 0;
  /** The CSV row last shown to an expression, and how. */
  viewed: unknown = undefined;
  view: Record<string, unknown> = {};

  beginRow(text: string | undefined, exactPass: boolean): void {
    this.text = text;
    this.exactPass = exactPass;
    this.weight = 0;
    this.loopCost = 0;
    this.patternCost = 0;
  }

  /** Under a policy failures show nothing of the payload: what to make of their pointers. */
  conceal: ((pointer: string) => string) | undefined = undefined;

  /** Characters of the row under way. */
  rowLength(row: unknown): number {
    if (this.text !== undefined) return this.text.length;
    return lengthOf(row);
  }

  begin(part: Part | undefined): void {
    this.part = part;
    this.missed = false;
    // A list that has been handed out belongs to its taker.
    if (this.failures.length > 0) this.failures = [];
  }

  fail(site: Site, reason: ReasonCode, message: string, value: unknown): undefined {
    const masked = this.conceal === undefined ? mask(value) : concealed(value);
    this.failures.push({ reason, rule: site.rule, pointer: this.pointerOf(site), message, masked });
    return undefined;
  }

  /** Where a site is in the row under way. */
  pointerOf(site: Site): string {
    const pointer = site.ofPart && this.part !== undefined ? this.part.pointer() + site.pointer : site.pointer;
    return this.conceal === undefined ? pointer : this.conceal(pointer);
  }

  miss(site: Site): undefined {
    this.missed = true;
    return this.fail(site, 'missing_field', 'A required field is missing or empty.', undefined);
  }
}

/** About as many characters as a row of values would have written out. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 1;
  if (typeof value !== 'object' || value === null) return 8;
  let length = 1;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) length += lengthOf(item);
  return length;
}

/** Thrown when a text needs a number's source digits: the row is to be parsed exactly and mapped again. */
export const needsExactPass = Symbol('needs exact pass');
