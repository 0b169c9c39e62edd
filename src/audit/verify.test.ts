import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson, leafHash } from '#kit';
import type { BlobStore } from '#storage';
import { createFindings } from './findings.ts';
import { ingest, openEngines, sourceId, type Capture, type CaptureOptions, type Engines } from './fixture.ts';
import type { Finding } from './index.ts';
import { verifyBatches } from './verify-batches.ts';
import { verifyTenant } from './verify.ts';
import { verifyLedger } from './verify-ledger.ts';
import { verifyRaw } from './verify-raw.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await openEngines();
});
afterAll(() => engines.close());

let tenants = 0;
/** A tenant of its own, so that what one test breaks is no other's matter. */
async function world(...captures: CaptureOptions[]): Promise<{ tenantId: string; all: Capture[]; first: Capture }> {
  const tenantId = `tenant-${++tenants}`;
  const all: Capture[] = [];
  for (const options of captures.length === 0 ? [{}] : captures) all.push(await ingest(engines, tenantId, options));
  return { tenantId, all, first: all[0]! };
}

const verify = async (tenantId: string): Promise<Finding[]> => (await engines.audit.verify(tenantId)).findings;
const subjects = (findings: Finding[]): string[] => [...new Set(findings.map((finding) => finding.subject))].toSorted();
const later = Date.UTC(2025, 2, 1);

describe('what holds', () => {
  test('an empty tenant verifies', async () => {
    const report = await engines.audit.verify('nobody');
    expect(report).toMatchObject({ ok: true, entries: 0, blobs: 0, batches: 0, records: 0, size: 0n, findings: [] });
  });

  test('a tenant verifies, and everything is counted', async () => {
    const { tenantId, all } = await world({ ids: ['a', 'b', 'm1'] }, { ids: ['c', 'd'], capturedAtMs: later });
    const progress = new Set<string>();
    const report = await engines.audit.verify(tenantId, { onProgress: ({ plane }) => progress.add(plane) });
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ ok: true, entries: 8, blobs: 2, batches: 2, records: 5, size: 8n });
    expect(report.head).toBe(all[1]!.entries[3]!.leafHash);
    expect([...progress].toSorted()).toEqual(['batches', 'canonical', 'ledger', 'raw']);
  });

  test('records that newer ones replaced, moved or left stale are not missed', async () => {
    const { tenantId } = await world(
      { ids: ['a', 'b', 'c'] },
      { ids: ['b', 'a'], capturedAtMs: later, magnitude: 3 },
      { ids: ['a', 'b', 'c'], capturedAtMs: later + 1000, magnitude: 2 },
      { ids: ['c', 'a'], capturedAtMs: later + 500, magnitude: 4 },
    );
    const report = await engines.audit.verify(tenantId);
    expect(report.findings).toEqual([]);
    expect(report.records).toBe(3);
  });
});

describe('what is on its way', () => {
  test('a newer batch whose job never settled accounts for what it replaced', async () => {
    const { tenantId, all } = await world({ ids: ['a', 'b'] }, { ids: ['b', 'a'], capturedAtMs: later });
    await engines.relational.execute('delete from batch_receipt where batch_id = $1', [all[1]!.batchId]);
    await engines.relational.execute(
      "update run set state = 'cancelled', run_id = gen_random_uuid() where run_id = $1",
      [all[1]!.runId],
    );
    expect((await verify(tenantId)).filter((finding) => finding.plane === 'canonical')).toEqual([]);
  });

  test('a payload that is ingested while verification runs is no finding', async () => {
    const { tenantId } = await world();
    let ingested = false;
    const blobs: BlobStore = {
      ...engines.blobs,
      // Payloads are looked at between the ledger and the receipts.
      async verify(bucket, sha256) {
        if (!ingested) await ingest(engines, tenantId, { ids: ['later'], capturedAtMs: later });
        ingested = true;
        return await engines.blobs.verify(bucket, sha256);
      },
    };
    const report = await verifyTenant({ ...engines, blobs }, tenantId, () => {});
    expect(ingested).toBe(true);
    expect(report.findings).toEqual([]);
    expect(report.batches).toBe(1);
    expect((await engines.audit.verify(tenantId)).batches).toBe(2);
  });

  test('of two payloads of one instant, either may have replaced the other', async () => {
    const { tenantId } = await world({ ids: ['a', 'b'] }, { ids: ['a', 'b'], magnitude: 3 });
    const report = await engines.audit.verify(tenantId);
    expect(report.findings).toEqual([]);
    expect(report.records).toBe(2);
  });
});

