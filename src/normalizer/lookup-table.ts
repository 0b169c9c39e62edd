import type { LookupTable as Setting, Profile } from '#contracts';
import { canonicalJson, ChartlyError, type ErrorDetail } from '#kit';
import { readEntities, type TimedEntries } from './lookup-entities.ts';
import { readReference, ReferenceProblem } from './lookup-file.ts';
import { keyOf, lookupUses } from './lookup-uses.ts';
import type { LookupData, Lookups } from './lookup-resources.ts';

/** A table as rules use it. */
export interface LookupView {
  /** The parts of its key. */
  key: readonly string[];
  /** Which entry a key finds depends on the record's ts. */
  timed: boolean;
  /** Where the values of a field stand in entries; -1 when no rule uses it. */
  slot(field: string): number;
  /** The entry of a key, or undefined. */
  find(key: string, tsMs: number | undefined): readonly unknown[] | undefined;
}

type Find = LookupView['find'];

/**
 * The profile's tables. Without their contents they find nothing: enough to compile against.
 * Errors: `profile_invalid` with a detail for each reference file that cannot be used.
 */
export function createTables(profile: Profile, lookups: Lookups | undefined): Map<string, LookupView> {
  const views = new Map<string, LookupView>();
  const details: ErrorDetail[] = [];
  if (profile.lookups === undefined) return views;
  const uses = lookupUses(profile);
  for (const [name, setting] of Object.entries(profile.lookups)) {
    const fields = uses.get(name)!;
    let find: Find = () => undefined;
    try {
      if (lookups !== undefined)
        find = finder(setting, fields, Object.hasOwn(lookups, name) ? lookups[name] : undefined);
    } catch (error) {
      if (!(error instanceof ReferenceProblem)) throw error;
      details.push({ pointer: `/lookups/${name}/${error.member}`, message: error.message });
    }
    views.set(name, viewOf(setting, fields, find));
  }
  if (details.length === 0) return views;
  const [first] = details;
  throw new ChartlyError(
    'profile_invalid',
    `A table to look up in cannot be used: ${first!.pointer} ${first!.message}.`,
    {
      details,
    },
  );
}

function viewOf(setting: Setting, fields: readonly string[], find: Find): LookupView {
  const timed = setting.entities !== undefined && setting.at !== 'latest';
  return { key: keyOf(setting), timed, slot: (field) => fields.indexOf(field), find };
}

/** Tables that were built last, with the bytes they were built from. One table serves every payload that it is the same for. */
const built = new Map<string, { find: Find; bytes: number }>();
const keptBytes = 32 << 20;

function finder(setting: Setting, fields: readonly string[], data: LookupData | undefined): Find {
  if (data === undefined) throw new ReferenceProblem('file', 'the content of the file is not at hand');
  const name = canonicalJson([data.sha256, setting as never, fields as never]);
  const known = built.get(name);
  if (known !== undefined) return known.find;
  const bytes = Buffer.from(data.bytes);
  const find = setting.entities === undefined ? byKey(readReference(setting, fields, bytes)) : inTime(bytes, setting);
  built.set(name, { find, bytes: bytes.length });
  let sum = [...built.values()].reduce((total, one) => total + one.bytes, 0);
  for (const [old, one] of built) {
    if (sum <= keptBytes || built.size === 1) break;
    built.delete(old);
    sum -= one.bytes;
  }
  return find;
}

function byKey(entries: ReadonlyMap<string, readonly unknown[]>): Find {
  return (key) => entries.get(key);
}

function inTime(bytes: Buffer, { at }: Setting): Find {
  const entries = readEntities(bytes);
  return (key, tsMs) => {
    const versions = entries.get(key);
    if (versions === undefined) return undefined;
    return tsMs === undefined || at === 'latest' ? versions.values.at(-1) : lastUntil(versions, tsMs);
  };
}

/** The last version that is not after a time. */
function lastUntil({ times, values }: TimedEntries, tsMs: number): readonly unknown[] | undefined {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= tsMs) low = middle + 1;
    else high = middle;
  }
  return values[low - 1];
}
