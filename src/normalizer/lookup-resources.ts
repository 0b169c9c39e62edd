/** The tables that a payload's mapping looks values up in: gathered beforehand as plain data, so that mapping may run in another thread. */
import type { Profile } from '#contracts';
import { ChartlyError, sha256Hex } from '#kit';
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import type { BatchFrame } from './contract-check.ts';
import { entityLines, maxTableBytes, readsEntities } from './lookup-entities.ts';
import { lookupUses } from './lookup-uses.ts';

/** The content of a table. The bytes are shared between threads, and never written again. */
export interface LookupData {
  sha256: string;
  bytes: Uint8Array;
}

/** By name of the profile's lookups. */
export type Lookups = Readonly<Record<string, LookupData>>;

export interface LookupDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
}

/** The bucket of reference files, and of entities as they were looked up. */
export const referenceBucket = 'references';

/** Entities as they are now, by table: read once for all payloads of a task. */
type Live = Map<string, LookupData>;

/**
 * How entities are read: `now`; as they were when the payload was mapped before under this very version, if it was, else now (`pinned`);
 * or so, and what is read now is kept for repeats before anything is written (`pin`): a repeated batch must be the same batch.
 */
export type Reading = 'now' | 'pinned' | 'pin';

/**
 * Gathers the tables; undefined when the profile looks nothing up.
 * Errors: `profile_invalid` when the content of a reference file is not stored; `profile_limit_exceeded`; what the stores throw.
 */
export type LoadLookups = (frame: BatchFrame, reading: Reading) => Promise<Lookups | undefined>;

/** A loader for the payloads of one task. */
export function createLookupLoader(deps: LookupDeps, profile: Profile): LoadLookups {
  if (profile.lookups === undefined) return async () => undefined;
  const live: Live = new Map();
  return async (frame, reading) => {
    const files = await referenceTables(deps.blobs, profile);
    return readsEntities(profile) ? { ...files, ...(await entities(deps, profile, frame, reading, live)) } : files;
  };
}

/** The reference files of a profile. Errors: `profile_invalid` when one is not stored. */
export async function referenceTables(blobs: BlobStore, profile: Profile): Promise<Record<string, LookupData>> {
  const files: Record<string, LookupData> = {};
  for (const [name, { file, sha256 }] of Object.entries(profile.lookups!)) {
    if (file === undefined) continue;
    if (sha256 === undefined || (await blobs.stat(referenceBucket, sha256)) === undefined) throw notStored(name, file);
    files[name] = await stored(blobs, sha256);
  }
  return files;
}

function notStored(name: string, file: string): ChartlyError {
  const message = `the content of ${file} is not stored; apply or preview the profile with the chartly command, which sends it, or post it to /v1/references and name its sha256 here`;
  return new ChartlyError('profile_invalid', `A table to look up in cannot be used: ${message}.`, {
    details: [{ pointer: `/lookups/${name}/file`, message }],
  });
}

/** What was read last: payloads of one source mostly need the same. */
const recent = new Map<string, LookupData>();
const keptBytes = 32 << 20;

async function stored(blobs: BlobStore, sha256: string): Promise<LookupData> {
  const known = recent.get(sha256);
  if (known !== undefined) return known;
  const content = await blobs.readAll(referenceBucket, sha256);
  if (sha256Hex(content) !== sha256)
    throw new ChartlyError('blob_corrupt', `The stored bytes of table ${sha256} do not match their digest.`);
  return remember(sharedData(sha256, content));
}

function remember(data: LookupData): LookupData {
  recent.set(data.sha256, data);
  let sum = [...recent.values()].reduce((total, { bytes }) => total + bytes.length, 0);
  for (const [old, { bytes }] of recent) {
    if (sum <= keptBytes || old === data.sha256) break;
    recent.delete(old);
    sum -= bytes.length;
  }
  return data;
}

/** Bytes that every thread can read without a copy. */
export function sharedData(sha256: string, content: Uint8Array): LookupData {
  const bytes = new Uint8Array(new SharedArrayBuffer(content.length));
  bytes.set(content);
  return { sha256, bytes };
}

async function entities(
  deps: LookupDeps,
  profile: Profile,
  frame: BatchFrame,
  reading: Reading,
  live: Live,
): Promise<Record<string, LookupData>> {
  const pinned = reading === 'now' ? new Map<string, string>() : await pinnedTables(deps.relational, frame);
  const tables: Record<string, LookupData> = {};
  for (const [name, setting] of Object.entries(profile.lookups!)) {
    if (setting.entities === undefined) continue;
    const before = pinned.get(name);
    if (before !== undefined) {
      tables[name] = await stored(deps.blobs, before);
      continue;
    }
    let now = live.get(name);
    if (now === undefined) {
      const bytes = await entityLines(deps.canonical, frame.tenantId, setting, lookupUses(profile).get(name)!);
      live.set(name, (now = sharedData(sha256Hex(bytes), bytes)));
    }
    tables[name] = now;
  }
  return reading === 'pin' ? pinTables(deps, frame, tables) : tables;
}

function placeOf({ tenantId, sourceId, rawSha256, profileDigest, revision }: BatchFrame): string[] {
  return [tenantId, sourceId, rawSha256, profileDigest, String(revision)];
}

async function pinnedTables(relational: Relational, frame: BatchFrame): Promise<Map<string, string>> {
  const rows = await relational.query<{ lookup: string; sha256: string }>(
    `select lookup, sha256 from lookup_snapshot
     where tenant_id = $1 and source_id = $2 and raw_sha256 = $3 and profile_digest = $4 and revision = $5::bigint and expired_at is null`,
    placeOf(frame),
  );
  return new Map(rows.map(({ lookup, sha256 }) => [lookup, sha256]));
}

/** Keeps what is about to be used, before any of it is: of two that try at once the first wins, and both use its tables. */
async function pinTables(
  deps: LookupDeps,
  frame: BatchFrame,
  tables: Record<string, LookupData>,
): Promise<Record<string, LookupData>> {
  for (const [name, { sha256, bytes }] of Object.entries(tables)) {
    // Also when it is there: whoever removes what nobody needs leaves alone what was put lately.
    await deps.blobs.put(referenceBucket, Buffer.from(bytes));
    await deps.relational.execute(
      `insert into lookup_snapshot (tenant_id, source_id, raw_sha256, profile_digest, revision, lookup, sha256)
       values ($1, $2, $3, $4, $5::bigint, $6, $7)
       on conflict (tenant_id, source_id, raw_sha256, profile_digest, revision, lookup) do update
         set sha256 = excluded.sha256, expired_at = null, removed_at = null where lookup_snapshot.expired_at is not null`,
      [...placeOf(frame), name, sha256],
    );
  }
  const pinned = await pinnedTables(deps.relational, frame);
  const result: Record<string, LookupData> = {};
  for (const [name, data] of Object.entries(tables)) {
    const sha256 = pinned.get(name) ?? data.sha256;
    result[name] = sha256 === data.sha256 ? data : await stored(deps.blobs, sha256);
  }
  return result;
}

/** Stores the content of a reference file. Errors: `validation_failed` when it is too large; what the store throws. */
export async function storeReference(blobs: BlobStore, content: Uint8Array): Promise<{ sha256: string; size: number }> {
  if (content.length > maxTableBytes) {
    throw new ChartlyError('validation_failed', `A reference file has at most ${maxTableBytes >> 20} MiB.`);
  }
  const { sha256, size } = await blobs.put(referenceBucket, content);
  return { sha256, size };
}
