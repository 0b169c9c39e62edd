// Every live record against its own hash, its batch's sealed list, and its batch's id; and that no record has gone.
import type { StoredRecord } from '#storage';
import { isOrigin, toBatchFact, type BatchFact, type BatchOrigin, type Retirement } from './batch-fact.ts';
import { toLedgerEntry, type LeafRow } from './leaf.ts';
import { recordHash } from './record-hash.ts';
import { digestBytes, readLeaves } from './verify-batches.ts';
import type { VerifyContext } from './verify.ts';

/** Leaf lists kept at a time: the scan is grouped by batch, so few are in use at once. */
const listsKept = 32;
/** A record's revision is profile ordinal · 2^44 + capture time in milliseconds. */
const capturePart = (1n << 44n) - 1n;

/** `dataVersion` is from before the ledger was read. Returns how many records were met. */
export async function verifyRecords(
  context: VerifyContext,
  { batches, retirements }: { batches: Map<string, BatchFact>; retirements: readonly Retirement[] },
  dataVersion: string,
): Promise<number> {
  const { tenantId, canonical, findings, onProgress } = context;
  const judge = createJudge(context, batches);
  let count = 0;
  for await (const page of canonical.scan(tenantId)) {
    for (const record of page) await judge.record(record);
    count += page.length;
    onProgress({ plane: 'canonical', count });
  }
  await checkUnknownBatches(context, judge.unknown);
  await checkDoubles(context);
  // While records are being written, a batch may have given way to one that the ledger did not show yet.
  if ((await canonical.dataVersion(tenantId)) === dataVersion) {
    const unsure = new Set(judge.unknown.values());
    for (const [fact, missing] of gone(batches, retirements)) {
      if (unsure.has(fact.origin!.sourceId)) continue;
      const problem = `${missing} of its ${fact.records + fact.replaced} records are gone, and no newer batch can have replaced them`;
      findings.add('canonical', `batch ${fact.batchId}`, problem);
    }
  }
  return count;
}

interface Judge {
  record(record: StoredRecord): Promise<void>;
  /** Batches that records name and the ledger does not, with their source. */
  unknown: Map<string, string>;
}

function createJudge({ blobs, findings }: VerifyContext, batches: Map<string, BatchFact>): Judge {
  const lists = new Map<string, Buffer | undefined>();
  const unknown = new Map<string, string>();

  async function listOf(fact: BatchFact): Promise<Buffer | undefined> {
    if (lists.has(fact.batchId)) return lists.get(fact.batchId);
    const leaves = await readLeaves(blobs, fact.leavesSha256);
    if (lists.size >= listsKept) lists.delete(lists.keys().next().value!);
    // A list that cannot be read is a finding already, under its own name.
    const list = typeof leaves === 'string' ? undefined : leaves;
    lists.set(fact.batchId, list);
    return list;
  }

  return {
    unknown,
    async record(record) {
      const wrong = (problem: string): void => findings.add('canonical', `record ${record.recordId}`, problem);
      if (hashOf(record) !== record.recordHash) wrong('its columns do not match its hash');
      const fact = batches.get(record.batchId);
      if (fact === undefined) {
        unknown.set(record.batchId, record.sourceId);
        return;
      }
      fact.live++;
      if (!isOf(record, fact)) {
        wrong(`its source, payload, profile or revision is not that of its batch ${record.batchId}`);
      } else if (BigInt(record.capturedAtMs) !== (record.revision & capturePart)) {
        wrong('its capture time is not that of its revision');
      }
      const list = await listOf(fact);
      if (list !== undefined && !holds(list, record.recordHash)) {
        wrong(`its hash is not among those of its batch ${record.batchId}, as sealed in ledger entry ${fact.seq}`);
      }
    },
  };
}

function isOf(record: StoredRecord, fact: BatchFact): boolean {
  return (
    record.rawSha256 === fact.rawSha256 &&
    record.profileDigest === fact.profileDigest &&
    isOrigin(fact, record.tenantId, record)
  );
}

function hashOf(record: StoredRecord): string | undefined {
  // The hash covers value and unit of metrics alone: of the others these columns must be empty.
  if (record.kind !== 'metric' && (record.value !== undefined || record.unit !== '')) return undefined;
  try {
    return recordHash(record);
  } catch {
    return undefined;
  }
}

