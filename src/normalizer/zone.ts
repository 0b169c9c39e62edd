/** What to do with a local time that occurs twice or never: the earlier instant, the later one, or none. */
export type Ambiguity = 'earlier' | 'later' | 'reject';

/** Turns local times of one IANA zone into instants. */
export interface Zone {
  /** `localMs`: the local fields read as if they were UTC. Undefined when the policy rejects it. */
  toUtc(localMs: number, policy: Ambiguity): number | undefined;
}

export const utcZone: Zone = { toUtc: (localMs) => localMs };

const zones = new Map<string, Zone>();

/** The zone of an IANA name. Throws RangeError when there is none. */
export function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = createZone(name);
    zones.set(name, zone);
  }
  return zone;
}

const dayMs = 86_400_000;

/** Offsets of one UTC year: the one it starts with, and each change within it. */
interface YearOffsets {
  first: number;
  changes: { at: number; offset: number }[];
}

function createZone(name: string): Zone {
  const probe = offsetProbe(name);
  if (/^(utc|etc\/utc|etc\/gmt|gmt)$/i.test(name)) return utcZone;
  const years = new Map<number, YearOffsets>();

  function offsetAt(utcMs: number): number {
    const year = new Date(utcMs).getUTCFullYear();
    let known = years.get(year);
    if (known === undefined) {
      known = offsetsOfYear(probe, year);
      years.set(year, known);
    }
    let offset = known.first;
    for (const change of known.changes) if (utcMs >= change.at) offset = change.offset;
    return offset;
  }

  return {
    toUtc(localMs, policy) {
      // A day apart on either side are the offsets before and after any change that can matter here.
      const before = offsetAt(localMs - dayMs);
      const after = offsetAt(localMs + dayMs);
      const [a, b] = [localMs - before, localMs - after];
      if (before === after) return a;
      const holdsA = offsetAt(a) === before;
      const holdsB = offsetAt(b) === after;
      if (holdsA !== holdsB) return holdsA ? a : b;
      if (policy === 'reject') return undefined;
      return policy === 'earlier' ? Math.min(a, b) : Math.max(a, b);
    },
  };
}

/** Finds a year's changes with one probe a day and a bisection for each change: some 370 probes, once per zone and year. */
function offsetsOfYear(probe: (utcMs: number) => number, year: number): YearOffsets {
  const start = Date.UTC(year, 0, 1);
  const end = Date.UTC(year + 1, 0, 1);
  const first = probe(start);
  const changes: YearOffsets['changes'] = [];
  let offset = first;
  for (let day = start; day < end; day += dayMs) {
    const next = Math.min(day + dayMs, end - 1);
    const later = probe(next);
    if (later === offset) continue;
    changes.push({ at: bisect(probe, day, next, offset), offset: later });
    offset = later;
  }
  return { first, changes };
}

function bisect(probe: (utcMs: number) => number, low: number, high: number, before: number): number {
  let [a, b] = [Math.floor(low / 1000), Math.ceil(high / 1000)];
  while (b - a > 1) {
    const middle = Math.floor((a + b) / 2);
    if (probe(middle * 1000) === before) a = middle;
    else b = middle;
  }
  return b * 1000;
}

function offsetProbe(name: string): (utcMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const at: Record<string, number> = {};
  return (utcMs) => {
    for (const part of format.formatToParts(utcMs)) at[part.type] = Number(part.value);
    const local = Date.UTC(at.year!, at.month! - 1, at.day, at.hour, at.minute, at.second);
    return local - Math.floor(utcMs / 1000) * 1000;
  };
}
