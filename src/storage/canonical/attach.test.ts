// Forks in the hands of several processes, which are several stores of one engine here, as they are there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256Hex, shortId, silentLogger } from '#kit';
import { createClickHouseStore } from './clickhouse.ts';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from './embedded.ts';
import type { CanonicalStore, RecordBatch } from './port.ts';

const dir = mkdtempSync(join(tmpdir(), 'chartly-attach-'));
let engine: EmbeddedClickHouse;
let here: CanonicalStore;
let there: CanonicalStore;
beforeAll(async () => {
  engine = await startEmbeddedClickHouse({
    dir,
    logger: silentLogger,
    shared: { port: 0, password: 'known to several' },
  });
  const endpoint = { url: engine.url, username: engine.username, password: 'known to several' };
  here = createClickHouseStore(endpoint);
  there = createClickHouseStore(endpoint);
  await here.migrate();
});
afterAll(async () => {
  await here.close();
  await there.close();
  await engine.close();
  rmSync(dir, { recursive: true });
});

function batch(value: number, revision: bigint): RecordBatch {
  const recordHash = sha256Hex(String(value));
  const constants = { kind: 'event' as const, name: 'n', tsMs: 1, recordId: shortId(['r']), unit: '', recordHash };
  return {
    tenantId: 't',
    sourceId: 's',
    batchId: shortId([String(revision)]),
    rawSha256: sha256Hex('raw'),
    profileId: 'p',
    profileVersion: '1.0.0',
    profileDigest: sha256Hex('p'),
    revision,
    capturedAtMs: 1,
    records: [
      { ...constants, value, dimensions: {}, measures: {}, exact: undefined, byteStart: 0, byteEnd: 1, row: 0 },
    ],
  };
}

it('attaches forks, and forks of forks, that another process made, and leaves them to it', async () => {
  await here.write(batch(1, 1n));
  const fork = await here.fork();
  await fork.copy({ tenantId: 't' });
  const second = await fork.fork();
  const attached = there.attach(second.name);
  await attached.write(batch(2, 2n));
  await attached.copy({ tenantId: 't' });
  expect(await attached.compare('t', 's', 1)).toMatchObject({ added: 0, changed: 1, retired: 0 });
  expect((await there.attach(fork.name).compare('t', 's', 1)).unchanged).toBe(1);
  await attached.release();
  expect((await second.get('t', shortId(['r'])))!.value).toBe(2);
  expect((await here.get('t', shortId(['r'])))!.value).toBe(1);
  await second.close();
  await fork.close();
  await expect(there.attach(second.name).get('t', shortId(['r']))).rejects.toMatchObject({ retryable: expect.any(Boolean) as boolean }); // prettier-ignore
  for (const name of ['default', 'default/records', 'default/chartly_fork_1_x`; DROP']) {
    expect(() => there.attach(name)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  }
});
