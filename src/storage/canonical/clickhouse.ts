import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createClient, type ClickHouseClient, type ClickHouseSettings } from '@clickhouse/client';
import { ChartlyError, newUuid, sha256Hex, shortId } from '#kit';
import type {
  CanonicalFork,
  CanonicalRecord,
  CanonicalStore,
  EncodedBatch,
  ExpiredBatch,
  ExpiryScope,
  EncodedRecords,
  ReadQuery,
  RecordBatch,
  RetireScope,
  StoredRecord,
  TabularResult,
  WriteResult,
} from './port.ts';
import { mapClickHouseError } from './errors.ts';
import { countBefore, expirePass, forgetRemoved } from './expiry.ts';
import { asFork, dropLeftovers, forkName, forkPath, type ForkEngine } from './fork.ts';
import { existingQuery, parseExisting, type ExistingRow } from './existing.ts';
import { decodeBlock } from './native-decode.ts';
import { createRecordEncoder, encodePlan, nativeColumns } from './native.ts';
import { decide, pickCurrent, type Decision } from './reconcile.ts';
import { storedColumns, toStoredRecord } from './rows.ts';
import { createRecordsTable } from './schema.ts';

export interface ClickHouseStoreOptions {
  /** `http://host:port` of a ClickHouse server, or of the embedded engine. */
  url: string;
  username: string;
  password: string;
  /** Created by `migrate` when it is not `default`. */
  database?: string;
  /** Nobody else uses the server: what a process that died left behind can go at once. */
  exclusive?: boolean;
  /** Runs `work` while no other process does so for the same key. For a server that several processes write to. */
  alone?: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /** Of a fork: the databases that it was forked from, up to its own. */
  path?: readonly string[];
}

/** Memory that one reading query may take. */
const readMemoryBytes = 2 * 1024 ** 3;
/** A look-up carries four bytes of every id of a batch. */
const maxQueryBytes = '16000000';
/** The most records that `scan` gives at once: what it holds in memory is of this order. */
const scanRows = 16_384;
/** What sorting a scan may take of the engine's memory before it goes on disk. */
const scanSortBytes = 256 * 1024 ** 2;
const rowsSettings: ClickHouseSettings = { readonly: '1', output_format_json_quote_64bit_integers: 1 };

/** The canonical plane on ClickHouse, served or embedded: nothing here knows which. */
export function createClickHouseStore(options: ClickHouseStoreOptions): CanonicalStore {
  const store = new ClickHouseStore(options);
  const own: CanonicalStore = {
    migrate: () => store.migrate(),
    write: (batch) => store.write(batch),
    get: (tenantId, recordId) => store.get(tenantId, recordId),
    scan: (tenantId, filter) => store.scan(tenantId, filter),
    countBySource: (tenantId) => store.countBySource(tenantId),
    retireOthers: (scope) => store.retireOthers(scope),
    countBefore: (scope) => store.countBefore(scope),
    expireBefore: (scope, announce) => store.expireBefore(scope, announce),
    dataVersion: () => store.dataVersion(),
    read: (query) => store.read(query),
    fork: () => store.fork(own),
    attach: (name) => store.attach(own, name),
    health: () => store.health(),
    close: () => store.close(),
  };
  return own;
}

class ClickHouseStore {
  #client: ClickHouseClient;
  #options: ClickHouseStoreOptions;
  /** The last write of each source: look-up and insert of one must not interleave with another's. */
  #writing = new Map<string, Promise<unknown>>();

