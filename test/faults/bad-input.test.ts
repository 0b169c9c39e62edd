// Bad input gets a clear error and loses nothing: payloads through the whole pipeline, documents and requests at the door.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, serve, type Serving } from '#app';
import type { Counts, Problem, Profile, QuarantineRecord, Run, Source } from '#contracts';

const twoGigabytes = 2 * 1024 ** 3;
let dir: string;
let serving: Serving;
let upstream: Server;
let upstreamUrl: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-bad-'));
  upstream = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'content-length': String(twoGigabytes) });
    const block = Buffer.alloc(1 << 20, 0x20);
    const pump = (): void => {
      while (!response.destroyed && response.write(block));
    };
    response.on('drain', pump);
    pump();
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  serving = await serve(readConfig({}, { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'silent' }));
});

afterAll(async () => {
  await serving.stop();
  upstream.closeAllConnections();
  upstream.close();
  await rm(dir, { recursive: true, force: true });
});

function api(path: string, init: RequestInit = {}, key = serving.apiKey): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(`${serving.url}${path}`, { headers, ...init });
}

async function apply(documents: { kind: string; file?: string; spec: unknown }[]): Promise<Response> {
  return api('/v1/apply', { method: 'POST', body: JSON.stringify({ documents }) });
}

const rules: Profile['records'] = [
  {
    kind: 'event',
    name: { path: 'type', default: 'reading' },
    key: ['id'],
    ts: { path: 'at', format: 'iso' },
    measures: { level: { path: 'level', required: true } },
  },
];

/** Ingests one payload from a file and returns what became of it. */
async function ingest(
  name: string,
  format: Profile['format'],
  payload: string | Buffer,
): Promise<{ run: Run; quarantined: QuarantineRecord[] }> {
  await writeFile(join(dir, name), payload);
  const source: Source = { source: name, connector: 'file', profile: name, file: { path: name } };
  const profile: Profile = { profile: name, version: '1.0.0', format, records: rules };
  const applied = await apply([
    { kind: 'profile', spec: profile },
    { kind: 'source', spec: source },
  ]);
  expect(applied.status, await applied.clone().text()).toBe(200);
  const run = await ingestAndWait(name);
  const listed = await api(`/v1/quarantine?source=${name}&limit=100`);
  return { run, quarantined: ((await listed.json()) as { items: QuarantineRecord[] }).items };
}

async function ingestAndWait(source: string): Promise<Run> {
  const asked = await api(`/v1/sources/${source}/ingest`, { method: 'POST', body: '{}' });
  expect(asked.status, await asked.clone().text()).toBe(202);
  const { run_id } = (await asked.json()) as Run;
  return serving.system.orchestrator.waitForRun('default', run_id);
}

const good = (id: number): string => `{"id":${id},"at":"2026-01-0${id}","level":${id}}`;

function accounts(counts: Counts): number {
  return counts.records + counts.quarantined + counts.deduplicated + counts.skipped;
}

