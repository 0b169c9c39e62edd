// Fixtures stand beside profiles: profiles/<id>.fixtures/<name>.{json,ndjson,csv,tsv,xml,txt}, maybe with .gz or .zst behind it, or <name>.zip, and <name>.expected.json.
import { createReadStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Counts, type Profile, type ReasonCode, validator } from '#contracts';
import { ChartlyError, isoMs } from '#kit';
import { type GivenEntity, localLookups, preview, type Preview } from '#normalizer';
import { readWorkspace } from './workspace.ts';

/** What a fixture expects; what it leaves out is not looked at. */
interface Expected {
  records?: Record<string, unknown>[];
  quarantined?: { reason_code: ReasonCode; rule?: string; row?: number }[];
  counts?: Partial<Counts>;
}

export interface FixtureResult {
  profile: string;
  /** Path of the payload, relative to the workspace. */
  fixture: string;
  /** `missing`: there is no expected file. */
  outcome: 'passed' | 'failed' | 'written' | 'unchanged' | 'missing';
  differences: string[];
}

const payloadFile = /^(.+?)\.(?:(?:json|ndjson|csv|tsv|txt|xml|parquet|xlsx)(?:\.gz|\.zst)?|zip|gz|zst)$/;

/**
 * Runs the fixtures of every profile of a workspace, without any service. `update` writes what comes out as what is expected.
 * Errors: those of reading a workspace; `profile_invalid`; `validation_failed` for an expected file that is none.
 */
export async function testProfiles(dir: string, update: boolean): Promise<FixtureResult[]> {
  const { documents, references } = await readWorkspace(dir);
  const files = new Map(references.map(({ sha256, content }) => [sha256, content]));
  const results: FixtureResult[] = [];
  for (const { kind, spec, file } of documents) {
    if (kind !== 'profile') continue;
    const profile = checked(spec, file);
    const folder = `profiles/${profile.profile}.fixtures`;
    const lookups = localLookups(profile, files, await entitiesIn(join(dir, folder), profile));
    for (const { name, payload } of await payloadsIn(join(dir, folder))) {
      const result = await runFixture({ profile, lookups }, join(dir, folder), name, payload, update);
      results.push({ profile: profile.profile, fixture: `${folder}/${payload}`, ...result });
    }
  }
  return results;
}

function checked(spec: unknown, file: string): Profile {
  const valid = validator('profiles/profile');
  if (valid(spec)) return spec;
  const details = valid.explain(spec).map(({ pointer, message }) => ({ file, pointer, message }));
  throw new ChartlyError('profile_invalid', `${file} is no profile.`, { details });
}

async function payloadsIn(folder: string): Promise<{ name: string; payload: string }[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return files
    .filter((file) => !file.endsWith('.expected.json'))
    .map((payload) => ({ payload, name: payloadFile.exec(payload)?.[1] ?? '' }))
    .filter(({ name }) => name !== '')
    .toSorted((a, b) => (a.payload < b.payload ? -1 : 1));
}

/** Entities to look up in stand in `lookups/TABLE.ndjson` beside the payloads, one a line. */
async function entitiesIn(folder: string, profile: Profile): Promise<Map<string, GivenEntity[]>> {
  const entities = new Map<string, GivenEntity[]>();
  for (const [name, table] of Object.entries(profile.lookups ?? {})) {
    if (table.entities === undefined) continue;
    const file = join(folder, 'lookups', `${name}.ndjson`);
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    entities.set(
      name,
      text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => entityOf(line, file)),
    );
  }
  return entities;
}

function entityOf(line: string, file: string): GivenEntity {
  try {
    const value = JSON.parse(line) as GivenEntity;
    const isTime = value.ts === undefined || !Number.isNaN(Date.parse(value.ts));
    if (typeof value.dimensions === 'object' && isTime) return value;
  } catch {
    // Told below, as every other line that is none.
  }
  throw new ChartlyError('validation_failed', `${file} holds a line that is no entity.`, {
    action:
      'Write one entity a line, as {"ts": "2026-01-01T00:00:00Z", "dimensions": {"id": "C1", "city": "Bonn"}}; ts may be left out.',
  });
}

type Outcome = Pick<FixtureResult, 'outcome' | 'differences'>;

interface Tested {
  profile: Profile;
  lookups: ReturnType<typeof localLookups>;
}

async function runFixture(
  { profile, lookups }: Tested,
  folder: string,
  name: string,
  payload: string,
  update: boolean,
): Promise<Outcome> {
  const found = actual(await preview(profile, () => createReadStream(join(folder, payload)), { lookups }));
  const path = join(folder, `${name}.expected.json`);
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (update) {
    const text = `${JSON.stringify(found, null, 2)}\n`;
    if (text === before) return { outcome: 'unchanged', differences: [] };
    await writeFile(path, text);
    return { outcome: 'written', differences: [] };
  }
  if (before === undefined) return { outcome: 'missing', differences: [`there is no ${name}.expected.json`] };
  const differences = compare(parseExpected(before, path), found);
  return { outcome: differences.length === 0 ? 'passed' : 'failed', differences };
}

function parseExpected(text: string, path: string): Expected {
  try {
    const value = JSON.parse(text) as unknown;
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new ChartlyError('validation_failed', `${path} is not a JSON object.`, {
    action: 'Correct it, or write it anew with `chartly profile test --update`.',
  });
}

/** A preview as expected files say it: what a profile decides, and nothing that depends on where the payload was read. */
function actual({ records, rejections, counts }: Preview): Required<Expected> {
  return {
    records: records.map(({ kind, name, tsMs, value, unit, dimensions, measures, exact, row }) => ({
      kind,
      name,
      ...(tsMs === undefined ? {} : { ts: isoMs(tsMs) }),
      ...(kind === 'metric' ? { value, unit } : {}),
      dimensions,
      measures,
      ...(exact === undefined ? {} : { exact }),
      row,
    })),
    quarantined: rejections.map(({ reason, rule, row }) => ({ reason_code: reason, rule, row })),
    counts,
  };
}

function compare(expected: Expected, found: Required<Expected>): string[] {
  const differences: string[] = [];
  for (const key of Object.keys(expected)) {
    if (!Object.hasOwn(found, key)) differences.push(`${key}: an expected file says records, quarantined and counts`);
    else diff(expected[key as keyof Expected], found[key as keyof Expected], key, differences);
  }
  return differences;
}

/** Members that the expected side leaves out are not looked at; lists must agree in length and order. */
function diff(expected: unknown, found: unknown, at: string, into: string[]): void {
  if (Array.isArray(expected) && Array.isArray(found)) {
    for (let i = 0; i < Math.max(expected.length, found.length); i++) {
      const place = `${at}[${i}]`;
      if (i >= found.length) into.push(`- ${place}: ${shown(expected[i])}`);
      else if (i >= expected.length) into.push(`+ ${place}: ${shown(found[i])}`);
      else diff(expected[i], found[i], place, into);
    }
  } else if (isObject(expected) && isObject(found)) {
    for (const key of Object.keys(expected)) diff(expected[key], found[key], `${at}.${key}`, into);
  } else if (!Object.is(expected, found)) into.push(`${at}: expected ${shown(expected)}, got ${shown(found)}`);
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
