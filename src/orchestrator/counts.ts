import type { Counts } from '#contracts';

export const noCounts: Readonly<Counts> = Object.freeze({
  rows: 0,
  candidates: 0,
  records: 0,
  quarantined: 0,
  deduplicated: 0,
  skipped: 0,
  bytes: 0,
});

/** Fields that `a` lacks (as in a new run's `{}`) count as 0. */
export function addCounts(a: Partial<Counts>, b: Partial<Counts>): Counts {
  const sum = { ...noCounts };
  for (const field of Object.keys(sum) as (keyof Counts)[]) sum[field] = (a[field] ?? 0) + (b[field] ?? 0);
  return sum;
}