  #engine: ForkEngine = {
    rows: (text, params) => this.#rows(text, params),
    command: (query, params) =>
      this.#guard(async () => {
        await this.#client.command({
          query,
          query_params: params,
          clickhouse_settings: { insert_deduplicate: 0, async_insert: 0 },
        });
      }),
  };

  constructor(options: ClickHouseStoreOptions) {
    this.#options = options;
    this.#client = connect(options, options.database);
  }

  async migrate(): Promise<void> {
    const { database } = this.#options;
    await this.#guard(async () => {
      if (database !== undefined && database !== 'default') {
        const client = connect(this.#options, undefined);
        await client.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database.replace(/[\\`]/g, '\\$&')}\`` });
        await client.close();
      }
      await this.#client.command({ query: createRecordsTable() });
    });
    await dropLeftovers(this.#engine, this.#options.exclusive === true && database === undefined, Date.now());
  }

  async fork(origin: CanonicalStore): Promise<CanonicalFork> {
    const [[database] = []] = await this.#rows('SELECT currentDatabase()', {});
    const path = this.#options.path ?? [String(database)];
    const fork = this.#openFork(origin, [...path, forkName(Date.now())]);
    try {
      await fork.migrate();
    } catch (error) {
      await fork.close().catch(() => {});
      throw error;
    }
    return fork;
  }

  attach(origin: CanonicalStore, name: string): CanonicalFork {
    const path = forkPath(name);
    return this.#openFork(path.length > 2 ? this.attach(origin, path.slice(0, -1).join('/')) : origin, path);
  }

  /** Nobody else writes to a fork, nor to what it was forked from while that is a fork. */
  #openFork(origin: CanonicalStore, path: readonly string[]): CanonicalFork {
    const [database, own] = path.slice(-2) as [string, string];
    const { alone: _, ...options } = this.#options;
    const store = createClickHouseStore({ ...options, database: own, exclusive: false, path });
    return asFork(store, this.#engine, { store: origin, database }, path.join('/'));
  }

  write(batch: RecordBatch | EncodedBatch): Promise<WriteResult> {
    return this.#oneByOne(batch, () => this.#writeAlone(encoded(batch)));
  }

  retireOthers(scope: RetireScope): Promise<number> {
    return this.#oneByOne(scope, () => this.#retireAlone(scope));
  }

  countBefore(scope: ExpiryScope): Promise<number> {
    return countBefore(this.#engine, scope);
  }

  async expireBefore(scope: ExpiryScope, announce: (batch: ExpiredBatch) => Promise<void>): Promise<number> {
    let total = 0;
    for (let more = true; more;) {
      const pass = await this.#oneByOne(scope, () => expirePass(this.#engine, scope, announce));
      total += pass.removed;
      more = pass.more;
    }
    if (total > 0) await forgetRemoved(this.#engine);
    return total;
  }

  #oneByOne<T>(source: { tenantId: string; sourceId: string }, work: () => Promise<T>): Promise<T> {
    const key = `${source.tenantId}\n${source.sourceId}`;
    const { alone } = this.#options;
    // Within the process first: whoever waits for another process waits once for all of this one.
    const mine = (this.#writing.get(key) ?? Promise.resolve()).then(() =>
      alone === undefined ? work() : alone(key, work),
    );
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.#writing.set(key, settled);
    void settled.then(() => this.#writing.get(key) === settled && this.#writing.delete(key));
    return mine;
  }

  /**
   * What is retired already is not selected again, so a repeat after a crash half way goes on where it ended. The tombstone comes just after the row that it hides, not
   * at the revision that retires it: what another payload gives under the same key in between must not be hidden by the order in which the two are read.
   */
  async #retireAlone({ tenantId, sourceId, rawSha256, profileDigest, revision }: RetireScope): Promise<number> {
    const params = {
      tenant: tenantId,
      source: sourceId,
      raw: rawSha256,
      digest: profileDigest,
      revision: String(revision),
    };
    const others = `FROM records FINAL WHERE tenant_id = {tenant:String} AND source_id = {source:String}
      AND raw_sha256 = unhex({raw:String}) AND profile_digest != {digest:String} AND revision < {revision:UInt64}`;
    const [[count] = [0]] = await this.#rows(`SELECT count() ${others}`, params);
    if (Number(count) === 0) return 0;
    const columns = nativeColumns.map(([name]) => name);
    const retired = columns.map((name) => (name === 'revision' ? 'revision + 1' : name === 'is_deleted' ? '1' : name));
    await this.#guard(() =>
      this.#client.command({
        query: `INSERT INTO records (${columns.join(', ')}) SELECT ${retired.join(', ')} ${others}`,
        query_params: params,
        clickhouse_settings: { insert_deduplicate: 0, async_insert: 0 },
      }),
    );
    return Number(count);
  }

  async #writeAlone(batch: EncodedBatch): Promise<WriteResult> {
    const { count, ids, block, first } = batch.records;
    if (first === undefined) return { inserted: 0, replaced: 0, moved: 0, stale: 0 };
    const existing = await this.#existing(batch, ids, false);
    if (existing.length === 0) {
      await this.#insertOnce(batch, block, batch.batchId, first);
      return { inserted: count, replaced: 0, moved: 0, stale: 0 };
    }
    // Some records are there already: now each one matters, and so they are taken out of the block.
    const records = decodeBlock(block);
    const decision = decide(batch, records, await this.#live(batch, existing));
    const { rows, tombstones, result } = decision;
    if (rows?.length === 0) return result;
    const asIs = rows === undefined && tombstones.length === 0;
    await this.#insertOnce(
      batch,
      asIs ? block : encodePlan(batch, { records, rows, tombstones }),
      asIs ? batch.batchId : `${batch.batchId}:${contentKey(decision)}`,
      placeOf(records[rows?.[0] ?? 0]!),
    );
    return result;
  }

  /**
   * The token catches a repeat of an insert that is still on its way. It must not swallow one whose rows were lost or
   * removed since: a block is one part, so one row tells.
   */
  async #insertOnce(batch: EncodedBatch, block: Uint8Array, token: string, first: Place): Promise<void> {
    await this.#insert(block, token);
    if (!(await this.#isStored(batch, first))) await this.#insert(block, `${token}:${newUuid()}`);
  }

  async #isStored(batch: EncodedBatch, { kind, name, tsMs, recordId }: Place): Promise<boolean> {
    const rows = await this.#rows(
      `SELECT 1 FROM records WHERE tenant_id = {tenant:String} AND kind = {kind:String} AND name = {name:String}
         AND ts = fromUnixTimestamp64Milli({ts:Int64}, 'UTC') AND record_id = unhex({id:String})
         AND revision >= {revision:UInt64} LIMIT 1`,
      {
        tenant: batch.tenantId,
        kind,
        name,
        ts: String(tsMs),
        id: recordId,
        revision: String(batch.revision),
      },
    );
    return rows.length > 0;
  }

  /** The live row of each record that has one. */
  async #live(batch: EncodedBatch, existing: ExistingRow[]): Promise<Map<string, ExistingRow>> {
    const { live, contested } = pickCurrent(existing, batch);
    if (contested.length > 0) {
      const ids = Buffer.from(contested.join(''), 'hex');
      const again = pickCurrent(await this.#existing(batch, ids, true), batch);
      for (const [id, row] of again.live) live.set(id, row);
    }
    return live;
  }

  async #existing(batch: EncodedBatch, ids: Uint8Array, withPrecedence: boolean): Promise<ExistingRow[]> {
    const bytes = await this.#guard(async () => {
      const { stream } = await this.#client.exec({
        query: existingQuery(ids, withPrecedence),
        query_params: { tenant: batch.tenantId, source: batch.sourceId, batch: batch.batchId },
        clickhouse_settings: { max_query_size: maxQueryBytes },
      });
      return buffer(stream);
    });
    return parseExisting(bytes, ids);
  }

  async #insert(block: Uint8Array, token: string): Promise<void> {
    const settings: ClickHouseSettings = {
      insert_deduplication_token: token,
      // No two rows of a block have the same key: collapsing them on insert would only cost, most of the insert's time.
      optimize_on_insert: 0,
      async_insert: 0,
    };
    await this.#guard(async () => {
      const { stream } = await this.#client.exec({
        query: `INSERT INTO records (${nativeColumns.map(([name]) => name).join(', ')}) FORMAT Native`,
        values: onceReadable(block),
        clickhouse_settings: settings,
      });
      await buffer(stream);
    });
  }

  async get(tenantId: string, recordId: string): Promise<StoredRecord | undefined> {
    if (!/^[0-9a-f]{32}$/.test(recordId)) return undefined;
    // Not FINAL, which would merge the tenant's whole table: the newest version, as the writer orders them. A record that moved has its new row and the tombstone
    // of its old place at one revision; of one that was retired the tombstone comes after every row.
    const rows = await this.#rows(
      `SELECT ${storedColumns}, is_deleted FROM records
       PREWHERE tenant_id = {tenant:String} AND record_prefix = reinterpretAsUInt32(unhex(substring({id:String}, 1, 8)))
       WHERE record_id = unhex({id:String})
       ORDER BY revision DESC, is_deleted, raw_sha256 DESC, byte_start DESC, row DESC, record_hash DESC LIMIT 1`,
      { tenant: tenantId, id: recordId },
    );
    return rows[0] === undefined || rows[0].at(-1) === 1 ? undefined : toStoredRecord(rows[0]);
  }

  async *scan(
    tenantId: string,
    filter: { sourceId?: string; batchId?: string } = {},
  ): AsyncGenerator<StoredRecord[], void, undefined> {
    const params: Record<string, string> = { tenant: tenantId };
    let where = 'tenant_id = {tenant:String}';
    if (filter.sourceId !== undefined) {
      where += ' AND source_id = {source:String}';
      params['source'] = filter.sourceId;
    }
    if (filter.batchId !== undefined) {
      where += ' AND batch_id = unhex({batch:String})';
      params['batch'] = filter.batchId;
    }
    const order = filter.batchId === undefined ? 'ORDER BY batch_id' : '';
    const text = `SELECT ${storedColumns} FROM records FINAL WHERE ${where} ${order}`;
    try {
      const answer = await this.#client.query({
        query: text,
        query_params: params,
        format: 'JSONCompactEachRow',
        clickhouse_settings: { ...rowsSettings, max_bytes_before_external_sort: String(scanSortBytes) },
      });
      yield* byBatch(answer.stream());
    } catch (error) {
      throw mapClickHouseError(error, false);
    }
  }

  async countBySource(tenantId: string): Promise<Map<string, number>> {
    const rows = await this.#rows(
      `SELECT source_id, count() FROM records FINAL WHERE tenant_id = {tenant:String} GROUP BY source_id ORDER BY source_id`,
      { tenant: tenantId },
    );
    return new Map(rows.map(([source, count]) => [source as string, Number(count)]));
  }

  /**
   * Of the whole table, so it changes for other tenants' rows as well: the newest block number, which merges leave
   * alone, and the mutations, but for those that change nothing that can be seen.
   */
  async dataVersion(): Promise<string> {
    const own = `database = currentDatabase() AND table = 'records'`;
    const rows = await this.#rows(
      `SELECT (SELECT toString(any(uuid)) FROM system.tables WHERE database = currentDatabase() AND name = 'records'),
         (SELECT max(max_block_number) FROM system.parts WHERE active AND ${own}),
         (SELECT (count(), sum(is_done), max(mutation_id))::String FROM system.mutations WHERE ${own} AND command NOT LIKE '%APPLY DELETED MASK%')`,
      {},
    );
    return shortId((rows[0] ?? []).map(String)).slice(0, 16);
  }

  async read(query: ReadQuery): Promise<TabularResult> {
    const timeoutMs = query.timeoutMs ?? 30_000;
    const settings: ClickHouseSettings = {
      readonly: '1',
      max_execution_time: timeoutMs / 1000,
      max_memory_usage: String(readMemoryBytes),
      output_format_json_quote_64bit_integers: 1,
    };
    return this.#guard(async () => {
      const answer = await this.#client.query({
        query: query.text,
        query_params: query.params,
        format: 'JSONCompact',
        clickhouse_settings: settings,
        // The engine's own limit comes first; this one is for an engine that hangs.
        abort_signal: AbortSignal.timeout(timeoutMs + 5_000),
      });
      const { meta, data } = (await answer.json()) as unknown as TabularAnswer;
      return { columns: meta, rows: numbersWhereSafe(meta, data) };
    }, true);
  }

  async health(): Promise<void> {
    await this.#guard(async () => {
      const { stream } = await this.#client.exec({ query: 'SELECT 1 FORMAT Null' });
      await buffer(stream);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#writing.values());
    await this.#client.close();
  }

  async #rows(text: string, params: Record<string, string>): Promise<unknown[][]> {
    return this.#guard(async () => {
      const answer = await this.#client.query({
        query: text,
        query_params: params,
        format: 'JSONCompact',
        clickhouse_settings: rowsSettings,
      });
      return ((await answer.json()) as unknown as TabularAnswer).data;
    });
  }

  async #guard<T>(work: () => Promise<T>, reading = false): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw mapClickHouseError(error, reading);
    }
  }
}

