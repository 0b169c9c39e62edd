/**
 * Finds personal data in a text: what its form and its check digits tell, precision before recall. Names and addresses are not found.
 * Linear in the text's length, whatever it holds; never throws.
 */
import type { Detector } from '#contracts';
import { detectorNames } from './detector-names.ts';
import { emailAt } from './email.ts';
import { isBirthDate, isDiagnosis, isRecordNumber } from './hinted.ts';
import { ibanLength, isIban } from './iban.ts';
import { isIpv4, isIpv6 } from './ip.ts';
import { shapes, type Shape } from './shapes.ts';
import { isPhone, phoneAt } from './phone.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Where a text holds what; `end` is exclusive. */
export interface Finding {
  detector: Detector;
  start: number;
  end: number;
}

export interface DetectOptions {
  /** What to look for (default: everything). */
  detectors?: readonly Detector[];
  /** What the text is likely to hold: forms that are too common elsewhere are then looked for too. */
  hints?: readonly Detector[];
  /** ISO 3166 code of the country whose phone numbers are written without one. */
  country?: string | undefined;
}

/** Finds in texts of one field. In order of place, without overlaps. */
export type Detect = (text: string) => readonly Finding[];

/** Longer texts are looked at up to here; canonical records hold none. */
const textLimit = 131_072;
/** International numbers that one text is asked for: checking one costs some 10 µs. */
const phonesLimit = 256;

const nothing: readonly Finding[] = [];

export function createDetect(options: DetectOptions = {}): Detect {
  const wanted = new Set(options.detectors ?? detectorNames);
  const hints = new Set((options.hints ?? []).filter((hint) => wanted.has(hint)));
  const { country } = options;
  const used: (readonly Shape[] | undefined)[] = [];
  for (const shape of shapes) {
    if (!wanted.has(shape.detector) || (shape.hinted === true && !hints.has(shape.detector))) continue;
    const length = shape.groups[0]!;
    used[length] = [...(used[length] ?? []), shape];
  }
  return (given) => {
    const text = given.length > textLimit ? given.slice(0, textLimit) : given;
    if (hints.size > 0) {
      const whole = hintedWhole(text, hints, country);
      if (whole !== undefined) return [whole];
    }
    const signs = signsOf(text);
    if (signs === 0) return nothing;
    const found: Finding[] = [];
    if ((signs & signAt) !== 0 && wanted.has('email')) findEmails(text, found);
    if ((signs & signPlus) !== 0 && wanted.has('phone')) findPhones(text, found);
    if ((signs & signColons) !== 0 && wanted.has('ip')) findIpv6(text, found);
    if ((signs & signDigits) !== 0) {
      const tokens = tokensOf(text);
      for (let i = 0; i < tokens.length; i++) {
        const { start, end, digits } = tokens[i]!;
        const fitting = used[end - start];
        if (fitting !== undefined) findShapes(text, tokens, i, fitting, found);
        if (!digits && wanted.has('iban')) findIban(text, tokens, i, found);
        if (digits && wanted.has('ip')) findIpv4(text, tokens, i, found);
      }
    }
    return found.length < 2 ? found : apart(found);
  };
}

const signAt = 1;
const signDigits = 2;
const signPlus = 4;
const signColons = 8;

/** One pass that tells most texts to hold nothing: what is looked for has an @, six digits, two colons, or three dots and four digits. */
function signsOf(text: string): number {
  let signs = 0;
  let digits = 0;
  let dots = 0;
  let colons = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) digits++;
    else if (code === 64) signs |= signAt;
    else if (code === 43) signs |= signPlus;
    else if (code === 46) dots++;
    else if (code === 58) colons++;
  }
  if (digits >= 6 || (dots >= 3 && digits >= 4)) signs |= signDigits;
  if (colons >= 2) signs |= signColons;
  return digits >= 8 ? signs : signs & ~signPlus;
}

function hintedWhole(text: string, hints: ReadonlySet<Detector>, country: string | undefined): Finding | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const whole = (detector: Detector): Finding => ({ detector, start: 0, end: text.length });
  if (hints.has('phone') && isPhone(trimmed, country)) return whole('phone');
  if (hints.has('date_of_birth') && isBirthDate(trimmed)) return whole('date_of_birth');
  if (hints.has('icd10') && isDiagnosis(trimmed)) return whole('icd10');
  if (hints.has('mrn') && isRecordNumber(trimmed)) return whole('mrn');
  return undefined;
}

function findEmails(text: string, found: Finding[]): void {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const place = emailAt(text, at);
    if (place !== undefined) found.push({ detector: 'email', ...place });
  }
}

function findPhones(text: string, found: Finding[]): void {
  let asked = 0;
  for (let plus = text.indexOf('+'); plus >= 0 && asked < phonesLimit; plus = text.indexOf('+', plus + 1)) {
    // Most plus signs have no digit behind them.
    const next = text.charCodeAt(plus + 1);
    if (next !== 40 && !(next >= 48 && next <= 57)) continue;
    asked++;
    const place = phoneAt(text, plus);
    if (place !== undefined) found.push({ detector: 'phone', ...place });
  }
}

