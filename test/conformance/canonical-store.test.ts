import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { silentLogger } from '#kit';
import { createClickHouseStore, startEmbeddedClickHouse } from '#storage';
import { describeCanonicalStore } from './canonical-store.ts';

describeCanonicalStore('embedded', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chartly-canonical-'));
  const engine = await startEmbeddedClickHouse({ dir, logger: silentLogger });
  const store = createClickHouseStore(engine);
  await store.migrate();
  const client = createClient({ ...engine, log: { level: 127 } });
  return {
    store,
    async rows(sql) {
      if (!sql.startsWith('SELECT')) {
        await client.command({ query: sql });
        return [];
      }
      return ((await (await client.query({ query: sql, format: 'JSONCompact' })).json()) as { data: unknown[][] }).data;
    },
    async dispose() {
      await client.close();
      await store.close();
      await engine.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
