// A stranger's first hour, through the command line alone, against a real system.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '#cli';

interface Outcome {
  code: number;
  out: string;
  err: string;
}

const main = join(import.meta.dirname, '../../src/main.ts');
const rows = 96;
const records = rows * 2 - 1;

describe('the command line', () => {
  let root: string;
  let workspace: string;
  let dataDir: string;
  let server: ChildProcess;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'chartly-cli-'));
    workspace = join(root, 'my-data');
    dataDir = join(root, 'data');
    await run(['init', workspace], quiet([], []));
    server = spawn(process.execPath, [main, 'up', '--port', '0', '--data', dataDir, '--json'], {
      cwd: workspace,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout!, 'data');
  });
  afterAll(async () => {
    server.kill('SIGTERM');
    const [code] = (await once(server, 'exit')) as [number | null];
    await rm(root, { recursive: true, force: true });
    if (code !== 0) throw new Error(`a stopped server ended with ${code}`);
  });

  function quiet(out: Buffer[], err: string[], input = ''): Parameters<typeof run>[1] {
    return {
      out: (text) => void out.push(Buffer.from(text)),
      err: (text) => void err.push(text),
      readInput: async () => input,
      columns: undefined,
      color: false,
      liveErr: false,
    };
  }

  async function chartly(argv: string[], input?: string): Promise<Outcome> {
    const out: Buffer[] = [];
    const err: string[] = [];
    const code = await run([...argv, '--data', dataDir], quiet(out, err, input));
    return { code, out: Buffer.concat(out).toString('utf8'), err: err.join('') };
  }

  async function json<T>(argv: string[], input?: string): Promise<T> {
    const { out, err } = await chartly([...argv, '--json'], input);
    expect(err.includes('error:') ? err : '', argv.join(' ')).toBe('');
    return JSON.parse(out) as T;
  }

  it('validates, applies and ingests the workspace that init wrote, and every row is accounted for', async () => {
    expect(await chartly(['validate', workspace])).toMatchObject({ code: 0, out: 'valid: 3 documents\n' });
    const dry = await json<{ items: { change: string }[] }>(['apply', workspace, '--dry-run']);
    expect(dry.items.map(({ change }) => change)).toEqual(['created', 'created', 'created']);
    expect((await json<{ items: { change: string }[] }>(['apply', workspace])).items).toHaveLength(3);
    const again = await json<{ items: { change: string }[] }>(['apply', workspace]);
    expect(again.items.map(({ change }) => change)).toEqual(['unchanged', 'unchanged', 'unchanged']);

    const ended = await json<{ state: string; counts: object; run_id: string }>(['ingest', 'readings', '--wait']);
    expect(ended).toMatchObject({
      state: 'succeeded',
      counts: { rows, candidates: rows * 2, records, quarantined: 1, deduplicated: 0, skipped: 0 },
    });
    const shown = await json<{ steps: { state: string }[] }>(['runs', 'show', ended.run_id]);
    expect(shown.steps.map(({ state }) => state)).toEqual(shown.steps.map(() => 'succeeded'));
    const listed = await json<{ items: { run_id: string }[] }>(['runs', 'list', '--source', 'readings']);
    expect(listed.items.map(({ run_id }) => run_id)).toContain(ended.run_id);
  });

  it('shows the refused row with its bytes', async () => {
    const { items } = await json<{ items: { quarantine_id: string }[] }>([
      'quarantine',
      'list',
      '--source',
      'readings',
    ]);
    expect(items).toHaveLength(1);
    const { out } = await chartly(['quarantine', 'show', items[0]!.quarantine_id]);
    expect(out).toMatch(/^reason +value_out_of_range$/m);
    expect(out).toContain('as captured:\n2026-01-02T06:00:00.000Z,hill,999.0,');
  });

  it('asks, renders, traces and verifies', async () => {
    const query = JSON.stringify({
      kind: 'metric',
      name: 'humidity',
      group_by: [{ field: 'dimensions.station', as: 'station' }],
      aggregates: [{ fn: 'count', as: 'n' }],
    });
    const csv = await chartly(['query', '-', '--csv'], query);
    expect(csv.out.split('\r\n').toSorted()).toEqual(['', 'harbour,48', 'hill,48', 'station,n']);

    const page = join(root, 'readings.html');
    expect((await chartly(['report', 'render', 'readings', '-o', page])).code).toBe(0);
    expect(await readFile(page, 'utf8')).toContain('<svg');

    const select = JSON.stringify({ kind: 'metric', name: 'temperature', select: ['record_id', 'value'], limit: 1 });
    const { rows: found } = await json<{ rows: [string, number][] }>(['query', '-'], select);
    const [recordId, value] = found[0]!;
    const traced = await json<{ raw: { bytes_base64: string; blob_verified: boolean } }>(['trace', recordId]);
    expect(traced.raw.blob_verified).toBe(true);
    const row = Buffer.from(traced.raw.bytes_base64, 'base64').toString('utf8');
    expect(row.split(',').map(Number)).toContain(value);
    expect((await chartly(['trace', recordId])).out).toContain(row.trim());

    const verified = await json<{ ok: boolean; records: number; findings: unknown[] }>(['audit', 'verify']);
    expect(verified).toMatchObject({ ok: true, records, findings: [] });
    const { items } = await json<{ items: { seq: string }[] }>(['audit', 'show', '--limit', '3']);
    expect(items.map(({ seq }) => seq)).toEqual(['0', '1', '2']);
  });

  it('drafts documents from data that apply, run and render at once, and reads applied profiles', async () => {
    const file = join(import.meta.dirname, '../../node_modules/vega-datasets/data/seattle-weather.csv');
    expect(await run(['profile', 'infer', file, '--out', workspace], quiet([], []))).toBe(0);
    expect((await chartly(['apply', workspace])).code).toBe(0);
    const ended = await json<{ state: string; counts: object }>(['ingest', 'seattle-weather', '--wait']);
    expect(ended).toMatchObject({ state: 'succeeded', counts: { candidates: 1461, records: 1461 } });
    const page = join(root, 'weather.html');
    expect((await chartly(['report', 'render', 'seattle-weather', '-o', page])).code).toBe(0);
    expect((await readFile(page, 'utf8')).match(/<svg/g)).toHaveLength(3);

    const { items } = await json<{ items: { state: string }[] }>(['profile', 'list']);
    expect(items.map(({ state }) => state)).toEqual(['active', 'active']);
    expect((await chartly(['profile', 'show', 'seattle-weather'])).out).toContain('path: date');
    expect((await chartly(['profile', 'show', 'readings@9.9.9'])).err).toContain('code: not_found');
  });

  it('makes keys that work until they are revoked', async () => {
    const created = await json<{ key: { key_id: string }; secret: string }>(['key', 'create', 'dashboard']);
    const viewer = ['--key', created.secret];
    expect((await chartly(['report', 'list', ...viewer])).code).toBe(0);
    const refused = await chartly(['ingest', 'readings', ...viewer]);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('code: forbidden')]);
    expect((await chartly(['key', 'revoke', created.key.key_id])).code).toBe(0);
    const { items } = await json<{ items: { key_id: string; revoked_at?: string }[] }>(['key', 'list']);
    expect(items.find(({ key_id }) => key_id === created.key.key_id)?.revoked_at).toBeDefined();
  });

  it('says where a workspace is wrong: in YAML, in its contract, in its meaning', async () => {
    const wrong = join(root, 'wrong');
    await run(['init', wrong], quiet([], []));
    const file = join(wrong, 'profiles/readings.yaml');
    const good = await readFile(file, 'utf8');
    const refuse = async (text: string): Promise<string> => {
      await writeFile(file, text);
      const { code, err } = await chartly(['validate', wrong]);
      expect(code).toBe(1);
      return err;
    };
    expect(await refuse(good.replace('records:', 'records: ['))).toMatch(/profiles\/readings\.yaml:\d+:\d+: /);
    expect(await refuse(good.replace('timezone: UTC', 'time_zone: UTC'))).toMatch(
      /profiles\/readings\.yaml:\d+:\d+: .*time_zone/,
    );
    const meaning = await refuse(good.replace('timezone: UTC', 'timezone: Mars/Olympus'));
    expect(meaning).toMatch(/profiles\/readings\.yaml:6:1: /);
  });

  it('finds everything well', async () => {
    const report = await json<{ ok: boolean; checks: { check: string; status: string }[] }>(['doctor']);
    expect(report.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(report.checks.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['node', 'data directory', 'lock', 'disk', 'services', 'ledger']),
    );
    expect(report.ok).toBe(true);
  });

  it('refuses a second server on the directory, naming the first', async () => {
    const { code, err } = await chartly(['up', '--port', '0']);
    expect(code).toBe(1);
    expect(err).toContain(`process ${server.pid}`);
    expect(err).toContain('code: data_dir_locked');
  });
});