describe('the ledger', () => {
  const sql = (text: string, params: (string | number)[]): Promise<number> => engines.relational.execute(text, params);

  test('every changed byte of an entry is found, and the entry named', async () => {
    const { tenantId, first } = await world();
    const original = (await leaves(tenantId))[1]!;
    expect(original.seq).toBe('1');
    for (let at = 0; at < original.leaf.length; at++) {
      const other = original.leaf[at] === '0' ? '1' : '0';
      const changed = original.leaf.slice(0, at) + other + original.leaf.slice(at + 1);
      await sql('update ledger_entry set leaf = $2 where tenant_id = $1 and seq = 1', [tenantId, changed]);
      expect(subjects(await verifyChain(tenantId)), `byte ${at}`).toContain('ledger entry 1');
    }
    await sql('update ledger_entry set leaf = $2 where tenant_id = $1 and seq = 1', [tenantId, original.leaf]);
    expect(await verifyChain(tenantId)).toEqual([]);
    expect(first.entries.length).toBe(4);
  });

  test('every changed digit of a hash is found, and the entry named', async () => {
    const { tenantId } = await world();
    for (const { seq, leaf_hash: hash } of await leaves(tenantId)) {
      for (let at = 0; at < hash.length; at += 7) {
        const changed = hash.slice(0, at) + (hash[at] === '0' ? '1' : '0') + hash.slice(at + 1);
        await sql('update ledger_entry set leaf_hash = $3 where tenant_id = $1 and seq = $2::bigint', [
          tenantId,
          seq,
          changed,
        ]);
        expect(subjects(await verifyChain(tenantId))).toContain(`ledger entry ${seq}`);
      }
      await sql('update ledger_entry set leaf_hash = $3 where tenant_id = $1 and seq = $2::bigint', [
        tenantId,
        seq,
        hash,
      ]);
    }
    expect(await verifyChain(tenantId)).toEqual([]);
  });

  test.each([0, 1, 2])('entry %i rewritten together with its hash is named by the one after it', async (seq) => {
    const { tenantId } = await world();
    await rewrite(tenantId, seq, { actor: 'service:other' });
    expect(subjects(await verifyChain(tenantId))).toEqual([`ledger entry ${seq}`]);
  });

  test('the last entry rewritten together with its hash does not fit the head', async () => {
    const { tenantId } = await world();
    await rewrite(tenantId, 3, { actor: 'service:other' });
    expect(subjects(await verify(tenantId))).toEqual(['ledger head']);
  });

  test.each([
    [[0], 'ledger entry 0'],
    [[1], 'ledger entry 1'],
    [[3], 'ledger entry 3'],
    [[1, 2], 'ledger entries 1 to 2'],
    [[0, 1, 2, 3], 'ledger entries 0 to 3'],
  ])('deleted entries %j are named', async (gone, subject) => {
    const { tenantId } = await world();
    await engines.relational.execute('delete from ledger_entry where tenant_id = $1 and seq = any($2::bigint[])', [
      tenantId,
      gone,
    ]);
    const findings = await verify(tenantId);
    expect(findings).toContainEqual({
      plane: 'ledger',
      subject,
      problem: expect.stringContaining('missing') as string,
    });
  });

  test('an entry moved to another index is named, and so is the gap', async () => {
    const { tenantId } = await world();
    await sql('update ledger_entry set seq = 9 where tenant_id = $1 and seq = 3', [tenantId]);
    expect(subjects(await verify(tenantId))).toEqual(expect.arrayContaining(['ledger entry 3', 'ledger head']));
    await sql('update ledger_head set size = 10 where tenant_id = $1', [tenantId]);
    expect(subjects(await verify(tenantId))).toEqual(
      expect.arrayContaining(['ledger entries 3 to 8', 'ledger entry 9']),
    );
  });

  test('an entry of another tenant is named', async () => {
    const { tenantId } = await world();
    const other = await world();
    await sql(
      `update ledger_entry set (leaf, leaf_hash) = (select leaf, leaf_hash from ledger_entry where tenant_id = $2 and seq = 0)
       where tenant_id = $1 and seq = 0`,
      [tenantId, other.tenantId],
    );
    expect(subjects(await verify(tenantId))).toEqual(['ledger entry 0']);
  });

  test('a head that names another entry, size or nothing is found', async () => {
    const { tenantId } = await world();
    const { head } = await engines.audit.head(tenantId);
    await sql('update ledger_head set head = $2 where tenant_id = $1', [tenantId, '0'.repeat(64)]);
    expect(subjects(await verify(tenantId))).toEqual(['ledger head']);
    await sql('update ledger_head set head = $2, size = 3 where tenant_id = $1', [tenantId, head]);
    expect(subjects(await verify(tenantId))).toEqual(['ledger head']);
    await sql('update ledger_head set size = 5 where tenant_id = $1', [tenantId]);
    expect(subjects(await verify(tenantId))).toEqual(['ledger entry 4']);
    await sql('delete from ledger_head where tenant_id = $1', [tenantId]);
    expect(subjects(await verify(tenantId))).toContain('ledger head');
  });

  test('a ledger cut off together with its head is found by what its entries had recorded', async () => {
    for (const keep of [0, 1, 2, 3]) {
      const { tenantId, first } = await world();
      const cut = first.entries[keep - 1];
      await sql('delete from ledger_entry where tenant_id = $1 and seq >= $2::bigint', [tenantId, keep]);
      await sql('update ledger_head set size = $2::bigint, head = $3 where tenant_id = $1', [
        tenantId,
        keep,
        cut?.leafHash ?? '0'.repeat(64),
      ]);
      const witnesses = [`payload 0 of run ${first.runId}`, `batch ${first.batchId}`, `run ${first.runId}`];
      expect(subjects(await verify(tenantId))).toEqual(expect.arrayContaining(witnesses.slice(Math.max(0, keep - 1))));
    }
  });

  test('a receipt that says something else than the ledger, or is gone, is named', async () => {
    const changes: [string, string][] = [
      ['merkle_root', "'00'"],
      ['leaves_sha256', "'00'"],
      ['ledger_seq', '1'],
      ['raw_sha256', "'00'"],
      ['revision', 'revision + 1'],
      ['source_id', "'other'"],
      ['profile_version', "'2.0.0'"],
      ['counts', `'{"records": 6}'`],
    ];
    const { tenantId, first } = await world();
    for (const [column, value] of changes) {
      await sql('create temporary table kept as select * from batch_receipt where batch_id = $1', [first.batchId]);
      await sql(`update batch_receipt set ${column} = ${value} where batch_id = $1`, [first.batchId]);
      expect(subjects(await verify(tenantId)), column).toContain(`batch ${first.batchId}`);
      await sql('delete from batch_receipt where batch_id = $1', [first.batchId]);
      await sql('insert into batch_receipt select * from kept', []);
      await sql('drop table kept', []);
    }
    expect(await verify(tenantId)).toEqual([]);
    await sql('delete from batch_receipt where batch_id = $1', [first.batchId]);
    expect(await verify(tenantId)).toEqual([
      { plane: 'ledger', subject: `batch ${first.batchId}`, problem: 'its receipt is missing' },
    ]);
  });

  async function leaves(tenantId: string): Promise<{ seq: string; leaf: string; leaf_hash: string }[]> {
    return await engines.relational.query(
      'select seq, leaf, leaf_hash from ledger_entry where tenant_id = $1 order by seq',
      [tenantId],
    );
  }

  async function rewrite(tenantId: string, seq: number, change: object): Promise<void> {
    const before = (await leaves(tenantId))[seq]!;
    const leaf = canonicalJson({ ...(JSON.parse(before.leaf) as object), ...change });
    const hash = leafHash(leaf).toString('hex');
    await sql('update ledger_entry set leaf = $3, leaf_hash = $4 where tenant_id = $1 and seq = $2::bigint', [
      tenantId,
      seq,
      leaf,
      hash,
    ]);
  }

  async function verifyChain(tenantId: string): Promise<Finding[]> {
    const findings = createFindings();
    await verifyLedger({ ...engines, tenantId, findings, onProgress: () => {} });
    return findings.list();
  }
});