describe('bad payloads', () => {
  const cases: [string, Profile['format'], string | Buffer, { records: number; reasons: string[] }][] = [
    ['malformed.ndjson', 'ndjson', `${good(1)}\n{"id":2,,}\n${good(3)}\n`, { records: 2, reasons: ['parse_error'] }],
    ['truncated.ndjson', 'ndjson', `${good(1)}\n${good(2).slice(0, 20)}`, { records: 1, reasons: ['truncated'] }],
    ['truncated.json', 'json', `[${good(1)},${good(2)},{"id":3,"at"`, { records: 2, reasons: ['truncated'] }],
    ['malformed.json', 'json', `[${good(1)},{"id" 2},${good(3)}]`, { records: 2, reasons: ['parse_error'] }],
    [
      'utf8.ndjson',
      'ndjson',
      Buffer.concat([
        Buffer.from(`${good(1)}\n{"id":2,"at":"2026-01-02","level":1,"n":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from(`"}\n${good(3)}\n`),
      ]),
      { records: 2, reasons: ['invalid_utf8'] },
    ],
    ['empty.json', 'json', '', { records: 0, reasons: ['empty_payload'] }],
    [
      'ragged.csv',
      'csv',
      'id,at,level\n1,2026-01-01,5\n2,2026-01-02\n3,2026-01-03,5,6\n4,2026-01-04,7\n',
      { records: 2, reasons: ['ragged_row', 'ragged_row'] },
    ],
    ['missing.ndjson', 'ndjson', '{"id":1,"at":"2026-01-01"}\n', { records: 0, reasons: ['missing_field'] }],
    ['time.ndjson', 'ndjson', '{"id":1,"at":"2026-02-30","level":1}\n', { records: 0, reasons: ['time_invalid'] }],
    ['cast.ndjson', 'ndjson', '{"id":1,"at":"2026-02-03","level":"high"}\n', { records: 0, reasons: ['cast_failed'] }],
    [
      'contract.ndjson',
      'ndjson',
      `{"id":1,"at":"2026-02-03","level":1,"type":"${'x'.repeat(300)}"}\n${good(2)}`,
      { records: 1, reasons: ['contract_violation'] },
    ],
  ];

  it.for(cases)('%s: quarantined with its reason; the rows around it stay', async ([name, format, payload, want]) => {
    const { run, quarantined } = await ingest(name, format, payload);
    expect(run.state).toBe(want.records === 0 ? 'quarantined' : 'succeeded');
    expect(run.counts.records).toBe(want.records);
    expect(quarantined.map((q) => q.reason_code).sort()).toEqual(want.reasons);
    expect(accounts(run.counts)).toBe(run.counts.candidates);
    for (const row of quarantined) {
      expect(row.recovery).not.toBe('');
      expect(row.byte_end).toBeLessThanOrEqual(Buffer.byteLength(payload));
      expect(row.value_masked).not.toContain('high');
    }
  });

  it('stops a body of 2 GB at the cap, keeps nothing of it, and says what to do', async () => {
    const spec: Source = {
      source: 'huge',
      connector: 'http',
      profile: 'contract.ndjson',
      http: { url: upstreamUrl, allow_private: true },
      limits: { max_bytes: 8 << 20 },
    };
    expect((await apply([{ kind: 'source', spec }])).status).toBe(200);
    const run = await ingestAndWait('huge');
    expect(run.state).toBe('failed');
    expect(run.error?.code).toBe('upstream_too_large');
    expect(run.error?.action).toContain('max_bytes');
    const blobs = await readdir(join(dir, 'data/blobs'), { recursive: true });
    expect(blobs.filter((file) => file.includes('tmp') && !file.endsWith('tmp'))).toEqual([]);
  });
});

describe('bad documents and requests', () => {
  it('refuses an unknown field of a profile, naming file and pointer', async () => {
    const spec = { profile: 'p', version: '1.0.0', format: 'csv', records: [{ ...rules[0], kye: ['id'] }] };
    const response = await apply([{ kind: 'profile', file: 'profiles/p.yaml', spec }]);
    expect(response.status).toBe(422);
    const problem = (await response.json()) as Problem;
    expect(problem.code).toBe('workspace_invalid');
    expect(JSON.stringify(problem.errors)).toContain('kye');
    expect(problem.errors![0]).toMatchObject({ file: 'profiles/p.yaml', pointer: '/records/0/kye' });
  });

  it('refuses a wrong key with a problem document that says how to get one', async () => {
    const response = await api('/v1/sources', {}, 'chk_wrong');
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect((await response.json()) as Problem).toMatchObject({ code: 'unauthorized', status: 401 });
  });

  it('refuses a second process on the same data directory, and a port in use', async () => {
    const config = readConfig({}, { dataDir: join(dir, 'data'), port: 0, logLevel: 'silent' });
    await expect(serve(config)).rejects.toMatchObject({ code: 'data_dir_locked' });
    const taken = Number(new URL(serving.url).port);
    const other = readConfig({}, { dataDir: join(dir, 'other'), port: taken, logLevel: 'silent' });
    await expect(serve(other)).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
