// The chain from entry 0 to the head, and that what entries and rows say of each other agrees.
import { validator, type AuditEntry } from '#contracts';
import { canonicalJson } from '#kit';
import {
  tablesOf,
  toBatchFact,
  toExpiry,
  toRetirement,
  type BatchFact,
  type Expiry,
  type Retirement,
} from './batch-fact.ts';
import { hashOfLeaf, noEntry, originOf, type LeafRow } from './leaf.ts';
import type { VerifyContext } from './verify.ts';
import { checkCaptures } from './verify-raw.ts';

const pageSize = 1000;

export interface LedgerVerified {
  /** Entries read. */
  entries: number;
  size: bigint;
  head: string;
  /** By batch id, as the entries say. */
  batches: Map<string, BatchFact>;
  /** Digests of the tables that batches were mapped with, and of the payloads of those batches. */
  tables: Map<string, Set<string>>;
  retirements: Retirement[];
  expiries: Expiry[];
}

interface StoredLeaf extends LeafRow {
  run_id: string | null;
}

export async function verifyLedger(context: VerifyContext): Promise<LedgerVerified> {
  const { tenantId, relational, findings, onProgress } = context;
  const { size, head, beyond } = await snapshot(context);
  const batches = new Map<string, BatchFact>();
  const tables = new Map<string, Set<string>>();
  const retirements: Retirement[] = [];
  const expiries: Expiry[] = [];
  const chain = createChain(context);
  let entries = 0;
  let after = -1n;
  for (;;) {
    const rows = await relational.query<StoredLeaf>(
      `select seq, leaf, leaf_hash, run_id from ledger_entry
       where tenant_id = $1 and seq > $2::bigint and seq < $3::bigint order by seq limit ${pageSize}`,
      [tenantId, String(after), String(size)],
    );
    if (rows.length === 0) break;
    const read = rows.map((row) => chain.next(row)).filter((entry) => entry !== undefined);
    for (const entry of read) {
      const fact = toBatchFact(entry);
      if (fact !== undefined) {
        batches.set(fact.batchId, fact);
        for (const digest of tablesOf(entry)) tables.set(digest, (tables.get(digest) ?? new Set()).add(fact.rawSha256));
      }
      const retirement = toRetirement(entry);
      if (retirement !== undefined) retirements.push(retirement);
      const expiry = toExpiry(entry);
      if (expiry !== undefined) expiries.push(expiry);
    }
    await checkCaptures(context, read);
    after = BigInt(rows.at(-1)!.seq);
    entries += rows.length;
    onProgress({ plane: 'ledger', count: entries });
  }
  chain.end(size, head);
  if (beyond > 0)
    findings.add('ledger', 'ledger head', `${beyond} entries stand beyond the size of ${size} that it names`);
  await checkRuns(context);
  return { entries, size, head, batches, tables, retirements, expiries };
}

/** One statement, so that entries appended meanwhile are neither missed nor counted as intruders. */
async function snapshot(context: VerifyContext): Promise<{ size: bigint; head: string; beyond: number }> {
  const [row] = await context.relational.query<{ size: string | null; head: string | null; beyond: string }>(
    `select h.size, h.head,
       (select count(*) from ledger_entry e where e.tenant_id = $1 and e.seq >= coalesce(h.size, 0)) as beyond
     from (select $1::text as tenant_id) t left join ledger_head h on h.tenant_id = t.tenant_id`,
    [context.tenantId],
  );
  return { size: BigInt(row?.size ?? 0), head: row?.head ?? noEntry, beyond: Number(row?.beyond ?? 0) };
}

interface Chain {
  /** Checks the entry that is stored next; the entry when its text can be read. */
  next(row: StoredLeaf): AuditEntry | undefined;
  /** Checks that the chain ends where the head says. */
  end(size: bigint, head: string): void;
}

function createChain({ tenantId, findings }: VerifyContext): Chain {
  const named = (seq: bigint): string => `ledger entry ${seq}`;
  const wrong = (seq: bigint, problem: string): void => findings.add('ledger', named(seq), problem);
  let expected = 0n;
  /** Hash of the entry before; undefined after a gap, when nothing can be compared. */
  let prev: string | undefined = noEntry;

  function missing(from: bigint, to: bigint): void {
    const subject = to - from === 1n ? named(from) : `ledger entries ${from} to ${to - 1n}`;
    findings.add('ledger', subject, to - from === 1n ? 'is missing' : 'are missing');
    prev = undefined;
  }

  return {
    next(row) {
      const seq = BigInt(row.seq);
      if (seq > expected) missing(expected, seq);
      const computed = hashOfLeaf(row.leaf);
      const intact = computed === row.leaf_hash;
      if (!intact) wrong(seq, 'its text does not match its hash');
      const entry = parse(row.leaf);
      if (entry === undefined) wrong(seq, 'its text is not an entry');
      else {
        if (entry.seq !== row.seq) wrong(seq, `its text says that it is entry ${entry.seq}`);
        if (entry.origin !== originOf(tenantId)) wrong(seq, 'its text belongs to another ledger');
        if ((entry.run_id ?? null) !== row.run_id) wrong(seq, 'its row names another run than its text');
        if (intact && prev !== undefined && entry.prev !== prev) {
          if (seq === 0n) wrong(seq, 'it names an entry before it');
          else wrong(seq - 1n, `entry ${seq} was sealed over another text of it`);
        }
      }
      expected = seq + 1n;
      prev = row.leaf_hash;
      return entry;
    },
    end(size, head) {
      if (expected < size) missing(expected, size);
      if (prev !== undefined && prev !== head) {
        const last = size === 0n ? 'an empty ledger' : `the hash of entry ${size - 1n}`;
        findings.add('ledger', 'ledger head', `it is not ${last}`);
      }
    },
  };
}

function parse(leaf: string): AuditEntry | undefined {
  try {
    const value: unknown = JSON.parse(leaf);
    return validator('audit/entry')(value) && canonicalJson(value) === leaf ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A run's end is recorded in the transaction that ends it: one without its entry shows a ledger that was cut. */
async function checkRuns({ tenantId, relational, findings }: VerifyContext): Promise<void> {
  const rows = await relational.query<{ run_id: string; state: string }>(
    `select r.run_id, r.state from run r
     where r.tenant_id = $1 and r.state in ('succeeded', 'failed', 'quarantined', 'cancelled')
       and not exists (select 1 from ledger_entry e where e.tenant_id = r.tenant_id and e.run_id = r.run_id
         and e.dedupe_key like 'run:' || r.run_id || ':' || r.state || '%')
     order by r.run_id limit 1000`,
    [tenantId],
  );
  for (const { run_id, state } of rows) {
    findings.add('ledger', `run ${run_id}`, `it is ${state}, but the ledger has no entry of that`);
  }
}
