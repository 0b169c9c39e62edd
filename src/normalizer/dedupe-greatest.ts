import { ChartlyError, compareDecimals, plainDecimal } from '#kit';
import type { Dedupe, RankedRecord } from './dedupe.ts';
import { IdMap } from './id-map.ts';

/** Characters of all texts that records are compared by. Numbers and times have no such bound: they take eight bytes each. */
const maxTexts = 64 << 20;

/** The greatest rank wins, and of equal ones the later; without a rank is below every rank. */
export function createGreatest(limit = maxTexts): Dedupe {
  /** Ids are numbered as they come: their places and ranks stand in flat arrays. */
  const numbers = new IdMap();
  let places = new Float64Array(1024);
  let ranks = new Float64Array(1024);
  /** Only for ranks that are texts, or numbers that a double cannot hold. */
  const texts = new Map<number, string>();
  let characters = 0;

  function remember(at: number, { rank, rankExact }: RankedRecord): void {
    const text = typeof rank === 'string' ? rank : rankExact;
    ranks[at] = typeof rank === 'number' ? rank : -Infinity;
    const before = texts.get(at);
    if (before === undefined && text === undefined) return;
    characters += (text?.length ?? 0) - (before?.length ?? 0);
    if (characters > limit) throw tooMuch();
    if (text === undefined) texts.delete(at);
    else texts.set(at, text);
  }

  function isGreater({ rank, rankExact }: RankedRecord, at: number): boolean {
    if (rank === undefined) return ranks[at] === -Infinity && !texts.has(at);
    const text = texts.get(at);
    if (typeof rank === 'string') return text === undefined || rank >= text;
    if (rank !== ranks[at]) return rank > ranks[at]!;
    if (rankExact === undefined && text === undefined) return true;
    return compareDecimals(rankExact ?? plainDecimal(String(rank))!, text ?? plainDecimal(String(rank))!) >= 0;
  }

  function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
    const larger = new Float64Array(2 * array.length);
    larger.set(array);
    return larger;
  }

  return {
    choose(candidate) {
      const at = numbers.get(candidate.recordId);
      return at === undefined || isGreater(candidate, at) ? candidate : undefined;
    },
    keep(chosen, place) {
      const known = numbers.get(chosen.recordId);
      const at = known ?? numbers.size;
      if (known === undefined) numbers.add(chosen.recordId, at);
      if (at >= places.length) [places, ranks] = [grown(places), grown(ranks)];
      const before = known === undefined ? undefined : places[at];
      places[at] = place;
      remember(at, chosen);
      return before;
    },
  };
}

function tooMuch(): ChartlyError {
  return new ChartlyError(
    'profile_limit_exceeded',
    `The texts that dedupe.by compares hold more than ${maxTexts} characters in this payload.`,
    { action: 'Compare by a number or a time (cast), or have the upstream send smaller payloads.' },
  );
}