function holds(sorted: Buffer, hex: string): boolean {
  const wanted = Buffer.from(hex, 'hex');
  if (wanted.length !== digestBytes) return false;
  let low = 0;
  let high = sorted.length / digestBytes - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = middle * digestBytes;
    const order = sorted.compare(wanted, 0, digestBytes, at, at + digestBytes);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** A batch is written before it is recorded: one without an entry is on its way while a run of its source is. */
async function checkUnknownBatches(context: VerifyContext, unknown: Map<string, string>): Promise<void> {
  const { tenantId, relational, findings } = context;
  for (const [batchId, sourceId] of unknown) {
    const [running] = await relational.query(
      `select 1 from run where tenant_id = $1 and source_id = $2 and state in ('queued', 'running') limit 1`,
      [tenantId, sourceId],
    );
    if (running !== undefined) continue;
    const [row] = await relational.query<LeafRow>(
      'select seq, leaf, leaf_hash from ledger_entry where tenant_id = $1 and dedupe_key = $2',
      [tenantId, `batch:${batchId}`],
    );
    const recorded = row !== undefined && toBatchFact(toLedgerEntry(row).entry)?.batchId === batchId;
    if (!recorded)
      findings.add('canonical', `batch ${batchId}`, 'it has live records, but the ledger has no entry of it');
  }
}

/** One record, one live row. */
async function checkDoubles({ tenantId, canonical, findings }: VerifyContext): Promise<void> {
  const { rows } = await canonical.read({
    text: `SELECT lower(hex(record_id)) AS id, count() AS n FROM records FINAL WHERE tenant_id = {tenant:String}
           GROUP BY record_id HAVING n > 1 ORDER BY id LIMIT 1000`,
    params: { tenant: tenantId },
    timeoutMs: 300_000,
  });
  for (const [id, n] of rows) findings.add('canonical', `record ${String(id)}`, `it has ${String(n)} live rows`);
}

type PlacedFact = BatchFact & { origin: BatchOrigin };

/**
 * Batches that lost more records than expired and newer batches of their source hold or held: each record of a newer batch that is live or expired can have
 * replaced one record of an older one, and nothing else retires records but what the ledger calls retired. A later chunk of a payload replaces as many
 * as it says; two payloads of one revision may share records too: there the store lets one win.
 */
function* gone(batches: Map<string, BatchFact>, retirements: readonly Retirement[]): Generator<[BatchFact, number]> {
  const placed = [...batches.values()].filter((fact): fact is PlacedFact => fact.origin !== undefined);
  for (const facts of Map.groupBy(placed, (fact) => fact.origin.sourceId).values()) {
    facts.sort((a, b) => Number(b.origin.revision > a.origin.revision) - Number(b.origin.revision < a.origin.revision));
    let newer = 0;
    for (const peers of Map.groupBy(facts, (fact) => fact.origin.revision).values()) {
      const held = sumHeld(peers);
      for (const ofPayload of Map.groupBy(peers, (fact) => fact.rawSha256).values()) {
        const others = newer + held - sumHeld(ofPayload);
        for (const fact of ofPayload) {
          const missing = fact.records + fact.replaced - heldBy(fact);
          const later = ofPayload.reduce((sum, { chunk, replaced }) => sum + (chunk > fact.chunk ? replaced : 0), 0);
          if (missing > others + later && !isRetired(fact, retirements)) yield [fact, missing];
        }
      }
      newer += held;
    }
  }
}

function isRetired({ origin, rawSha256, profileDigest }: PlacedFact, retirements: readonly Retirement[]): boolean {
  return retirements.some(
    (r) =>
      r.rawSha256 === rawSha256 &&
      r.sourceId === origin.sourceId &&
      r.profileDigest !== profileDigest &&
      r.revision > origin.revision,
  );
}

/** An expired record that was written again is live too. */
function heldBy({ records, replaced, live, expired }: BatchFact): number {
  return Math.min(live + expired, records + replaced);
}

function sumHeld(facts: readonly BatchFact[]): number {
  return facts.reduce((sum, fact) => sum + heldBy(fact), 0);
}
