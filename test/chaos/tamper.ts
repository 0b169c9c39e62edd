// Changes stored bytes behind the back of a stopped installation, as a thief or a failing disk would, and expects
// `chartly audit verify` to name what was changed. usage: node test/chaos/tamper.ts
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { silentLogger } from '#kit';
import { createPgliteRelational, startEmbeddedClickHouse } from '#storage';

const main = join(import.meta.dirname, '../../src/main.ts');

interface Told {
  code: number | null;
  out: string;
}

interface Case {
  name: string;
  /** Does the harm and returns what the answer must name. */
  harm: (dataDir: string) => Promise<string>;
  /** The command that must notice; `audit verify` when left out. */
  command?: (dataDir: string) => Promise<string[]>;
}

function chartly(dataDir: string, ...args: string[]): Told {
  const env = { ...process.env, CHARTLY_DATA: dataDir, CHARTLY_LOG_LEVEL: 'silent' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', main, ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { code: status, out: `${stdout}${stderr}` };
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = byte[0]! ^ 1;
  await file.write(byte, 0, 1, at);
  await file.close();
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function withEngine<T>(
  dataDir: string,
  use: (query: (text: string) => Promise<string>) => Promise<T>,
): Promise<T> {
  const engine = await startEmbeddedClickHouse({ dir: join(dataDir, 'clickhouse'), logger: silentLogger });
  const client = createClient(engine);
  try {
    return await use(async (text) => {
      const result = await client.exec({ query: text });
      let answer = '';
      for await (const piece of result.stream) answer += String(piece);
      return answer.trim();
    });
  } finally {
    await client.close();
    await engine.close();
  }
}

async function someRecord(dataDir: string): Promise<{ id: string; raw: string }> {
  const [row = ''] = await withEngine(dataDir, async (query) =>
    (
      await query(
        `SELECT lower(hex(record_id)), lower(hex(raw_sha256)) FROM records FINAL WHERE source_id = 'movies' ORDER BY record_id LIMIT 1 FORMAT TSV`,
      )
    ).split('\n'),
  );
  const [id = '', raw = ''] = row.split('\t');
  return { id, raw };
}

async function harmBlob(dataDir: string, bucket: string): Promise<string> {
  const { raw } = await someRecord(dataDir);
  const blobs = await filesBelow(join(dataDir, 'blobs', bucket));
  const path = blobs.find((file) => file.includes(raw)) ?? blobs[0]!;
  await flip(path, Math.floor((await stat(path)).size / 2));
  return path.slice(-68, -4);
}

/** The data of the largest part in use. */
async function largestPart(dataDir: string): Promise<string> {
  const path = await withEngine(dataDir, (query) =>
    query(
      `SELECT path FROM system.parts WHERE table = 'records' AND active ORDER BY bytes_on_disk DESC LIMIT 1 FORMAT TSV`,
    ),
  );
  return join(path, 'data.bin');
}

/** Flips a byte of a text wherever the relational engine keeps it. */
async function harmText(dataDir: string, text: string): Promise<void> {
  let found = 0;
  for (const path of await filesBelow(join(dataDir, 'pg', 'base'))) {
    const at = (await readFile(path)).indexOf(text);
    if (at < 0) continue;
    await flip(path, at + text.length - 1);
    found += 1;
  }
  if (found === 0) throw new Error(`no file of the relational engine holds ${text}`);
}

const update = (set: string, where: string) => (dataDir: string) =>
  withEngine(dataDir, async (query) => {
    await query(`ALTER TABLE records UPDATE ${set} WHERE ${where} SETTINGS mutations_sync = 2`);
  });

const cases: Case[] = [
  { name: 'a byte of a payload', harm: (dataDir) => harmBlob(dataDir, 'raw') },
  {
    name: 'a byte of a payload, seen by trace',
    harm: (dataDir) => harmBlob(dataDir, 'raw'),
    command: async (dataDir) => ['trace', (await someRecord(dataDir)).id],
  },
  { name: 'a byte of a batch of leaves', harm: (dataDir) => harmBlob(dataDir, 'batches') },
  {
    name: 'a payload that is gone',
    async harm(dataDir) {
      const { raw } = await someRecord(dataDir);
      const path = (await filesBelow(join(dataDir, 'blobs/raw'))).find((file) => file.includes(raw))!;
      await rm(path);
      return raw;
    },
  },
  {
    name: 'a byte of a data part',
    async harm(dataDir) {
      const path = await largestPart(dataDir);
      await flip(path, Math.floor((await stat(path)).size / 2));
      return path.split('/').at(-2)!;
    },
  },
  {
    name: 'a value of a record',
    async harm(dataDir) {
      const { id } = await someRecord(dataDir);
      await update(`measures = mapApply((k, v) -> (k, v + 1), measures)`, `record_id = unhex('${id}')`)(dataDir);
      return id;
    },
  },
  {
    name: 'a record that is gone',
    async harm(dataDir) {
      const { id } = await someRecord(dataDir);
      return withEngine(dataDir, async (query) => {
        const batch = await query(
          `SELECT lower(hex(batch_id)) FROM records WHERE record_id = unhex('${id}') FORMAT TSV`,
        );
        await query(`ALTER TABLE records DELETE WHERE record_id = unhex('${id}') SETTINGS mutations_sync = 2`);
        return batch;
      });
    },
  },
  {
    name: 'a payload taken away as if it had expired',
    async harm(dataDir) {
      const { raw } = await someRecord(dataDir);
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      const [ref] = await relational.query<{ run_id: string }>(
        `update raw_ref set expired_at = now(), removed_at = now() where sha256 = '${raw}' returning run_id::text as run_id`,
      );
      await relational.close();
      await rm((await filesBelow(join(dataDir, 'blobs/raw'))).find((file) => file.includes(raw))!);
      return ref!.run_id;
    },
  },
  {
    name: 'a byte of a ledger row',
    async harm(dataDir) {
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      const [row] = await relational.query<{ seq: string; leaf: string }>(
        `select seq, leaf from ledger_entry order by seq offset 3 limit 1`,
      );
      await relational.close();
      await harmText(dataDir, row!.leaf.slice(0, 200));
      return `entry ${row!.seq}`;
    },
  },
  {
    name: 'a word of a ledger entry',
    async harm(dataDir) {
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      await relational.execute(
        `update ledger_entry set leaf = replace(leaf, '"outcome":"succeeded"', '"outcome":"failed"') where seq = 7`,
      );
      await relational.close();
      return 'entry 7';
    },
  },
  {
    name: 'a ledger row that is gone',
    async harm(dataDir) {
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      await relational.execute('delete from ledger_entry where seq = 5');
      await relational.close();
      return 'entry 5';
    },
  },
  {
    name: 'the end of the ledger cut off',
    async harm(dataDir) {
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      await relational.execute('delete from ledger_entry where seq = (select max(seq) from ledger_entry)');
      await relational.close();
      return 'ledger';
    },
  },
  {
    name: 'a count of a receipt',
    async harm(dataDir) {
      const relational = await createPgliteRelational({ dir: join(dataDir, 'pg') });
      const [row] = await relational.query<{ batch_id: string }>(
        `update batch_receipt set counts = jsonb_set(counts, '{records}', '1') where batch_id = (select min(batch_id) from batch_receipt) returning batch_id`,
      );
      await relational.close();
      return row!.batch_id;
    },
  },
];

const root = await mkdtemp(join(tmpdir(), 'chartly-tamper-'));
let failed = 0;
try {
  const whole = join(root, 'whole');
  const demo = chartly(whole, 'demo', '--exit', '--port', '0');
  if (demo.code !== 0) throw new Error(demo.out);
  const before = chartly(whole, 'audit', 'verify');
  if (before.code !== 0) throw new Error(before.out);
  for (const { name, harm, command } of cases) {
    const dataDir = join(root, 'harmed');
    // Links that stay relative lead into the copy.
    await cp(whole, dataDir, { recursive: true, verbatimSymlinks: true });
    const args = (await command?.(dataDir)) ?? ['audit', 'verify'];
    const named = await harm(dataDir);
    const { code, out } = chartly(dataDir, ...args);
    const noticed = code === 1 && out.includes(named);
    if (!noticed) failed += 1;
    console.error(`${noticed ? 'noticed' : 'NOT NOTICED'}: ${name} (${named}), exit code ${code}\n${out}\n`);
    await rm(dataDir, { recursive: true, force: true });
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
console.log(JSON.stringify({ chaos: 'tamper', cases: cases.length, failed }));
process.exitCode = failed === 0 ? 0 : 1;
