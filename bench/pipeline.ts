// The full path on generated earthquake-like NDJSON, beside the engine's own load of the same rows in the same run.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { readConfig, serve } from '#app';
import type { RequestContext } from '#kit';
import { earthquakeProfile, writeEarthquakes } from './lib/earthquakes.ts';
import type { Bench } from './run.ts';

const context: RequestContext = { tenantId: 'default', actor: 'cli', requestId: 'bench' };

export const bench: Bench = async (args) => {
  const { values } = parseArgs({
    args,
    options: { rows: { type: 'string', default: '500000' }, rounds: { type: 'string', default: '3' } },
  });
  const rows = Number(values.rows);
  const rounds = [];
  for (let n = 0; n < Number(values.rounds); n += 1) rounds.push(await round(rows));
  rounds.sort((a, b) => a.ratio - b.ratio);
  return { rows, rounds: rounds.length, ...rounds[rounds.length >> 1]! };
};

async function round(rows: number): Promise<{ [figure: string]: number; ratio: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-bench-'));
  try {
    const file = join(dir, 'rows.ndjson');
    const bytes = await writeEarthquakes(file, rows);
    const path = await fullPath(dir, rows);
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(import.meta.dirname, 'lib/engine-load.ts'),
      join(dir, 'data/clickhouse'),
      file,
    ]);
    const { source, mapped } = JSON.parse(stdout) as Record<'source' | 'mapped', { rows: number; seconds: number }>;
    if (source.rows !== rows || mapped.rows !== rows) throw new Error('the engine did not load every row');
    const perSecond = rows / path.normalize;
    const ratio = (reference: { seconds: number }): number =>
      Number((perSecond / (rows / reference.seconds)).toFixed(3));
    return {
      bytes,
      records_per_second: Math.round(perSecond),
      with_capture_records_per_second: Math.round(rows / path.whole),
      engine_load_records_per_second: Math.round(rows / source.seconds),
      engine_load_mapped_records_per_second: Math.round(rows / mapped.seconds),
      ratio: ratio(source),
      ratio_mapped: ratio(mapped),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Seconds from the request to the run's end, and of that from the stored blob to the settled batches. */
async function fullPath(dir: string, rows: number): Promise<{ whole: number; normalize: number }> {
  const config = readConfig({}, { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'error' });
  const serving = await serve(config);
  const { system } = serving;
  try {
    await system.orchestrator.apply(context, [
      { kind: 'profile', spec: earthquakeProfile },
      { kind: 'source', spec: { source: 'bench', connector: 'file', profile: 'bench', file: { path: 'rows.ndjson' } } },
    ]);
    const started = performance.now();
    const asked = await system.orchestrator.ingest(context, 'bench', 'cli');
    const run = await system.orchestrator.waitForRun('default', asked.run_id);
    const whole = (performance.now() - started) / 1000;
    if (run.counts.records !== rows) throw new Error(`the run gave ${run.counts.records} of ${rows} records`);
    const { steps } = await system.orchestrator.run('default', asked.run_id);
    const step = steps.find((s) => s.step === 'normalize')!;
    return { whole, normalize: (Date.parse(step.ended_at!) - Date.parse(step.started_at!)) / 1000 };
  } finally {
    await serving.stop();
  }
}
