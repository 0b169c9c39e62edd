import type { Finding } from './index.ts';

/** Beyond this, findings are counted and not listed: a report about a destroyed store must still fit in memory. */
const mostListed = 1000;

export interface Findings {
  add(plane: Finding['plane'], subject: string, problem: string): void;
  /** Everything found, in the order of finding; the last says how many are not listed. */
  list(): Finding[];
}

/** Collects what does not hold. The same subject with the same problem is named once. */
export function createFindings(): Findings {
  const listed = new Map<string, Finding>();
  let unlisted = 0;
  return {
    add(plane, subject, problem) {
      const key = `${subject}\n${problem}`;
      if (listed.has(key)) return;
      if (listed.size < mostListed) listed.set(key, { plane, subject, problem });
      else unlisted++;
    },
    list() {
      const all = [...listed.values()];
      if (unlisted > 0)
        all.push({ plane: all[0]!.plane, subject: 'others', problem: `${unlisted} more are not listed` });
      return all;
    },
  };
}
