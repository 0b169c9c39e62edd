// Peak resident memory of a normalizer process, whose engines are other processes, with a small and a large payload (Linux).
// Options: --small MB (default 100), --large MB (default 2048).
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createFileBlobStore } from '#storage';
import { earthquakeRow, writeEarthquakes } from './lib/earthquakes.ts';
import type { Bench } from './run.ts';

const megabyte = 1 << 20;

export const bench: Bench = async (args) => {
  const options = { small: { type: 'string', default: '100' }, large: { type: 'string', default: '2048' } } as const;
  const { values } = parseArgs({ args, options });
  const small = await normalize(Number(values.small) * megabyte);
  const large = await normalize(Number(values.large) * megabyte);
  return { small, large, growth_mb: large.peak_mb - small.peak_mb };
};

interface Figures {
  records: number;
  seconds: number;
  peak_mb: number;
}

async function normalize(bytes: number): Promise<Figures & { payload_mb: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-memory-'));
  try {
    const file = join(dir, 'rows.ndjson');
    const rows = Math.ceil(bytes / (earthquakeRow(123_456).length + 1));
    await writeEarthquakes(file, rows);
    const { sha256, size } = await createFileBlobStore({ dir: join(dir, 'blobs') }).put('raw', createReadStream(file));
    await rm(file);
    const script = join(import.meta.dirname, 'lib/normalize-file.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [script, dir, sha256, String(size)]);
    const figures = JSON.parse(stdout) as Figures;
    if (figures.records !== rows) throw new Error(`${figures.records} of ${rows} records`);
    return { payload_mb: Math.round(size / megabyte), ...figures, seconds: Number(figures.seconds.toFixed(1)) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
