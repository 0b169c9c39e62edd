// Peak resident memory of the whole process tree while a small and a large NDJSON file are ingested: it must not grow with the payload.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { earthquakeRow, writeEarthquakes } from './lib/earthquakes.ts';
import type { Bench } from './run.ts';

const megabyte = 1 << 20;

export const bench: Bench = async (args) => {
  const options = { small: { type: 'string', default: '50' }, large: { type: 'string', default: '1024' } } as const;
  const { values } = parseArgs({ args, options });
  const small = await ingest(Number(values.small) * megabyte);
  const large = await ingest(Number(values.large) * megabyte);
  return { small, large, growth_mb: large.peak_mb - small.peak_mb };
};

interface Figures {
  payload_mb: number;
  records: number;
  seconds: number;
  peak_mb: number;
}

async function ingest(bytes: number): Promise<Figures> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-memory-'));
  try {
    const rows = Math.ceil(bytes / (earthquakeRow(123_456).length + 1));
    const written = await writeEarthquakes(join(dir, 'rows.ndjson'), rows);
    const started = performance.now();
    const script = join(import.meta.dirname, 'lib/ingest-file.ts');
    const child = spawn(process.execPath, [script, dir, 'rows.ndjson'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, residentBytes(child.pid!))), 50);
    await new Promise((resolve) => child.on('exit', resolve));
    clearInterval(timer);
    const result = JSON.parse(output) as { state: string; records: number };
    if (result.records !== rows) throw new Error(`the run ${result.state} with ${result.records} of ${rows} records`);
    return {
      payload_mb: Math.round(written / megabyte),
      records: result.records,
      seconds: Number(((performance.now() - started) / 1000).toFixed(1)),
      peak_mb: Math.round(peak / megabyte),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Resident bytes of a process and its descendants, from /proc (Linux). */
function residentBytes(root: number): number {
  const children = new Map<number, number[]>();
  const pages = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
      pages.set(Number(entry), Number(fields[21]));
    } catch {
      // The process ended between the listing and the read.
    }
  }
  const sum = (pid: number): number =>
    (pages.get(pid) ?? 0) + (children.get(pid) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(root) * 4096;
}
