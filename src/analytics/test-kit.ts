// For tests of this room: the embedded engine in a directory of its own, and records to ask about.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex, shortId, silentLogger } from '#kit';
import { type CanonicalRecord, type CanonicalStore, createClickHouseStore, startEmbeddedClickHouse } from '#storage';

export interface TestEngine {
  dir: string;
  canonical: CanonicalStore;
  /** Writes records as one batch of a source. */
  write(source: string, records: CanonicalRecord[], tenant?: string): Promise<void>;
  close(): Promise<void>;
}

export async function startTestEngine(): Promise<TestEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-analytics-'));
  const engine = await startEmbeddedClickHouse({ dir: join(dir, 'clickhouse'), logger: silentLogger });
  const canonical = createClickHouseStore(engine);
  await canonical.migrate();
  let batches = 0;
  return {
    dir,
    canonical,
    async write(source, records, tenant = 'default') {
      batches++;
      await canonical.write({
        tenantId: tenant,
        sourceId: source,
        batchId: shortId(['test', source, String(batches)]),
        rawSha256: sha256Hex(source),
        profileId: `${source}-profile`,
        profileVersion: '1.0.0',
        profileDigest: sha256Hex('profile'),
        revision: BigInt(batches),
        capturedAtMs: 0,
        records,
      });
    },
    async close() {
      await canonical.close();
      await engine.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

let rows = 0;

export function record(part: Partial<CanonicalRecord> & { name: string }): CanonicalRecord {
  const row = rows++;
  return {
    kind: 'metric',
    tsMs: 0,
    recordId: shortId(['test', String(row)]),
    value: undefined,
    unit: '',
    dimensions: {},
    measures: {},
    exact: undefined,
    byteStart: 0,
    byteEnd: 1,
    row,
    recordHash: sha256Hex(`record ${row}`),
    ...part,
  };
}