/** A hexadecimal digit, a colon or a dot. */
function inIpv6(code: number): boolean {
  return (code >= 48 && code <= 58) || code === 46 || (code >= 65 && code <= 70) || (code >= 97 && code <= 102);
}

function findIpv6(text: string, found: Finding[]): void {
  for (let colon = text.indexOf(':'); colon >= 0;) {
    let start = colon;
    while (start > 0 && inIpv6(text.charCodeAt(start - 1))) start--;
    let end = colon + 1;
    while (end < text.length && inIpv6(text.charCodeAt(end))) end++;
    colon = text.indexOf(':', end);
    // A colon or a dot at the end may belong to the sentence.
    const length = end - start > 46 ? 0 : end - start - (/(?:[^:]:|\.)$/.test(text.slice(start, end)) ? 1 : 0);
    if (length < 2 || isAlphanumeric(text, start - 1) || isAlphanumeric(text, end)) continue;
    if (isIpv6(text.slice(start, start + length))) found.push({ detector: 'ip', start, end: start + length });
  }
}

function isAlphanumeric(text: string, i: number): boolean {
  return i >= 0 && i < text.length && /[\p{L}\d]/u.test(text[i]!);
}

/** Every shape of those that fit token i whose groups stand there, one separator between them. */
function findShapes(
  text: string,
  tokens: readonly Token[],
  i: number,
  fitting: readonly Shape[],
  found: Finding[],
): void {
  const first = tokens[i]!;
  for (const shape of fitting) {
    if (shape.digits === true && !first.digits) continue;
    const last = groupsAt(tokens, i, shape);
    if (last === undefined || inNumber(tokens, i, last)) continue;
    const { start } = first;
    const { end } = tokens[last]!;
    if (
      shape.check(
        text
          .slice(start, end)
          .replace(/[^A-Za-z0-9]/g, '')
          .toUpperCase(),
      )
    )
      found.push({ detector: shape.detector, start, end });
  }
}

/** Index of the last token of a shape that starts at token i. */
function groupsAt(tokens: readonly Token[], i: number, { groups, seps, digits }: Shape): number | undefined {
  let sep = '';
  for (let g = 1; g < groups.length; g++) {
    const token = tokens[i + g];
    if (token === undefined || token.end - token.start !== groups[g]) return undefined;
    if (digits === true && !token.digits) return undefined;
    if (g === 1) sep = token.sep;
    if (token.sep === '' || token.sep !== sep || !seps!.includes(sep)) return undefined;
  }
  return i + groups.length - 1;
}

/** Part of a longer row of numbers (1-4111…) or of a decimal number (0.4111…, 4111….50). */
function inNumber(tokens: readonly Token[], first: number, last: number): boolean {
  const { sep } = tokens[first]!;
  if (sep !== '' && chaining.includes(sep) && tokens[first - 1]?.digits === true) return true;
  const after = tokens[last + 1];
  return after !== undefined && after.digits && after.sep !== '' && chaining.includes(after.sep);
}

const chaining = '.-_/+';

/** One token, or groups of four with spaces between them. */
function findIban(text: string, tokens: readonly Token[], i: number, found: Finding[]): void {
  const { start, end } = tokens[i]!;
  const length = ibanLength(text.slice(start, start + 4));
  if (length === undefined) return;
  if (end - start === length) {
    if (isIban(text.slice(start, end))) found.push({ detector: 'iban', start, end });
    return;
  }
  if (end - start !== 4) return;
  let joined = text.slice(start, end);
  for (let next = i + 1; joined.length < length; next++) {
    const token = tokens[next];
    if (token?.sep !== ' ') return;
    joined += text.slice(token.start, token.end);
    if (joined.length === length && isIban(joined)) found.push({ detector: 'iban', start, end: token.end });
  }
}

function findIpv4(text: string, tokens: readonly Token[], i: number, found: Finding[]): void {
  if (tokens[i + 1]?.sep !== '.' || tokens[i + 3] === undefined) return;
  const octets: string[] = [];
  for (let o = 0; o < 4; o++) {
    const token = tokens[i + o]!;
    if (!token.digits || token.end - token.start > 3 || (o > 0 && token.sep !== '.')) return;
    octets.push(text.slice(token.start, token.end));
  }
  // Five numbers are a version or an object identifier.
  if (tokens[i]!.sep === '.' || tokens[i]!.sep === '-' || tokens[i + 4]?.sep === '.' || tokens[i + 4]?.sep === '-')
    return;
  if (isIpv4(octets)) found.push({ detector: 'ip', start: tokens[i]!.start, end: tokens[i + 3]!.end });
}

const rank = new Map(detectorNames.map((name, i) => [name, i]));

/** In order of place; of findings that overlap the one whose detector is named first. */
function apart(found: Finding[]): Finding[] {
  found.sort((a, b) => a.start - b.start || rank.get(a.detector)! - rank.get(b.detector)!);
  const kept: Finding[] = [];
  for (const finding of found) {
    const last = kept.at(-1);
    if (last === undefined || last.end <= finding.start) kept.push(finding);
    else if (rank.get(finding.detector)! < rank.get(last.detector)!) kept[kept.length - 1] = finding;
  }
  return kept;
}