function connect(options: ClickHouseStoreOptions, database: string | undefined): ClickHouseClient {
  return createClient({
    url: options.url,
    username: options.username,
    password: options.password,
    ...(database === undefined ? {} : { database }),
    application: 'chartly',
    request_timeout: 300_000,
    max_open_connections: 16,
    // Errors come to the caller, who logs what matters.
    log: { level: 127 },
  });
}

interface TabularAnswer {
  meta: { name: string; type: string }[];
  data: (string | number | null)[][];
}

/** 64-bit integers arrive as text; those that a number holds exactly become numbers. */
function numbersWhereSafe(meta: TabularAnswer['meta'], rows: TabularAnswer['data']): TabularAnswer['data'] {
  const wide = meta.flatMap(({ type }, at) => (/^(Nullable\(|LowCardinality\()*U?Int64\)*$/.test(type) ? [at] : []));
  for (const row of wide.length > 0 ? rows : []) {
    for (const at of wide) {
      const number = Number(row[at] ?? Number.NaN);
      if (Number.isSafeInteger(number)) row[at] = number;
    }
  }
  return rows;
}

/** Part of the token of an insert that is not the whole batch: another selection of its rows is another insert. */
function contentKey(decision: Decision): string {
  const moved = decision.tombstones.map(({ index, place }) => [index, place.kind, place.name, place.tsMs]);
  return sha256Hex(JSON.stringify([decision.rows, moved])).slice(0, 32);
}

/** Neighbours of one batch together, at most `scanRows` of them. */
async function* byBatch(pieces: AsyncIterable<{ json(): unknown }[]>): AsyncGenerator<StoredRecord[], void, undefined> {
  let batch: StoredRecord[] = [];
  for await (const piece of pieces) {
    for (const row of piece) {
      const record = toStoredRecord(row.json() as unknown[]);
      if (batch.length === scanRows || (batch.length > 0 && batch[0]!.batchId !== record.batchId)) {
        yield batch;
        batch = [];
      }
      batch.push(record);
    }
  }
  if (batch.length > 0) yield batch;
}

type Place = NonNullable<EncodedRecords['first']>;

function placeOf({ kind, name, tsMs, recordId }: CanonicalRecord): Place {
  return { kind, name, tsMs: tsMs ?? 0, recordId };
}

function encoded(batch: RecordBatch | EncodedBatch): EncodedBatch {
  if ('block' in batch.records) return batch as EncodedBatch;
  const { records, ...constants } = batch as RecordBatch;
  try {
    const encoder = createRecordEncoder();
    for (const record of records) encoder.add(record);
    return { ...constants, records: encoder.finish(constants) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChartlyError('validation_failed', `A record of the batch cannot be stored: ${reason}.`, { cause: error });
  }
}

function onceReadable(bytes: Uint8Array): Readable {
  return new Readable({
    read() {
      this.push(bytes);
      this.push(null);
    },
  });
}
