/** A stretch of a payload that no row was read from; `end` is exclusive. */
export interface Gap {
  start: number;
  end: number;
}

/** Less than this between two rows holds nothing: commas, line ends, brackets. */
const smallest = 6;
/** Beyond so many, everything from there on counts as one. */
const mostGaps = 100_000;

/** Gathers what lies between rows. Rows that come out of order leave more to be looked at, never less. */
export function createGaps(): { found: Gap[]; row(start: number, end: number): void; end(size: number): void } {
  const found: Gap[] = [];
  let covered = 0;
  const gap = (end: number): void => {
    if (end - covered >= smallest) found.push({ start: covered, end });
  };
  return {
    found,
    row(start, end) {
      if (found.length >= mostGaps) return;
      gap(start);
      covered = Math.max(covered, end);
    },
    end: gap,
  };
}
