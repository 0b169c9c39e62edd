/** Removes the records of a source that lie before a moment, for good. */
import type { ForkEngine } from './fork.ts';
import type { ExpiredBatch, ExpiryScope } from './port.ts';

/** Live records of one pass: what it holds of them is their hashes, 64 bytes each. */
const recordsPerPass = 200_000;

// A timeless entity stands at the epoch: it has no time that could be before anything. A row at one place (kind, name, ts, id) hides the older
// ones there; all have the same time, so they go together, and nothing that a removed row hid comes to light.
const before = `tenant_id = {tenant:String} AND source_id = {source:String} AND ts < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
  AND NOT (kind = 'entity' AND ts = fromUnixTimestamp64Milli(0, 'UTC'))`;

type Params = Record<string, string>;

function paramsOf({ tenantId, sourceId, beforeMs }: ExpiryScope): Params {
  return { tenant: tenantId, source: sourceId, before: String(beforeMs) };
}

export async function countBefore(engine: ForkEngine, scope: ExpiryScope): Promise<number> {
  const [[count] = [0]] = await engine.rows(`SELECT count() FROM records FINAL WHERE ${before}`, paramsOf(scope));
  return Number(count);
}

/**
 * One pass: the oldest records, at least as many as a pass takes, so that a pass ends at a moment. Returns how many live ones went, and
 * whether there may be more.
 */
export async function expirePass(
  engine: ForkEngine,
  scope: ExpiryScope,
  announce: (batch: ExpiredBatch) => Promise<void>,
): Promise<{ removed: number; more: boolean }> {
  const [there] = await engine.rows(`SELECT 1 FROM records WHERE ${before} LIMIT 1`, paramsOf(scope));
  if (there === undefined) return { removed: 0, more: false };
  const [[count, last] = [0, 0]] = await engine.rows(
    `SELECT count(), toUnixTimestamp64Milli(max(ts)) FROM
       (SELECT ts FROM records FINAL WHERE ${before} ORDER BY ts LIMIT ${recordsPerPass})`,
    paramsOf(scope),
  );
  const more = Number(count) === recordsPerPass;
  // The last pass takes everything that is left: also what is not live any more.
  const params = paramsOf(more ? { ...scope, beforeMs: Math.min(scope.beforeMs, Number(last) + 1) } : scope);
  const batches = await engine.rows(
    `SELECT lower(hex(batch_id)) AS id, hex(arrayStringConcat(arraySort(groupArray(record_hash)))) FROM records FINAL WHERE ${before} GROUP BY batch_id ORDER BY id`,
    params,
  );
  let removed = 0;
  for (const [batchId, hex] of batches as [string, string][]) {
    const hashes = Buffer.from(hex, 'hex');
    removed += hashes.length / 32;
    await announce({ batchId, hashes });
  }
  await engine.command(`DELETE FROM records WHERE ${before}`, params);
  return { removed, more };
}

/** Removed rows are only masked at first: this has the engine write the parts anew without them, in its own time. */
export async function forgetRemoved(engine: ForkEngine): Promise<void> {
  await engine.command('ALTER TABLE records APPLY DELETED MASK SETTINGS mutations_sync = 0', {});
}
