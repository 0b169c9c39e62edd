// Two processes that write records of one source: their locks are PostgreSQL's, their engine is one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { shortId, silentLogger } from '#kit';
import {
  createClickHouseStore,
  createExclusion,
  createPostgresRelational,
  startEmbeddedClickHouse,
  type CanonicalStore,
  type Relational,
} from '#storage';
import { makeBatch, makeRecord } from '../conformance/canonical-store.ts';
import { newDatabase, startPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';

let server: Service;
let dir: string;
let engine: Awaited<ReturnType<typeof startEmbeddedClickHouse>>;
const relationals: Relational[] = [];
const stores: CanonicalStore[] = [];

beforeAll(async () => {
  server = await startPostgres();
  dir = await mkdtemp(join(tmpdir(), 'chartly-writers-'));
  engine = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const url = await newDatabase(server);
  for (let i = 0; i < 2; i++) {
    const relational = await createPostgresRelational({ url });
    relationals.push(relational);
    stores.push(createClickHouseStore({ ...engine, alone: createExclusion(relational) }));
  }
  await stores[0]!.migrate();
});
afterAll(async () => {
  for (const one of [...stores, ...relationals]) await one.close();
  await engine?.close();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

it('lets one process work for a key at a time, and others for other keys', async () => {
  const [first, second] = relationals.map((relational) => createExclusion(relational));
  const free = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const order: string[] = [];
  const holding = first!('a', async () => {
    began.resolve();
    await free.promise;
    order.push('first');
  });
  await began.promise;
  const waiting = second!('a', async () => order.push('second'));
  await second!('b', async () => order.push('other'));
  free.resolve();
  await Promise.all([holding, waiting]);
  expect(order).toEqual(['other', 'first', 'second']);
});

it('fails when the lock was lost while the work was done', async () => {
  const [relational] = relationals;
  const exclusion = createExclusion(relational!);
  const lost = exclusion('c', async () => {
    await relationals[1]!.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`,
    );
  });
  await expect(lost).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
  expect(await exclusion('c', async () => 'again')).toBe('again');
});

it('leaves one live row of each record, however two processes move it about', async () => {
  const tenantId = 'two-writers';
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (let round = 0; round < 15; round++) {
    // Each writes the same records at another time: unless one sees what the other wrote, both rows stay.
    await Promise.all(
      stores.map(async (store, i) => {
        const revision = BigInt(2 * round + i + 1);
        const tsMs = 1_700_000_000_000 + Number(revision) * 1000;
        await store.write(makeBatch(tenantId, revision, keys.map((key) => makeRecord(key, { tsMs })))); // prettier-ignore
      }),
    );
    const live = new Map<string, number | undefined>();
    for await (const records of stores[0]!.scan(tenantId)) {
      for (const { recordId, tsMs } of records) {
        expect(live.has(recordId), `round ${round}`).toBe(false);
        live.set(recordId, tsMs);
      }
    }
    const newest = 1_700_000_000_000 + (2 * round + 2) * 1000;
    expect(live).toEqual(new Map(keys.map((key) => [shortId(['record', key]), newest])));
  }
});