describe('blobs', () => {
  async function verifyBlobs(tenantId: string): Promise<Finding[]> {
    const context = { ...engines, tenantId, findings: createFindings(), onProgress: () => {} };
    const ledger = await verifyLedger(context);
    await verifyRaw(context);
    await verifyBatches(context, ledger);
    return context.findings.list();
  }

  const pathOf = (bucket: string, key: string): string => join(engines.blobDir, bucket, `${key}.zst`);

  test.each(['raw', 'batches'] as const)(
    'every changed byte of a blob in %s is found, and the blob named',
    async (bucket) => {
      const { tenantId, first } = await world();
      const [sha256, key] = bucket === 'raw' ? [first.rawSha256, first.rawKey] : [first.leavesSha256, first.leavesKey];
      const path = pathOf(bucket, key);
      const bytes = readFileSync(path);
      const step = Math.ceil(bytes.length / 40);
      for (let at = 0; at < bytes.length; at += step) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 0x01;
        writeFileSync(path, changed);
        expect(subjects(await verifyBlobs(tenantId)), `byte ${at} of ${bytes.length}`).toEqual([
          `blob ${bucket}/${sha256}`,
        ]);
      }
      writeFileSync(path, bytes);
      expect(await verify(tenantId)).toEqual([]);
      writeFileSync(path, bytes.subarray(0, bytes.length - 1));
      expect(subjects(await verify(tenantId))).toEqual([`blob ${bucket}/${sha256}`]);
      rmSync(path);
      expect(subjects(await verify(tenantId))).toEqual([`blob ${bucket}/${sha256}`]);
    },
  );

  test('a reference that says something else than the ledger, or is gone, is named', async () => {
    const { tenantId, first } = await world({}, { ids: ['x'], capturedAtMs: later });
    const subject = `payload 0 of run ${first.runId}`;
    for (const change of [
      "key = 'ab/cd'",
      'size = size + 1',
      "source_id = 'other'",
      `sha256 = '${'0'.repeat(64)}'`,
      'page = 1',
    ]) {
      const [before] = await engines.relational.query('select * from raw_ref where run_id = $1', [first.runId]);
      await engines.relational.execute(`update raw_ref set ${change} where run_id = $1`, [first.runId]);
      expect(subjects(await verify(tenantId)), change).toContain(subject);
      await engines.relational.execute(
        'update raw_ref set key = $2, size = $3::bigint, source_id = $4, sha256 = $5, page = $6 where run_id = $1',
        [first.runId, ...['key', 'size', 'source_id', 'sha256', 'page'].map((name) => before![name] as string)],
      );
    }
    expect(await verify(tenantId)).toEqual([]);
    await engines.relational.execute('delete from raw_ref where run_id = $1', [first.runId]);
    expect(await verify(tenantId)).toEqual([{ plane: 'raw', subject, problem: 'its reference is missing' }]);
  });
});

