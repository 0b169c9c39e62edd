// Normalizes one stored payload into an engine of another process, and says what this process peaked at. usage: normalize-file.ts DIRECTORY SHA256 SIZE
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setMemoryFlags } from '#app';
import { silentLogger } from '#kit';
import { createClickHouseStore, createFileBlobStore, startEmbeddedClickHouse } from '#storage';
import { earthquakeProfile } from './earthquakes.ts';
import { rehearsingNormalizer, taskOf } from './rehearsing-normalizer.ts';

const [dir, sha256, size] = process.argv.slice(2);
if (dir === undefined || sha256 === undefined) throw new Error('usage: normalize-file.ts DIRECTORY SHA256 SIZE');
setMemoryFlags();
const engine = await startEmbeddedClickHouse({ dir: join(dir, 'clickhouse'), logger: silentLogger });
const canonical = createClickHouseStore(engine);
await canonical.migrate();
const normalizer = rehearsingNormalizer(createFileBlobStore({ dir: join(dir, 'blobs') }), canonical);
const started = performance.now();
const stored = { bucket: 'raw', key: sha256, sha256, size: Number(size) };
const { counts, store } = await normalizer.rehearse({ ...taskOf(stored, earthquakeProfile), alone: true, examples: 0 });
const seconds = (performance.now() - started) / 1000;
const written = (await store.countBySource('default')).get('bench');
await store.close();
await normalizer.close();
await canonical.close();
await engine.close();
const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
process.stdout.write(
  JSON.stringify({ records: written === counts.records ? written : -1, seconds, peak_mb: Math.round(peakKb / 1024) }),
);
