/** Which of several valid candidates of one payload with one record id is kept. The policy, apart from how batches are made. */
import type { Profile } from '#contracts';
import type { CanonicalRecord } from '#storage';
import type { Failure } from './attempt.ts';
import { createGreatest } from './dedupe-greatest.ts';
import { createMerge } from './dedupe-merge.ts';
import { IdMap } from './id-map.ts';

/** A candidate with what it is compared by under `keep: greatest`. */
export interface RankedRecord extends CanonicalRecord {
  rank?: number | string | undefined;
  /** The rank's digits, where a double cannot hold them. */
  rankExact?: string | undefined;
}

/**
 * Takes the valid candidates of a payload in their order, and says of each at once what becomes of it: who wins always stands later in
 * the payload than whom it replaces. `last` over batches rests on that: of two records of one revision the later in the payload wins in
 * the store, in whatever order batches are written and repeated.
 */
export interface Dedupe {
  /**
   * The record to keep: the candidate, what it makes with an earlier one (yet to be hashed and validated), why these make none, or
   * undefined when the earlier one stays. `place` is where it will stand.
   */
  choose(candidate: CanonicalRecord, place: number): CanonicalRecord | Failure[] | undefined;
  /** Remembers where the chosen one stands; returns the place of the one that it replaces. Errors: `profile_limit_exceeded`. */
  keep(chosen: CanonicalRecord, place: number): number | undefined;
}

/** The policy of a profile, for one payload. */
export function createDedupe(profile: Profile): Dedupe {
  switch (profile.dedupe?.keep) {
    case 'first':
      return createFirst();
    case 'greatest':
      return createGreatest();
    case 'merge':
      return createMerge(profile);
    default:
      return createLast();
  }
}

function createFirst(): Dedupe {
  const places = new IdMap();
  return {
    choose: (candidate, place) => (places.add(candidate.recordId, place) ? candidate : undefined),
    keep: () => undefined,
  };
}

function createLast(): Dedupe {
  const places = new IdMap();
  return {
    choose: (candidate) => candidate,
    keep: (chosen, place) => places.put(chosen.recordId, place),
  };
}
