// Kills a demo run with SIGKILL at random moments, restarts it, and compares the end with the data files.
// usage: node test/chaos/kill.ts [--kills 20] [--per-directory 5]
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expected } from '../demo/expected.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, 'per-directory': { type: 'string', default: '5' } },
});
const kills = Number(values.kills);
const perDirectory = Number(values['per-directory']);
const victim = join(import.meta.dirname, 'demo-process.ts');

interface Outcome {
  sources: { source: string; state: string; stored: number; counts: Record<string, number> }[];
  ok: boolean;
  findings: unknown[];
  quarantine: { source_id: string; count: number }[];
}

/** Runs the victim; kills it after `killAfterMs` unless it ended before. Resolves to its output, or undefined when killed. */
function pass(dataDir: string, killAfterMs?: number): Promise<{ outcome?: Outcome; ms: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, [victim, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      const ms = performance.now() - started;
      if (signal === 'SIGKILL') resolve({ ms });
      else if (code === 0) resolve({ outcome: JSON.parse(output) as Outcome, ms });
      else reject(new Error(`the demo ended with code ${code}: ${output}`));
    });
  });
}

function problems({ sources, ok, findings, quarantine }: Outcome): string[] {
  const found: string[] = ok ? [] : [`verification: ${JSON.stringify(findings).slice(0, 2000)}`];
  for (const [name, want] of Object.entries(expected)) {
    const source = sources.find((s) => s.source === name);
    const rows = quarantine.filter((q) => q.source_id === name).reduce((sum, q) => sum + q.count, 0);
    const have = {
      state: source?.state,
      stored: source?.stored,
      rows: source?.counts.rows,
      records: source?.counts.records,
      quarantined: source?.counts.quarantined,
      quarantineRows: rows,
    };
    const wanted = {
      state: 'succeeded',
      stored: want.records,
      rows: want.rows,
      records: want.records,
      quarantined: want.quarantined,
      quarantineRows: want.quarantineRows,
    };
    if (JSON.stringify(have) !== JSON.stringify(wanted)) {
      found.push(`${name}: ${JSON.stringify(have)}, expected ${JSON.stringify(wanted)}`);
    }
  }
  return found;
}

const tmp = (): Promise<string> => mkdtemp(join(tmpdir(), 'chartly-kill-'));
const calibration = await tmp();
const { ms: wholePass } = await pass(calibration);
await rm(calibration, { recursive: true, force: true });

let failed = 0;
let done = 0;
const slowest: number[] = [];
while (done < kills) {
  const dataDir = await tmp();
  const moments: number[] = [];
  for (let i = 0; i < perDirectory && done < kills; i += 1, done += 1) {
    const moment = Math.round(Math.random() * wholePass);
    moments.push(moment);
    await pass(dataDir, moment);
  }
  const { outcome, ms } = await pass(dataDir);
  slowest.push(ms);
  const found = problems(outcome!);
  if (found.length > 0) {
    failed += 1;
    console.error(`killed at ${moments.join(', ')} ms:\n  ${found.join('\n  ')}\n  kept in ${dataDir}`);
  } else {
    await rm(dataDir, { recursive: true, force: true });
  }
}
console.log(
  JSON.stringify({
    chaos: 'kill',
    kills,
    directories: slowest.length,
    failed,
    whole_pass_ms: Math.round(wholePass),
    slowest_recovery_ms: Math.round(Math.max(...slowest)),
  }),
);
process.exitCode = failed === 0 ? 0 : 1;
