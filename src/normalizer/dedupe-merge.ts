import type { Profile } from '#contracts';
import { addDecimals, ChartlyError, compareDecimals, plainDecimal, survivesDouble } from '#kit';
import type { CanonicalRecord } from '#storage';
import type { Failure } from './attempt.ts';
import type { Dedupe } from './dedupe.ts';
import { IdMap } from './id-map.ts';
import { mask } from './mask.ts';

/** Merging needs the fields of every record of the payload at hand. */
export interface MergeLimits {
  records: number;
  /** Characters of names and texts, and 32 for each number. */
  weight: number;
}

const defaultLimits: MergeLimits = { records: 200_000, weight: 32 << 20 };

type Combine = NonNullable<NonNullable<Profile['dedupe']>['combine']>;
type Way = Combine[string];

/** A number of a record: `digits` as its source had it where a double cannot hold that; undefined for what has more digits than are kept. */
interface Amount {
  number: number;
  digits: string | undefined;
}

/** A later candidate's fields win over an earlier one's, which fill what it lacks; numbers may be combined instead. */
export function createMerge(profile: Profile, limits = defaultLimits): Dedupe {
  const places = new IdMap();
  const held = new Map<string, CanonicalRecord>();
  const merge = merger(profile);
  let weight = 0;
  return {
    choose(candidate) {
      const earlier = held.get(candidate.recordId);
      return earlier === undefined ? candidate : merge(earlier, candidate);
    },
    keep(chosen, place) {
      const earlier = held.get(chosen.recordId);
      weight += weightOf(chosen) - (earlier === undefined ? 0 : weightOf(earlier));
      held.set(chosen.recordId, chosen);
      if (held.size > limits.records || weight > limits.weight) throw tooMuch(limits);
      return places.put(chosen.recordId, place);
    },
  };
}

function merger(profile: Profile): (earlier: CanonicalRecord, later: CanonicalRecord) => CanonicalRecord | Failure[] {
  const ways = Object.entries(profile.dedupe?.combine ?? {});
  const exactNames = namesOfExactNumbers(profile);
  return (earlier, later) => {
    const both = merged(earlier, later);
    const failures: Failure[] = [];
    for (const [name, way] of ways) {
      const [a, b] = [amountOf(earlier, name), amountOf(later, name)];
      if (a === undefined || b === undefined) continue;
      const result = combined(way, a, b);
      if (Number.isFinite(result.number)) setAmount(both, name, result, exactNames.has(name));
      else failures.push(tooLarge(name, b.number));
    }
    return failures.length === 0 ? both : failures;
  };
}

function merged(earlier: CanonicalRecord, later: CanonicalRecord): CanonicalRecord {
  const exact = { ...later.exact };
  for (const [name, digits] of Object.entries(earlier.exact ?? {}))
    if (amountOf(later, name) === undefined) exact[name] = digits;
  return {
    ...later,
    tsMs: later.tsMs ?? earlier.tsMs,
    dimensions: { ...earlier.dimensions, ...later.dimensions },
    measures: { ...earlier.measures, ...later.measures },
    exact: Object.keys(exact).length === 0 ? undefined : exact,
  };
}

function amountOf(record: CanonicalRecord, name: string): Amount | undefined {
  const number = name === 'value' && record.kind === 'metric' ? record.value : record.measures[name];
  return number === undefined ? undefined : { number, digits: record.exact?.[name] ?? plainDecimal(String(number)) };
}

function setAmount(record: CanonicalRecord, name: string, { number, digits }: Amount, exact: boolean): void {
  if (name === 'value' && record.kind === 'metric') record.value = number;
  else record.measures[name] = number;
  const { [name]: _, ...others } = record.exact ?? {};
  if (exact && digits !== undefined && !survivesDouble(digits, number)) others[name] = digits;
  record.exact = Object.keys(others).length === 0 ? undefined : others;
}

function combined(way: Way, a: Amount, b: Amount): Amount {
  switch (way) {
    case 'sum':
      return sum(a, b);
    case 'min':
      return compare(a, b) <= 0 ? a : b;
    case 'max':
      return compare(a, b) >= 0 ? a : b;
    case 'first':
      return a;
    case 'last':
      return b;
  }
}

/** In decimal, so that 0.1 and 0.2 are 0.3. */
function sum(a: Amount, b: Amount): Amount {
  const digits = a.digits === undefined || b.digits === undefined ? undefined : addDecimals(a.digits, b.digits);
  return { number: digits === undefined ? a.number + b.number : Number(digits), digits };
}

function compare(a: Amount, b: Amount): number {
  if (a.number !== b.number || a.digits === undefined || b.digits === undefined) return a.number - b.number;
  return compareDecimals(a.digits, b.digits);
}

function namesOfExactNumbers({ records }: Profile): Set<string> {
  const fields = records.flatMap((rule) => [...Object.entries(rule.measures ?? {}), ['value', rule.value] as const]);
  const isExact = (field: (typeof fields)[number][1]): boolean =>
    typeof field === 'object' && (field.cast === 'int64' || field.cast === 'decimal');
  return new Set(fields.filter(([, field]) => isExact(field)).map(([name]) => name));
}

function tooLarge(name: string, value: number): Failure {
  const message = 'The sum with the candidates before is larger than a number can be.';
  return { reason: 'value_out_of_range', rule: `dedupe.combine.${name}`, pointer: '', message, masked: mask(value) };
}

function weightOf({ name, dimensions, measures, exact }: CanonicalRecord): number {
  let weight = 256 + name.length;
  for (const key in dimensions) weight += key.length + dimensions[key]!.length;
  for (const key in measures) weight += key.length + 32;
  for (const key in exact) weight += exact[key]!.length;
  return weight;
}

function tooMuch({ records, weight }: MergeLimits): ChartlyError {
  return new ChartlyError(
    'profile_limit_exceeded',
    `dedupe keeps every record of a payload at hand to merge into, and this payload has more than ${records} of them or ${weight} characters.`,
    {
      action:
        'Have the upstream send smaller payloads (pages), or use keep: last or greatest, which have no such bound.',
    },
  );
}
