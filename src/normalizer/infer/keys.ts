import { hashText, joinHash } from './hash.ts';
import type { Guess } from './roles.ts';

/** Columns that may identify a row; the cheaper, the likelier. */
interface Candidate {
  columns: Guess[];
  cost: number;
  seen: Set<number>;
}

export interface KeyFound {
  columns: Guess[];
  /** No two different rows that were looked at have the same key. */
  unique: boolean;
  /** Rows looked at. */
  rows: number;
}

const maxRows = 100_000;
const thinAt = 2_000;

/** Looks for the columns that identify a row: rows that are alike in every column do not count against a key. */
export class KeySearch {
  private candidates: Candidate[];
  private readonly all: Guess[];
  private readonly whole = new Set<number>();
  private rows = 0;

  constructor(guesses: readonly Guess[], time: Guess | undefined, rows: number) {
    this.all = guesses.filter(({ role }) => role !== 'ignored');
    this.candidates = candidatesOf(this.all, time, rows);
  }

  /** Takes a row; false when enough have been seen. `read`: the value of a column in it. */
  add(read: (guess: Guess) => unknown): boolean {
    if (this.rows >= maxRows) return false;
    this.rows++;
    const hashes = new Map<Guess, number>();
    let whole = 0;
    for (const guess of this.all) {
      const hash = hashValue(read(guess));
      hashes.set(guess, hash);
      whole = joinHash(whole, hash);
    }
    if (this.whole.has(whole)) return true;
    this.whole.add(whole);
    this.candidates = this.candidates.filter(({ columns, seen }) => {
      let key = 0;
      for (const column of columns) key = joinHash(key, hashes.get(column)!);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    // What is unique so far mostly stays so; the sets of the rest would only take memory.
    if (this.rows === thinAt && this.candidates.length > 10)
      this.candidates = [...this.candidates.slice(0, 9), this.candidates.at(-1)!];
    return true;
  }

  found(): KeyFound {
    const [best] = this.candidates;
    return { columns: best?.columns ?? this.all.slice(0, 16), unique: best !== undefined, rows: this.rows };
  }
}

function hashValue(value: unknown): number {
  if (value === null || value === undefined || value === '') return 0;
  return hashText(typeof value === 'string' ? value.trim() : JSON.stringify(value));
}

/** One column, then two, then three, of those that may identify; then all of them, with more and more measures. */
function candidatesOf(all: readonly Guess[], time: Guess | undefined, rows: number): Candidate[] {
  const cost = (guess: Guess): number => costOf(guess, guess === time, rows);
  const likely = all.filter((guess) => cost(guess) < measureCost).sort((a, b) => cost(a) - cost(b));
  const few = likely.slice(0, 9);
  const sets: Guess[][] = likely.map((guess) => [guess]);
  for (const [i, a] of few.entries())
    for (const [j, b] of few.entries()) {
      if (j <= i) continue;
      sets.push([a, b]);
      for (const c of few.slice(j + 1)) sets.push([a, b, c]);
    }
  const rest = all.filter((guess) => !likely.includes(guess)).sort((a, b) => b.distinct - a.distinct);
  const identity = likely.slice(0, 12);
  for (let n = 0; n <= rest.length; n++) {
    const set = [...identity, ...rest.slice(0, n)];
    if (set.length > 3 && set.length <= 16) sets.push(set);
  }
  for (const guess of rest) sets.push([guess]);
  return sets
    .map((columns) => ({
      columns: inOrder(columns, all),
      cost: columns.reduce((sum, one) => sum + 1 + cost(one), 0),
      seen: new Set<number>(),
    }))
    .sort((a, b) => a.cost - b.cost);
}

function inOrder(columns: readonly Guess[], all: readonly Guess[]): Guess[] {
  return all.filter((guess) => columns.includes(guess));
}

const measureCost = 20;

function costOf(guess: Guess, isTime: boolean, rows: number): number {
  const { column } = guess;
  const gaps = column.present < rows ? 3 : 0;
  if (isTime) return gaps + 1;
  if (guess.role === 'measure') return measureCost + gaps + (column.integers === column.present ? 0 : 10);
  const length = column.length / Math.max(1, column.texts);
  const long = length > 40 ? 4 : length > 24 ? 1 : 0;
  if (guess.identifies) return gaps + long + (guess.name === 'id' ? 0 : 0.5);
  if (guess.time !== undefined) return gaps + 4;
  return gaps + long + (column.booleans > 0 ? 3 : 1.5);
}
