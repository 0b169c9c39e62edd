import type { AuditEntry } from '#contracts';
import { isoMs, type Clock } from '#kit';
import type { Sql } from '#storage';
import type { LedgerEntry, NewEntry } from './index.ts';
import { noEntry, originOf, seal, toLedgerEntry, type LeafRow } from './leaf.ts';

interface Head {
  size: bigint;
  head: string;
}

/** Appends to the ledgers of all tenants named, in one fixed order of locks so that two appends never wait for each other. */
export async function appendAll(tx: Sql, clock: Clock, entries: readonly NewEntry[]): Promise<LedgerEntry[]> {
  const recorded = new Map<NewEntry, LedgerEntry>();
  const tenants = [...new Set(entries.map((entry) => entry.tenantId))].toSorted();
  for (const tenantId of tenants) {
    const own = entries.filter((entry) => entry.tenantId === tenantId);
    const results = await appendToLedger(tx, clock, tenantId, own);
    own.forEach((entry, n) => recorded.set(entry, results[n]!));
  }
  return entries.map((entry) => recorded.get(entry)!);
}

async function appendToLedger(
  tx: Sql,
  clock: Clock,
  tenantId: string,
  entries: readonly NewEntry[],
): Promise<LedgerEntry[]> {
  // The lock makes one sequencer of all writers: it is held until the transaction ends, so an index is never given twice.
  const head = await lockHead(tx, tenantId);
  const known = await recordedBefore(
    tx,
    tenantId,
    entries.map((entry) => entry.dedupeKey),
  );
  const at = isoMs(clock.now());
  const fresh: FreshLeaf[] = [];
  let { size, head: prev } = head;
  const results = entries.map((entry) => {
    const before = known.get(entry.dedupeKey);
    if (before !== undefined) return before;
    const sealed = toEntry(entry, size, prev, at);
    const { leaf, leafHash } = seal(sealed);
    const recorded: LedgerEntry = { seq: size, leafHash, entry: sealed };
    fresh.push({ seq: size, leaf, leafHash, dedupeKey: entry.dedupeKey, runId: entry.runId ?? '' });
    known.set(entry.dedupeKey, recorded);
    size += 1n;
    prev = leafHash;
    return recorded;
  });
  if (fresh.length > 0) await insert(tx, tenantId, fresh, { size, head: prev });
  return results;
}

async function lockHead(tx: Sql, tenantId: string): Promise<Head> {
  const lock = 'select size, head from ledger_head where tenant_id = $1 for update';
  let [row] = await tx.query<{ size: string; head: string }>(lock, [tenantId]);
  if (row === undefined) {
    await tx.execute('insert into ledger_head (tenant_id, size, head) values ($1, 0, $2) on conflict do nothing', [
      tenantId,
      noEntry,
    ]);
    [row] = await tx.query<{ size: string; head: string }>(lock, [tenantId]);
  }
  return { size: BigInt(row!.size), head: row!.head };
}

async function recordedBefore(tx: Sql, tenantId: string, keys: string[]): Promise<Map<string, LedgerEntry>> {
  const rows = await tx.query<LeafRow & { dedupe_key: string }>(
    'select seq, leaf, leaf_hash, dedupe_key from ledger_entry where tenant_id = $1 and dedupe_key = any($2::text[])',
    [tenantId, keys],
  );
  return new Map(rows.map((row) => [row.dedupe_key, toLedgerEntry(row)]));
}

function toEntry(entry: NewEntry, seq: bigint, prev: string, at: string): AuditEntry {
  const { tenantId, actor, action, resource, outcome, runId, details } = entry;
  const base = { t: 'chartly/v1/entry' as const, origin: originOf(tenantId), seq: String(seq), prev, at };
  return { ...base, actor, action, resource, outcome, ...(runId === undefined ? {} : { run_id: runId }), details };
}

interface FreshLeaf {
  seq: bigint;
  leaf: string;
  leafHash: string;
  dedupeKey: string;
  runId: string;
}

async function insert(tx: Sql, tenantId: string, leaves: readonly FreshLeaf[], head: Head): Promise<void> {
  await tx.execute(
    `with added as (
       insert into ledger_entry (tenant_id, seq, leaf, leaf_hash, dedupe_key, run_id)
       select $1, n::bigint, leaf, leaf_hash, dedupe_key, nullif(run_id, '')::uuid
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as t (n, leaf, leaf_hash, dedupe_key, run_id)
     )
     update ledger_head set size = $7::bigint, head = $8 where tenant_id = $1`,
    [
      tenantId,
      leaves.map((leaf) => String(leaf.seq)),
      leaves.map((leaf) => leaf.leaf),
      leaves.map((leaf) => leaf.leafHash),
      leaves.map((leaf) => leaf.dedupeKey),
      leaves.map((leaf) => leaf.runId),
      String(head.size),
      head.head,
    ],
  );
}
