import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shortId, sha256Hex } from '#kit';
import type { CanonicalRecord, CanonicalStore, RecordBatch, StoredRecord } from '#storage';

/** A store under test, and what only its tests may do to it. */
export interface CanonicalStoreUnderTest {
  store: CanonicalStore;
  /** Runs raw SQL, to look behind the port. */
  rows(sql: string): Promise<unknown[][]>;
  dispose(): Promise<void>;
}

let tenants = 0;
const freshTenant = () => `tenant-${process.pid}-${++tenants}`;

/** One record at a place; everything else follows from its arguments. */
export function makeRecord(key: string, changes: Partial<CanonicalRecord> = {}): CanonicalRecord {
  const record: CanonicalRecord = {
    kind: 'event',
    name: 'quake',
    tsMs: 1_700_000_000_000,
    recordId: shortId(['record', key]),
    value: undefined,
    unit: '',
    dimensions: { place: `near ${key}`, net: 'ci' },
    measures: { mag: 4.5, depth: -0.25 },
    exact: undefined,
    byteStart: 0,
    byteEnd: 100,
    row: 0,
    recordHash: '',
    ...changes,
  };
  record.recordHash = changes.recordHash ?? sha256Hex(JSON.stringify(record));
  return record;
}

/** A batch of one source; `chunk` tells batches of one revision apart. */
export function makeBatch(
  tenantId: string,
  revision: bigint,
  records: CanonicalRecord[],
  changes: Partial<RecordBatch> & { chunk?: number } = {},
): RecordBatch {
  const { chunk = 0, ...rest } = changes;
  return {
    tenantId,
    sourceId: 'quakes',
    batchId: shortId(['batch', tenantId, rest.sourceId ?? 'quakes', String(revision), String(chunk)]),
    rawSha256: sha256Hex(`raw ${revision}`),
    profileId: 'quakes',
    profileVersion: '1.0.0',
    profileDigest: sha256Hex('profile'),
    revision,
    capturedAtMs: 1_700_000_000_123,
    records,
    ...rest,
  };
}

async function everything(store: CanonicalStore, tenantId: string): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for await (const records of store.scan(tenantId)) all.push(...records);
  return all;
}

