// How fast the normalizer's pure half is on one core, from a stored blob to encoded batches: read, parse, map, hash, validate, dedupe, encode.
// Beside it, in the same run: the least that hand-written JavaScript does with the same file, and jq where there is one.
// Options: --rows N (default 300000), --rounds N (default 5), --keep first|last, --no-shape (rows are not watched for drift),
// --policy (every detector looks at every text, and ids are keyed).
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { setMemoryFlags } from '#app';
import type { Profile } from '#contracts';
import { createFileBlobStore } from '#storage';
import { earthquakeProfile, writeEarthquakes } from './lib/earthquakes.ts';
import { rehearsingNormalizer, taskOf } from './lib/rehearsing-normalizer.ts';
import type { Bench } from './run.ts';

interface Took {
  records: number;
  /** Of all threads of this process: the figure that holds on a busy machine too. */
  cpuSeconds: number;
  seconds: number;
}

export const bench: Bench = async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '300000' },
      rounds: { type: 'string', default: '5' },
      keep: { type: 'string', default: 'last' },
      'no-shape': { type: 'boolean', default: false },
      policy: { type: 'boolean', default: false },
    },
  });
  setMemoryFlags();
  const rows = Number(values.rows);
  const dir = await mkdtemp(join(tmpdir(), 'chartly-bench-'));
  try {
    const file = join(dir, 'rows.ndjson');
    const bytes = await writeEarthquakes(file, rows);
    const blobs = createFileBlobStore({ dir: join(dir, 'blobs') });
    const stored = await blobs.put('raw', createReadStream(file));
    const keep = values.keep === 'first' ? 'first' : 'last';
    const profile: Profile = { ...earthquakeProfile, dedupe: { keep }, ...(values.policy ? { policy: {} } : {}) };
    const normalizer = rehearsingNormalizer(blobs);
    const task = taskOf(stored, profile, !values['no-shape']);
    const normalize = async (): Promise<number> => (await normalizer.judge(task)).counts.records;
    const [own, hand, jq]: Took[][] = [[], [], []];
    for (let n = 0; n <= Number(values.rounds); n++) {
      const results = [await measured(normalize), await measured(() => byHand(file)), await jqTime(file)];
      // The first round warms up.
      if (n > 0) [own, hand, jq].forEach((list, i) => results[i] !== undefined && list!.push(results[i]));
    }
    await normalizer.close();
    const [ours, ceiling, theirs] = [median(own!), median(hand!), median(jq!)];
    if (ours?.records !== rows) throw new Error(`${ours?.records} of ${rows} records`);
    const rate = (took: Took | undefined): number | undefined => took && Math.round(took.records / took.cpuSeconds);
    const ratio = (other: Took | undefined): number | undefined =>
      other && Number((rate(ours)! / rate(other)!).toFixed(3));
    return {
      keep,
      policy: values.policy,
      rows,
      bytes,
      rounds: own!.length,
      records_per_core_s: rate(ours),
      mb_per_core_s: Math.round(bytes / ours.cpuSeconds / 1e6),
      records_per_s: Math.round(ours.records / ours.seconds),
      by_hand_records_per_core_s: rate(ceiling),
      ratio: ratio(ceiling),
      jq_records_per_core_s: rate(theirs),
      ratio_jq: ratio(theirs),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

async function measured(work: () => Promise<number>): Promise<Took> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const records = await work();
  const { user, system } = process.cpuUsage(cpu);
  return { records, cpuSeconds: (user + system) / 1e6, seconds: (performance.now() - started) / 1000 };
}

/** What somebody would write for this one file: no ranges, no contract, no bad rows, no duplicates. */
async function byHand(file: string): Promise<number> {
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }) })) {
    const { id, properties: p, geometry } = JSON.parse(line) as Earthquake;
    const record = {
      name: p.type,
      ts: new Date(p.time).toISOString(),
      id: hash('sha256', id, 'hex'),
      dimensions: { magnitude_type: p.magType, network: p.net, place: p.place },
      measures: {
        depth_km: geometry.coordinates[2],
        latitude: geometry.coordinates[1],
        longitude: geometry.coordinates[0],
        magnitude: p.mag,
      },
    };
    const text = JSON.stringify(record);
    if (hash('sha256', text, 'hex').length === 64) records++;
  }
  return records;
}

interface Earthquake {
  id: string;
  properties: { type: string; time: number; magType: string; net: string; place: string; mag: number };
  geometry: { coordinates: number[] };
}

const jqProgram = `{name: .properties.type, ts: .properties.time, id, dimensions: {place: .properties.place, network: .properties.net, magnitude_type: .properties.magType},
  measures: {magnitude: .properties.mag, longitude: .geometry.coordinates[0], latitude: .geometry.coordinates[1], depth_km: .geometry.coordinates[2]}}`;

/** jq's parse, map and write; undefined where there is none. It runs on one core, so what the shell counts of it is its time there. */
async function jqTime(file: string): Promise<Took | undefined> {
  const script = 'jq -c "$0" "$1" | wc -l; times';
  const started = performance.now();
  const { stdout } = await promisify(execFile)('sh', ['-c', script, jqProgram, file]);
  const [lines, , children] = stdout.trim().split('\n');
  const minutes = [...(children ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const cpuSeconds = minutes.reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);
  if (Number(lines) === 0) return undefined;
  return { records: Number(lines), cpuSeconds, seconds: (performance.now() - started) / 1000 };
}

function median(list: readonly Took[]): Took | undefined {
  return list.toSorted((a, b) => a.cpuSeconds / a.records - b.cpuSeconds / b.records)[list.length >> 1];
}