describe('records', () => {
  const changes = [
    ['value', 'value = value + 0.5'],
    ['unit', "unit = 'Mb'"],
    ['a dimension', "dimensions = map('id', 'm1', 'place', 'Elsewhere, CA')"],
    ['a dimension more', "dimensions = mapUpdate(dimensions, map('status', 'reviewed'))"],
    ['a measure', "measures = mapUpdate(measures, map('magnitude', 9.5))"],
    ['exact text', "exact = map('depth_km', '7.1')"],
    ['its hash', "record_hash = unhex(repeat('ab', 32))"],
    ['payload', "raw_sha256 = unhex(repeat('ab', 32))"],
    ['byte range', 'byte_start = byte_start + 1'],
    ['end of byte range', 'byte_end = byte_end - 1'],
    ['row', '`row` = 77'],
    ['source', "source_id = 'other'"],
    ['profile', "profile_id = 'other'"],
    ['profile version', "profile_version = '9.9.9'"],
    ['profile digest', `profile_digest = '${'ab'.repeat(32)}'`],
    ['capture time', 'captured_at = captured_at + 1'],
  ] as const;

  test.each(changes)('a changed %s is found, and the record named', async (_, change) => {
    const { tenantId, first } = await world({ ids: ['m1', 'b'] });
    const victim = first.records[0]!.recordId;
    await engines.alter(
      `ALTER TABLE records UPDATE ${change} WHERE tenant_id = '${tenantId}' AND record_id = unhex('${victim}')`,
    );
    expect(subjects(await verify(tenantId))).toContain(`record ${victim}`);
  });

  test.each([
    ['value', 'value = 5'],
    ['unit', "unit = 'Mw'"],
  ])('a %s given to a record that has none is found', async (_, change) => {
    const { tenantId, first } = await world({ ids: ['a', 'b'] });
    const victim = first.records[1]!.recordId;
    await engines.alter(
      `ALTER TABLE records UPDATE ${change} WHERE tenant_id = '${tenantId}' AND record_id = unhex('${victim}')`,
    );
    expect(subjects(await verify(tenantId))).toEqual([`record ${victim}`]);
  });

  const inserted = (tenantId: string, recordId: string, replace: string): string =>
    `INSERT INTO records SELECT * REPLACE (${replace})
     FROM (SELECT * FROM records WHERE tenant_id = '${tenantId}' AND record_id = unhex('${recordId}'))`;

  test.each([
    ['name', "'explosion' AS name"],
    ['time', 'ts + 1 AS ts'],
    ['kind', "'entity' AS kind"],
  ])('a copy at another %s is found: two live rows, one of them not sealed', async (_, replace) => {
    const { tenantId, first } = await world();
    const victim = first.records[2]!.recordId;
    await engines.alter(inserted(tenantId, victim, replace));
    const problems = (await verify(tenantId)).filter((finding) => finding.subject === `record ${victim}`);
    expect(problems.map((finding) => finding.problem)).toEqual([
      'its columns do not match its hash',
      'it has 2 live rows',
    ]);
  });

  test('a record that no batch sealed is named, whichever batch it claims', async () => {
    const { tenantId, first } = await world();
    const planted = 'ab'.repeat(16);
    await engines.alter(inserted(tenantId, first.records[0]!.recordId, `unhex('${planted}') AS record_id`));
    expect(subjects(await verify(tenantId))).toContain(`record ${planted}`);
    await engines.alter(
      `ALTER TABLE records UPDATE batch_id = unhex('${planted}') WHERE tenant_id = '${tenantId}' AND record_id = unhex('${planted}')`,
    );
    expect(subjects(await verify(tenantId))).toContain(`batch ${planted}`);
  });

  test('a batch on its way is not an intruder while a run of its source is under way', async () => {
    const { tenantId, first } = await world();
    await engines.relational.execute('delete from batch_receipt where batch_id = $1', [first.batchId]);
    await engines.relational.execute('delete from ledger_entry where tenant_id = $1 and seq > 1', [tenantId]);
    await engines.relational.execute('update ledger_head set size = 2, head = $2 where tenant_id = $1', [
      tenantId,
      first.entries[1]!.leafHash,
    ]);
    await engines.relational.execute("update run set state = 'running' where run_id = $1", [first.runId]);
    expect(await verify(tenantId)).toEqual([]);
    await engines.relational.execute(
      "update run set state = 'cancelled', run_id = gen_random_uuid() where run_id = $1",
      [first.runId],
    );
    expect(subjects(await verify(tenantId))).toContain(`batch ${first.batchId}`);
  });

  test('a deleted record is found, and its batch named', async () => {
    const { tenantId, all } = await world({ ids: ['a', 'b', 'c'] }, { ids: ['d'], capturedAtMs: later });
    const drop = (recordId: string): Promise<void> =>
      engines.alter(`ALTER TABLE records DELETE WHERE tenant_id = '${tenantId}' AND record_id = unhex('${recordId}')`);
    await drop(all[1]!.records[0]!.recordId);
    expect(await verify(tenantId)).toEqual([
      {
        plane: 'canonical',
        subject: `batch ${all[1]!.batchId}`,
        problem: '1 of its 1 records are gone, and no newer batch can have replaced them',
      },
    ]);
    await drop(all[0]!.records[0]!.recordId);
    expect(subjects(await verify(tenantId))).toEqual(
      [`batch ${all[0]!.batchId}`, `batch ${all[1]!.batchId}`].toSorted(),
    );
  });

  test('an old version brought back beside the live one is found', async () => {
    const { tenantId, all } = await world({ ids: ['a', 'b'] }, { ids: ['b', 'a'], capturedAtMs: later });
    const victim = all[0]!.records[0]!;
    const fields = { tenantId, sourceId, rawSha256: all[0]!.rawSha256 };
    const old = await engines.canonical.get(tenantId, victim.recordId);
    expect(old!.batchId).toBe(all[1]!.batchId);
    // As the row stood before the second payload moved it to another time.
    await engines.alter(
      inserted(
        tenantId,
        victim.recordId,
        `toDateTime64(${victim.tsMs! / 1000}, 3, 'UTC') AS ts, unhex('${victim.recordHash}') AS record_hash, unhex('${fields.rawSha256}') AS raw_sha256,
         unhex('${all[0]!.batchId}') AS batch_id, revision + 1 AS revision, 0 AS is_deleted`,
      ),
    );
    expect(subjects(await verify(tenantId))).toContain(`record ${victim.recordId}`);
  });
});
