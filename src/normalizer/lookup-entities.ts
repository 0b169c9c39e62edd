/** Entities to look up in, as plain lines: what was read of the canonical plane at one time. */
import type { LookupTable, Profile } from '#contracts';
import { ChartlyError } from '#kit';
import type { CanonicalStore } from '#storage';
import { joinKey, keyOf } from './lookup-uses.ts';

/** The versions of one key, by time; one without a time stands before all others. */
export interface TimedEntries {
  times: number[];
  values: (readonly unknown[])[];
}

/** An entity for fixtures, where there is no store. */
export interface GivenEntity {
  ts?: string | undefined;
  dimensions?: Record<string, string> | undefined;
  measures?: Record<string, number> | undefined;
}

export const maxEntities = 250_000;
export const maxTableBytes = 16 << 20;

/** Key parts, time in milliseconds, and the values of the fields that rules use. */
type Line = [string[], number | null, (string | number | null)[]];

/**
 * Reads the live entities of a table, ordered so that the same entities give the same bytes.
 * Errors: `profile_limit_exceeded`; what the store throws.
 */
export async function entityLines(
  canonical: CanonicalStore,
  tenantId: string,
  setting: LookupTable,
  fields: readonly string[],
): Promise<Buffer> {
  const { source, name } = setting.entities!;
  const params: Record<string, string | number> = { tenant: tenantId, name, limit: maxEntities + 1 };
  if (source !== undefined) params.source = source;
  const named = (prefix: string, names: readonly string[]): string[] =>
    names.map((one, i) => {
      params[`${prefix}${i}`] = one;
      return `{${prefix}${i}:String}`;
    });
  const keys = named('k', keyOf(setting));
  const wanted = named('f', fields);
  const { rows } = await canonical.read({
    text: `SELECT toUnixTimestamp64Milli(ts) AS at, ${keys.map((key) => `dimensions[${key}]`).join(', ')}
      ${wanted.map((f) => `, multiIf(mapContains(dimensions, ${f}), dimensions[${f}], mapContains(exact, ${f}), exact[${f}], NULL), if(mapContains(measures, ${f}), measures[${f}], NULL)`).join('')}
      FROM records FINAL
      WHERE tenant_id = {tenant:String} AND kind = 'entity' AND name = {name:String}
        ${source === undefined ? '' : 'AND source_id = {source:String}'}
        ${keys.map((key) => `AND mapContains(dimensions, ${key})`).join(' ')}
      ORDER BY ts, record_id LIMIT {limit:UInt32}`,
    params,
  });
  if (rows.length > maxEntities) throw tooLarge(name, `${maxEntities} entities`);
  return encode(
    name,
    rows.map((row) => lineOf(row, keys.length, fields.length)),
  );
}

function lineOf(row: readonly (string | number | null)[], keys: number, fields: number): Line {
  const at = Number(row[0]);
  const values: Line[2] = [];
  for (let i = 0; i < fields; i++) values.push(row[1 + keys + 2 * i] ?? row[2 + keys + 2 * i] ?? null);
  // A timeless entity is stored at the epoch.
  return [row.slice(1, 1 + keys).map(String), at === 0 ? null : at, values];
}

/** The same lines of entities that are given. Errors: `profile_limit_exceeded`. */
export function givenLines(setting: LookupTable, fields: readonly string[], entities: readonly GivenEntity[]): Buffer {
  const keys = keyOf(setting);
  const lines = entities
    .filter(({ dimensions = {} }) => keys.every((key) => dimensions[key] !== undefined))
    .map(({ ts, dimensions = {}, measures = {} }): Line => {
      const at = ts === undefined ? null : Date.parse(ts);
      return [
        keys.map((key) => dimensions[key]!),
        at === 0 ? null : at,
        fields.map((field) => dimensions[field] ?? measures[field] ?? null),
      ];
    })
    .sort((a, b) => timeOf(a) - timeOf(b));
  return encode(setting.entities!.name, lines);
}

function encode(name: string, lines: readonly Line[]): Buffer {
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (bytes.length > maxTableBytes) throw tooLarge(name, `${maxTableBytes >> 20} MiB`);
  return bytes;
}

function tooLarge(name: string, bound: string): ChartlyError {
  return new ChartlyError(
    'profile_limit_exceeded',
    `The entities ${name} are more than can be looked up in: at most ${bound}.`,
    {
      action:
        'Name their source, or have another profile give those that are needed a name of their own; or put them into a reference file.',
    },
  );
}

/** The table of such lines. */
export function readEntities(bytes: Buffer): Map<string, TimedEntries> {
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Line);
  const entries = new Map<string, TimedEntries>();
  for (const [keys, at, values] of lines.sort((a, b) => timeOf(a) - timeOf(b))) {
    const key = joinKey(keys);
    let versions = entries.get(key);
    if (versions === undefined) entries.set(key, (versions = { times: [], values: [] }));
    versions.times.push(at ?? -Infinity);
    versions.values.push(values);
  }
  return entries;
}

/** Without a time before all others. Two that have none are equal: their difference must be no NaN. */
function timeOf([, at]: Line): number {
  return at ?? -Number.MAX_VALUE;
}

/** True when a table of the profile is read from the canonical plane. */
export function readsEntities({ lookups }: Pick<Profile, 'lookups'>): boolean {
  return Object.values(lookups ?? {}).some(({ entities }) => entities !== undefined);
}