const places = (records: StoredRecord[]) =>
  Object.fromEntries(
    records
      .map((r) => [r.recordId, `${r.kind} ${r.name} ${r.tsMs} r${r.revision} ${r.recordHash}`] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/** What every canonical store must do. `start` gives a migrated store. */
export function describeCanonicalStore(name: string, start: () => Promise<CanonicalStoreUnderTest>): void {
  describe(`canonical store: ${name}`, () => {
    let under: CanonicalStoreUnderTest;
    let store: CanonicalStore;
    beforeAll(async () => {
      under = await start();
      store = under.store;
    });
    afterAll(() => under.dispose());

    it('migrates again without harm, and is healthy', async () => {
      const tenant = freshTenant();
      await store.write(makeBatch(tenant, 1n, [makeRecord('a')]));
      await store.migrate();
      await store.health();
      expect(await store.countBySource(tenant)).toEqual(new Map([['quakes', 1]]));
    });

    it('gives back exactly what was written', async () => {
      const tenant = freshTenant();
      const records = [
        makeRecord('metric', { kind: 'metric', name: 'co2', value: -0.1, unit: 'µg/m³', dimensions: {}, measures: {} }),
        makeRecord('unicode', {
          dimensions: {
            'schlüssel "1"': "žluťoučký 🐎 \\ ' \n\t\0",
            leer: '',
            [`${'k'.repeat(40)}ö`]: 'x'.repeat(500),
          },
          measures: { tiny: Number.MIN_VALUE, huge: -Number.MAX_VALUE, third: 1 / 3, größe: 0 },
          exact: { id: '123456789012345678901234567890.10' },
        }),
        makeRecord('old', { tsMs: -2_000_000_000_001 }),
        makeRecord('timeless', {
          kind: 'entity',
          name: 'airport',
          tsMs: undefined,
          dimensions: { iata: 'LAX' },
          measures: {},
        }),
        makeRecord('far', { byteStart: 2 ** 40 + 3, byteEnd: 2 ** 53 - 1, row: 2 ** 33 }),
      ];
      const batch = makeBatch(tenant, 2n ** 63n + 7n, records);
      expect(await store.write(batch)).toEqual({ inserted: 5, replaced: 0, moved: 0, stale: 0 });
      const { records: _, ...constant } = batch;
      for (const record of records) {
        expect(await store.get(tenant, record.recordId)).toEqual({ ...constant, ...record });
      }
      expect(new Set(await everything(store, tenant))).toEqual(new Set(records.map((r) => ({ ...constant, ...r }))));
    });

    it('refuses numbers that are not finite and identifiers that are not hexadecimal, and stores nothing', async () => {
      const tenant = freshTenant();
      const good = makeRecord('good');
      for (const bad of [
        makeRecord('x', { value: Number.NaN }),
        makeRecord('x', { measures: { m: Number.POSITIVE_INFINITY } }),
        makeRecord('x', { tsMs: 1.5 }),
        makeRecord('x', { recordId: `${'0'.repeat(30)}zz` }),
        makeRecord('x', { recordId: `'); DROP TABLE records; --`.padEnd(32, ' ') }),
        makeRecord('x', { recordHash: 'ab' }),
      ]) {
        await expect(store.write(makeBatch(tenant, 1n, [good, bad]))).rejects.toMatchObject({
          code: 'validation_failed',
          retryable: false,
        });
      }
      expect(await everything(store, tenant)).toEqual([]);
    });

    it('changes nothing when a batch is repeated', async () => {
      const tenant = freshTenant();
      const batch = makeBatch(tenant, 5n, [makeRecord('a'), makeRecord('b')]);
      await store.write(batch);
      const version = await store.dataVersion(tenant);
      expect(await store.write(batch)).toEqual({ inserted: 0, replaced: 2, moved: 0, stale: 0 });
      await Promise.all([store.write(batch), store.write(batch), store.write(batch)]);
      expect(await store.dataVersion(tenant)).toBe(version);
      expect(await under.rows(`SELECT count() FROM records WHERE tenant_id = '${tenant}'`)).toEqual([[2]]);
      expect(await store.write(makeBatch(tenant, 5n, []))).toEqual({ inserted: 0, replaced: 0, moved: 0, stale: 0 });
    });

    it('writes a batch once when copies of it race', async () => {
      const tenant = freshTenant();
      const batch = makeBatch(tenant, 5n, [makeRecord('a'), makeRecord('b')]);
      const results = await Promise.all([store.write(batch), store.write(batch), store.write(batch)]);
      expect(results.map((r) => r.inserted).toSorted((a, b) => a - b)).toEqual([0, 0, 2]);
      expect(await under.rows(`SELECT count() FROM records WHERE tenant_id = '${tenant}'`)).toEqual([[2]]);
    });

    it('brings rows back that were removed behind its back, by repeating the batch later', async () => {
      const tenant = freshTenant();
      const batch = makeBatch(tenant, 5n, [makeRecord('a'), makeRecord('b')]);
      await store.write(batch);
      await under.rows(
        `ALTER TABLE records DELETE WHERE tenant_id = '${tenant}' AND row = 0 SETTINGS mutations_sync = 1`,
      );
      expect(await store.countBySource(tenant)).toEqual(new Map());
      await store.write(batch);
      expect(await store.countBySource(tenant)).toEqual(new Map([['quakes', 2]]));
    });

    it('retires what an older profile version made of a payload and the newer one did not make again', async () => {
      const tenant = freshTenant();
      const rawSha256 = sha256Hex('payload');
      const old = makeBatch(
        tenant,
        1n,
        ['a', 'b', 'c'].map((key) => makeRecord(key)),
        { rawSha256 },
      );
      const other = makeBatch(tenant, 1n, [makeRecord('other')], { chunk: 1, rawSha256: sha256Hex('another payload') });
      const profileDigest = sha256Hex('newer profile');
      const newer = makeBatch(tenant, 2n, [makeRecord('a'), makeRecord('renamed b')], { rawSha256, profileDigest });
      for (const batch of [old, other, newer]) await store.write(batch);
      const scope = { tenantId: tenant, sourceId: 'quakes', rawSha256, profileDigest, revision: 2n };
      expect(await store.retireOthers({ ...scope, revision: 1n })).toBe(0);
      expect(await store.retireOthers({ ...scope, sourceId: 'elsewhere' })).toBe(0);
      expect(await store.retireOthers(scope)).toBe(2);
      expect(await store.retireOthers(scope)).toBe(0);
      const ids = (await everything(store, tenant)).map((r) => r.recordId).sort();
      const want = ['a', 'renamed b', 'other'].map((key) => makeRecord(key).recordId).sort();
      expect(ids).toEqual(want);
      expect(await store.get(tenant, makeRecord('b').recordId)).toBeUndefined();
      expect((await store.get(tenant, makeRecord('a').recordId))?.revision).toBe(2n);
      // A late repeat of the older version brings nothing back.
      await store.write(old);
      await store.retireOthers(scope);
      expect((await everything(store, tenant)).map((r) => r.recordId).sort()).toEqual(want);
    });

    it('retires the old row of a record that moves in time, name or kind, and back again', async () => {
      const tenant = freshTenant();
      const moves: Partial<CanonicalRecord>[] = [
        {},
        { tsMs: 1_800_000_000_000 },
        { name: 'tremor' },
        { kind: 'entity', tsMs: undefined },
        {},
        { dimensions: { net: 'us' } },
      ];
      const batches = moves.map((change, i) => makeBatch(tenant, BigInt(i + 1), [makeRecord('mover', change)]));
      const results = [];
      for (const batch of batches) results.push(await store.write(batch));
      expect(results.map((r) => [r.inserted, r.replaced, r.moved, r.stale])).toEqual([
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
      ]);
      // Replays of all, oldest and newest first, change nothing.
      for (const batch of [...batches, ...batches.toReversed()]) await store.write(batch);
      const live = await everything(store, tenant);
      expect(live).toHaveLength(1);
      expect(live[0]).toMatchObject({ name: 'quake', revision: 6n, dimensions: { net: 'us' } });
      expect(await store.get(tenant, live[0]!.recordId)).toEqual(live[0]);
    });

    it('keeps the newest revision, whatever order batches come and repeat in, merged or not', async () => {
      const keys = ['a', 'b', 'c', 'd'];
      const recordArb = fc.record({
        key: fc.constantFrom(...keys),
        place: fc.nat(3),
        note: fc.nat(2),
        byteStart: fc.nat(3),
      });
      const batchArb = fc.record({
        revision: fc.integer({ min: 1, max: 5 }),
        records: fc.uniqueArray(recordArb, { selector: (r) => r.key, minLength: 1, maxLength: 4 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(batchArb, { minLength: 1, maxLength: 6 }),
          fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 0, max: 9 })), { maxLength: 10 }),
          async (specs, replays) => {
            const tenant = freshTenant();
            const batches = specs.map((spec, chunk) => {
              const records = spec.records.map(({ key, place, note, byteStart }) =>
                makeRecord(`${tenant} ${key}`, {
                  kind: place === 3 ? 'metric' : 'event',
                  name: place === 2 ? 'tremor' : 'quake',
                  tsMs: 1_000 * place,
                  byteStart,
                  dimensions: { note: String(note) },
                }),
              );
              return makeBatch(tenant, BigInt(spec.revision), records, { chunk });
            });
            for (const batch of batches) await store.write(batch);
            for (const [which, merge] of replays) {
              if (merge === 0) await under.rows('OPTIMIZE TABLE records FINAL');
              await store.write(batches[which % batches.length]!);
            }
            const expected = places(modelOf(batches));
            expect(places(await everything(store, tenant))).toEqual(expected);
            for (const id of Object.keys(expected)) {
              expect(places([(await store.get(tenant, id))!])).toEqual({ [id]: expected[id] });
            }
            expect([...(await store.countBySource(tenant)).values()]).toEqual([Object.keys(expected).length]);
          },
        ),
        { numRuns: 8 },
      );
    });

    it('keeps tenants and sources apart', async () => {
      const [one, two] = [freshTenant(), freshTenant()];
      const record = makeRecord('same');
      await store.write(makeBatch(one, 1n, [record]));
      await store.write(makeBatch(two, 2n, [{ ...record, tsMs: 5 }]));
      await store.write(makeBatch(one, 1n, [makeRecord('other')], { sourceId: 'stocks' }));
      expect((await store.get(one, record.recordId))?.tsMs).toBe(record.tsMs);
      expect((await store.get(two, record.recordId))?.tsMs).toBe(5);
      expect(await store.countBySource(one)).toEqual(new Map([['quakes', 1], ['stocks', 1]])); // prettier-ignore
      expect(await store.get(freshTenant(), record.recordId)).toBeUndefined();
      expect(await store.get(one, 'nonsense')).toBeUndefined();
      expect(await everything(store, two)).toHaveLength(1);
      const bySource: StoredRecord[] = [];
      for await (const records of store.scan(one, { sourceId: 'stocks' })) bySource.push(...records);
      expect(bySource.map((r) => r.sourceId)).toEqual(['stocks']);
    });

    it('scans whole batches', async () => {
      const tenant = freshTenant();
      const batches = Array.from({ length: 5 }, (_, b) =>
        makeBatch(
          tenant,
          1n,
          Array.from({ length: 9_000 }, (_, i) => makeRecord(`scan ${b} ${i}`, { row: i })),
          {
            chunk: b,
          },
        ),
      );
      await Promise.all(batches.map((batch) => store.write(batch)));
      const seen = new Map<string, number>();
      for await (const records of store.scan(tenant)) {
        const ids = new Set(records.map((r) => r.batchId));
        expect(ids.size).toBe(1);
        expect(seen.has(records[0]!.batchId)).toBe(false);
        seen.set(records[0]!.batchId, records.length);
      }
      expect(seen).toEqual(new Map(batches.map((b) => [b.batchId, 9_000])));
      const one: StoredRecord[] = [];
      for await (const records of store.scan(tenant, { batchId: batches[2]!.batchId })) one.push(...records);
      expect(new Set(one.map((r) => r.recordId))).toEqual(new Set(batches[2]!.records.map((r) => r.recordId)));
    });

    it('says when data changed', async () => {
      const tenant = freshTenant();
      const versions = [await store.dataVersion(tenant)];
      await store.write(makeBatch(tenant, 1n, [makeRecord('a')]));
      versions.push(await store.dataVersion(tenant));
      await store.write(makeBatch(tenant, 2n, [makeRecord('a', { tsMs: 0 })]));
      versions.push(await store.dataVersion(tenant));
      expect(new Set(versions).size).toBe(3);
      await under.rows('OPTIMIZE TABLE records FINAL');
      expect(await store.dataVersion(tenant)).toBe(versions[2]);
    });

    it('writes many names, and long and many texts', async () => {
      const tenant = freshTenant();
      const records = Array.from({ length: 70_000 }, (_, i) =>
        makeRecord(`many ${i}`, {
          name: `n${i % 66_000}`,
          row: i,
          dimensions: i % 3 ? { [`d${i % 300}`]: `v${i}` } : {},
        }),
      );
      expect((await store.write(makeBatch(tenant, 1n, records))).inserted).toBe(70_000);
      const sample = records[69_999]!;
      expect((await store.get(tenant, sample.recordId))?.name).toBe(sample.name);
      const found = await store.read({
        text: `SELECT count(), uniqExact(name), sum(row), sum(length(dimensions)) FROM records FINAL WHERE tenant_id = {t:String}`,
        params: { t: tenant },
      });
      const withDimension = records.filter((r) => Object.keys(r.dimensions).length > 0).length;
      expect(found.rows).toEqual([[70_000, 66_000, (69_999 * 70_000) / 2, withDimension]]);
    });

    it('reads with bound parameters, and numbers as numbers where they are safe', async () => {
      const nasty = `it's \\ "x" {p0:String} \n\t -- ; \0`;
      const answer = await store.read({
        text: `SELECT {p0:String} AS s, {p1:Array(String)}[2] AS a, {p2:Float64} AS f, toInt64(-5) AS i,
          toUInt64(18446744073709551615) AS big, CAST(NULL, 'Nullable(Int64)') AS n, {p3:Array(UInt32)}[1] AS u`,
        params: { p0: nasty, p1: ['x', nasty], p2: 0.1, p3: [7, 8] },
      });
      expect(answer.columns[0]).toEqual({ name: 's', type: 'String' });
      expect(answer.rows).toEqual([[nasty, nasty, 0.1, -5, '18446744073709551615', null, 7]]);
      const long = 'x'.repeat(300_000);
      const length = await store.read({ text: 'SELECT length({p0:String})', params: { p0: long } });
      expect(length.rows).toEqual([[300_000]]);
    });

    it('never fills a missing parameter from an earlier query', async () => {
      for (let i = 0; i < 20; i++) await store.read({ text: 'SELECT {secret:String}', params: { secret: 'theirs' } });
      await expect(store.read({ text: 'SELECT {secret:String}', params: {} })).rejects.toThrow();
    });

    it('reads only', async () => {
      for (const text of [
        `SELECT * FROM file('/etc/hostname', 'LineAsString')`,
        `SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')`,
        'DROP TABLE records',
        'TRUNCATE TABLE records',
        `SELECT 1 INTO OUTFILE '/tmp/chartly-outfile-test'`,
        'INSERT INTO records (tenant_id) VALUES (1)',
      ]) {
        await expect(store.read({ text, params: {} }), text).rejects.toMatchObject({ name: 'ChartlyError' });
      }
      await store.health();
    });

    it('removes what lies before a moment, for good, and tells of it first', async () => {
      const tenant = freshTenant();
      const day = 86_400_000;
      const at = (n: number) => 1_700_000_000_000 + n * day;
      const records = Array.from({ length: 10 }, (_, n) => makeRecord(`r${n}`, { tsMs: at(n) }));
      const timeless = makeRecord('thing', { kind: 'entity', name: 'thing', tsMs: undefined, measures: {} });
      const early = makeRecord('before the epoch', { tsMs: -5 * day });
      const first = makeBatch(tenant, 1n, [...records, timeless, early]);
      await store.write(first);
      // Of the second revision: r0 and r1 stand where they stood, r2 moves to a later day, r9 to an earlier one.
      const moved = [makeRecord('r2', { tsMs: at(20) }), makeRecord('r9', { tsMs: at(1) })];
      const second = makeBatch(tenant, 2n, [records[0]!, records[1]!, ...moved]);
      await store.write(second);
      const others = makeBatch(tenant, 1n, [makeRecord('r0', { tsMs: at(0) })], { sourceId: 'others' });
      await store.write(others);

      const scope = { tenantId: tenant, sourceId: 'quakes', beforeMs: at(4) };
      expect(await store.countBefore(scope)).toBe(5);
      const told: [string, string[]][] = [];
      const before = await store.dataVersion(tenant);
      const announce = async ({ batchId, hashes }: { batchId: string; hashes: Buffer }): Promise<void> => {
        expect(await store.countBefore(scope)).toBe(5);
        told.push([batchId, hashes.toString('hex').match(/.{64}/g)!]);
      };
      expect(await store.expireBefore(scope, announce)).toBe(5);
      expect(await store.dataVersion(tenant)).not.toBe(before);
      const hashesOf = (...found: CanonicalRecord[]): string[] => found.map((r) => r.recordHash).toSorted();
      expect(new Map(told)).toEqual(
        new Map([
          [first.batchId, hashesOf(early, records[3]!)],
          [second.batchId, hashesOf(records[0]!, records[1]!, moved[1]!)],
        ]),
      );
      const left = [moved[0]!, ...records.slice(4, 9), timeless].map((r) => r.recordId).toSorted();
      const live = async (): Promise<string[]> => {
        const ids: string[] = [];
        for await (const page of store.scan(tenant, { sourceId: 'quakes' })) ids.push(...page.map((r) => r.recordId));
        return ids.toSorted();
      };
      // No older version of what went has come to light, and nothing physical of it is left before the moment.
      expect(await live()).toEqual(left);
      expect(await store.countBefore(scope)).toBe(0);
      expect(
        await under.rows(
          `SELECT count() FROM records WHERE tenant_id = '${tenant}' AND source_id = 'quakes' AND kind = 'event' AND ts < fromUnixTimestamp64Milli(${at(4)})`,
        ),
      ).toEqual([[0]]);
      expect((await store.countBySource(tenant)).get('others')).toBe(1);
      expect(await store.expireBefore(scope, announce)).toBe(0);
      expect(told).toHaveLength(2);

      // What is written again goes again; a failing announcement leaves everything.
      await store.write(makeBatch(tenant, 3n, [records[0]!]));
      await expect(store.expireBefore(scope, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
      expect(await store.countBefore(scope)).toBe(1);
      expect(await store.expireBefore(scope, async () => {})).toBe(1);
      expect(await live()).toEqual(left);
    });

    it('stops a query that takes too long, and serves others meanwhile', async () => {
      const heavy = store.read({
        text: 'SELECT count() FROM numbers(1e13) WHERE NOT ignore(number)',
        params: {},
        timeoutMs: 700,
      });
      const outcome = heavy.catch((error: unknown) => error);
      for (let i = 0; i < 3; i++) expect((await store.read({ text: 'SELECT 1', params: {} })).rows).toEqual([[1]]);
      expect(await outcome).toMatchObject({ code: 'query_too_heavy' });
      // What the stopped query left behind must not get into another's answer.
      for (let i = 0; i < 20; i++) expect((await store.read({ text: 'SELECT 2', params: {} })).rows).toEqual([[2]]);
      await expect(
        store.read({ text: 'SELECT groupArray(randomString(1000)) FROM numbers(1e9)', params: {}, timeoutMs: 60_000 }),
      ).rejects.toMatchObject({ code: 'query_too_heavy' });
    });
  });
}

/** The newest of each record: by revision, then by the payload's digest, the position in it, and the record's hash. */
function modelOf(batches: RecordBatch[]): StoredRecord[] {
  const best = new Map<string, StoredRecord>();
  const order = (r: StoredRecord) =>
    [String(r.revision).padStart(20, '0'), r.rawSha256, String(r.byteStart).padStart(20, '0'), r.recordHash].join(' ');
  for (const { records, ...constant } of batches) {
    for (const record of records) {
      const candidate = { ...constant, ...record };
      const current = best.get(record.recordId);
      if (!current || order(candidate) > order(current)) best.set(record.recordId, candidate);
    }
  }
  return [...best.values()];
}
