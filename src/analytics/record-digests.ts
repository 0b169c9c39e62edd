import { createHash, type Hash } from 'node:crypto';
import type { Manifest, Query } from '#contracts';
import type { CanonicalStore } from '#storage';
import { compileRecordScope } from './compile-query.ts';

type Source = Manifest['inputs'][number]['sources'][number];

/** Records that the engine sorts and hashes at once (some 200 MB of its memory), and that a page holds (16 MB of ours). */
const limits = { whole: 1_000_000, page: 250_000 };

/**
 * The records that a query reads, by source: how many, under which profiles, and SHA-256 over their sorted hashes. Up to a million
 * records that is one pass inside the engine; more are read in pages by the first byte of their hashes (at most 256
 * passes over the query's range), and hashed here.
 */
export async function recordDigests(
  canonical: CanonicalStore,
  tenantId: string,
  query: Query,
  { whole, page } = limits,
): Promise<Source[]> {
  const { where, params } = compileRecordScope(tenantId, query);
  const from = `FROM records FINAL WHERE ${where}`;
  const totals = await canonical.read({
    text: `SELECT toString(source_id) AS s, count(), arrayStringConcat(arraySort(groupUniqArray(concat(profile_id, '@', profile_version))), '\\n') ${from} GROUP BY s ORDER BY s`,
    params: params.values,
  });
  const sources = totals.rows.map((row) => ({
    source_id: String(row[0]),
    records: Number(row[1]),
    profiles: String(row[2]).split('\n'),
  }));
  const count = sources.reduce((sum, source) => sum + source.records, 0);
  if (count === 0) return [];
  const digests =
    count <= whole
      ? await inEngine(canonical, from, params.values)
      : await inPages(canonical, from, params.values, count / page);
  return sources.map((source) => ({ ...source, records_digest: digests.get(source.source_id) ?? '' }));
}

type Values = ReturnType<typeof compileRecordScope>['params']['values'];
// As hexadecimal text: the engine drops zero bytes at the end of a FixedString when it joins them.
const sortedHashes = 'arrayStringConcat(arrayMap(h -> hex(h), arraySort(groupArray(record_hash))))';

async function inEngine(canonical: CanonicalStore, from: string, params: Values): Promise<Map<string, string>> {
  const { rows } = await canonical.read({
    text: `SELECT toString(source_id) AS s, lower(hex(SHA256(unhex(${sortedHashes})))) ${from} GROUP BY s`,
    params,
  });
  return new Map(rows.map((row) => [String(row[0]), String(row[1])]));
}

async function inPages(
  canonical: CanonicalStore,
  from: string,
  params: Values,
  wanted: number,
): Promise<Map<string, string>> {
  const hashes = new Map<string, Hash>();
  const step = Math.max(1, Math.floor(256 / wanted));
  for (let low = 0; low < 256; low += step) {
    const first = 'reinterpretAsUInt8(substring(record_hash, 1, 1))';
    const { rows } = await canonical.read({
      text: `SELECT toString(source_id) AS s, ${sortedHashes} ${from} AND ${first} >= ${low} AND ${first} < ${low + step} GROUP BY s`,
      params,
    });
    for (const [source, hex] of rows) {
      const hash = hashes.get(String(source)) ?? createHash('sha256');
      hashes.set(String(source), hash.update(String(hex), 'hex'));
    }
  }
  return new Map(Array.from(hashes, ([source, hash]) => [source, hash.digest('hex')]));
}
