import { canonicalJson, sha256Hex } from '#kit';
import type { Cache, CanonicalStore, TabularResult } from '#storage';

const keptMs = 600_000;
/** Larger results are not worth their room: they are rare, and cost as much to parse as to read. */
const maxChars = 1 << 20;

/**
 * The canonical store with its reads kept by data version: as long as no record changes, a question that was asked before is
 * answered from the cache. The tenant is one of a question's parameters, and so of its key.
 */
export function cachedReads(canonical: CanonicalStore, cache: Cache, tenantId: string): CanonicalStore {
  return {
    ...canonical,
    async read(query) {
      const version = await canonical.dataVersion(tenantId);
      const key = `read:${version}:${sha256Hex(canonicalJson([query.text, query.params]))}`;
      const known = await cache.get(key);
      if (known !== undefined) return JSON.parse(known) as TabularResult;
      const result = await canonical.read(query);
      const text = JSON.stringify(result);
      // Rows that were written meanwhile may be in the result: it is then not of the version that its key would name.
      if (text.length <= maxChars && (await canonical.dataVersion(tenantId)) === version) {
        await cache.set(key, text, keptMs);
      }
      return result;
    },
  };
}
