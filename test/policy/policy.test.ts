// Personal data through the whole system: what a scan finds after the fact, which exports it names, and that nothing of it is left under a policy.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, readConfig, testProfiles, type System } from '#app';
import { type Io, run } from '#cli';
import type { Policy, Profile, Scan } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };

const planted = {
  email: 'ada.lovelace@example.org',
  phone: '+49 30 901820',
  iban: 'DE89370400440532013000',
  card: '4111111111111111',
  who: 'customer-4711-lovelace',
  key: 'grace.hopper@example.org',
  broken: 'secret-that-is-no-number',
  name: 'eve@example.org',
  member: 'alan.turing@example.org',
};

const rows = [
  {
    id: planted.key,
    t: '2026-01-01',
    email: planted.email,
    phone: planted.phone,
    iban: planted.iban,
    who: planted.who,
    n: 1,
  },
  { id: 'cast', t: '2026-01-01', email: planted.email, who: 'b', n: planted.broken },
  { id: 'contract', t: '2026-01-01', email: planted.email, who: planted.name.repeat(40), n: 1 },
  { id: 'time', t: planted.broken, email: planted.email, who: 'd', n: 1 },
  { id: 'card', t: '2026-01-01', email: 'none', who: 'e', n: 1, card: planted.card },
  { id: 'name', t: '2026-01-01', email: 'none', who: 'f', n: 1, kind: planted.name },
  { id: 'long', t: '2026-01-01', email: 'none', who: 'h', n: 1, kind: planted.broken.repeat(20) },
  { id: 'member', t: '2026-01-01', email: 'none', who: 'i', n: 1, seen: { [planted.member]: 1 } },
  { id: 'expression', t: '2026-01-01', email: 'none', who: 'g', n: 1, list: planted.broken },
];

const profile: Profile = {
  profile: 'people',
  version: '1.0.0',
  format: 'ndjson',
  records: [
    {
      kind: 'event',
      name: { path: 'kind', default: 'signup' },
      key: ['id'],
      ts: 't',
      dimensions: {
        email: 'email',
        phone: 'phone',
        iban: 'iban',
        who: { path: 'who', required: true },
        listed: { cel: 'has(row.list) ? row.list[0] : ""' },
      },
      measures: { n: 'n', card_number: { path: 'card', cast: 'int64' } },
    },
  ],
};
const policy: Policy = {
  subject: 'who',
  fields: {
    'dimensions.email': { action: 'encrypt' },
    'dimensions.phone': { action: 'tokenise' },
    'dimensions.iban': { action: 'mask' },
    'dimensions.who': { action: 'hash' },
  },
};

let dir: string;
let system: System;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-policy-'));
  await mkdir(join(dir, 'data'));
  await writeFile(join(dir, 'data', 'people.ndjson'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const config = readConfig({}, { dataDir: join(dir, 'store'), workspaceDir: dir, port: 0, logLevel: 'silent' });
  system = await compose(config);
  await system.orchestrator.start();
});

afterAll(async () => {
  await system?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function ended(run: { run_id: string }): Promise<void> {
  expect((await system.orchestrator.waitForRun(tenant, run.run_id)).state).toMatch(/succeeded|quarantined/);
}

async function everythingOf(source: string): Promise<string> {
  const records = (await Array.fromAsync(system.canonical.scan(tenant, { sourceId: source }))).flat();
  const tables = await system.relational.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  );
  const dumps: unknown[] = [];
  for (const { name } of tables)
    dumps.push(await system.relational.query(`select to_jsonb(x)::text as row from "${name}" x`));
  // The other source has no policy: what its rows look like may be kept.
  const own = dumps.flat().filter((row) => !JSON.stringify(row).includes('source_id\\": \\"open'));
  expect(own.length).toBeLessThan(dumps.flat().length);
  expect(own.length).toBeGreaterThan(20);
  const metrics = (await system.observer.exposition()).body;
  const items = await system.normalizer.quarantined(tenant, { sourceId: source, limit: 100 });
  return JSON.stringify([records, own, metrics, items], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** What a command prints. */
async function told(argv: readonly string[]): Promise<string> {
  const printed: string[] = [];
  const write = (text: string | Uint8Array): void => void printed.push(String(text));
  const io: Io = { out: write, err: write, readInput: async () => '', columns: 200, color: false, liveErr: true };
  expect(await run(argv, io), printed.join('')).toBe(0);
  return printed.join('');
}

async function scanAll(sourceId?: string): Promise<Scan> {
  const scan = await system.orchestrator.scan(context, { sourceId });
  expect(scan.next).toBeUndefined();
  return scan;
}

const source = (id: string) => ({
  kind: 'source' as const,
  spec: { source: id, profile: 'people', connector: 'file', file: { path: 'data/people.ndjson' } },
});

describe('the example workspace', () => {
  it('gives what its fixtures say', async () => {
    const results = await testProfiles(join(import.meta.dirname, '../../examples/policies'), false);
    expect(results).toMatchObject([{ profile: 'customers', outcome: 'passed', differences: [] }]);
  });
});

describe('personal data', () => {
  it('is found after the fact, with the records and the exports that it reached', async () => {
    const report = {
      kind: 'report' as const,
      spec: {
        report: 'people',
        title: 'People',
        sections: [
          {
            id: 'all',
            query: { kind: 'event', name: 'signup', source: 'open', select: ['dimensions.email', 'dimensions.iban'] },
          },
        ],
      },
    };
    await system.orchestrator.apply(context, [{ kind: 'profile', spec: profile }, source('open'), report]);
    await ended(await system.orchestrator.ingest(context, 'open', 'cli'));
    const rendered = await system.analytics.render(tenant, await system.orchestrator.report(tenant, 'people'), {
      format: 'csv',
    });
    expect(rendered.body.toString()).toContain(planted.email);

    const scan = await scanAll('open');
    expect(scan).toMatchObject({ payloads: 1, total: 1, missing: 0, truncated: false });
    const of = (detector: string, pointer: string) =>
      scan.items.find((item) => item.detector === detector && item.pointer === pointer);
    expect(of('email', '/email')).toMatchObject({ count: 4, where: 'row', reached: ['event dimensions.email'] });
    expect(of('email', '/id')).toMatchObject({ count: 1, reached: [] });
    expect(of('card', '/card')).toMatchObject({ count: 1, reached: ['event measures.card_number'] });
    expect(of('email', '/kind')).toMatchObject({ reached: ['event name'] });
    expect(scan.exports).toEqual([
      expect.objectContaining({
        report_id: 'people',
        format: 'csv',
        artifact_sha256: rendered.manifest.artifact_sha256,
        values: 2,
      }),
    ]);
    for (const value of Object.values(planted)) expect(JSON.stringify(scan)).not.toContain(value);
    const entries = await system.audit.entries(tenant, { limit: 1000 });
    expect(entries.find(({ entry }) => entry.action === 'scan.completed')?.entry).toMatchObject({
      resource: 'source:open',
      details: { payloads: 1, findings: scan.findings, exports: 1, exports_with_values: 1 },
    });
  });

  it('is in no store, log line, error or metric under a policy, whatever fails', async () => {
    const guarded = { ...profile, profile: 'guarded', policy };
    await system.orchestrator.apply(context, [
      { kind: 'profile', spec: guarded },
      { kind: 'source', spec: { ...source('closed').spec, profile: 'guarded' } },
    ]);
    await system.relational.execute(`delete from artifact`);
    await ended(await system.orchestrator.ingest(context, 'closed', 'cli'));
    const rejected = await system.normalizer.quarantined(tenant, { sourceId: 'closed', limit: 100 });
    const reasons = rejected.items.map((item) => item.reason_code);
    expect(new Set(reasons)).toEqual(
      new Set(['cast_failed', 'time_invalid', 'policy_violation', 'expression_failed', 'contract_violation']),
    );
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'closed' });
    expect(preview.records).toMatchObject({ added: 0, changed: 0, retired: 0 });

    const everything = await everythingOf('closed');
    expect(everything).toContain('enc1.');
    expect(everything).toContain('tok_');
    const shown = JSON.stringify([everything, preview], (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const [name, value] of Object.entries(planted)) expect(shown.includes(value), name).toBe(false);

    const scan = await scanAll('closed');
    expect(scan.findings).toBeGreaterThan(5);
    expect(scan.items.flatMap((item) => item.reached)).toEqual([]);
    expect(scan.exports).toEqual([]);
  });

  it('is not shown by a preview of a policy over records that hold it', async () => {
    const [old] = (await Array.fromAsync(system.canonical.scan(tenant, { sourceId: 'open' }))).flat();
    expect(JSON.stringify(old, (_key, value: unknown) => (typeof value === 'bigint' ? '' : value))).toContain(
      '@example.org',
    );
    const candidate = { ...profile, version: '1.0.1', policy };
    const preview = await system.orchestrator.previewReplay(tenant, { sourceId: 'open', profile: candidate });
    expect(preview.records.retired).toBeGreaterThan(0);
    expect(preview.reports[0]!.cells.length).toBeGreaterThan(0);
    for (const [name, value] of Object.entries(planted))
      expect(JSON.stringify(preview).includes(value), name).toBe(false);
  });

  it('can be read again by its key, with an entry that says why, until the key is destroyed', async () => {
    const [record] = (await Array.fromAsync(system.canonical.scan(tenant, { sourceId: 'closed' })))
      .flat()
      .filter((r) => r.dimensions.phone);
    const { email, phone } = record!.dimensions;
    expect(await system.normalizer.reveal(context, email!, 'ticket 17')).toBe(planted.email);
    expect(await system.normalizer.reveal(context, phone!, 'ticket 17')).toBe(planted.phone);
    await expect(system.normalizer.reveal(context, 'ada', 'ticket 17')).rejects.toMatchObject({
      code: 'validation_failed',
    });
    const entries = await system.audit.entries(tenant, { limit: 1000 });
    const told = entries.filter(({ entry }) => entry.action === 'value.revealed');
    expect(told.map(({ entry }) => entry.details)).toEqual([{ reason: 'ticket 17' }, { reason: 'ticket 17' }]);
    await system.relational.execute(`update subject_key set wrapped = null, shredded_at = now()`);
    await expect(system.normalizer.reveal(context, email!, 'ticket 17')).rejects.toMatchObject({ code: 'not_found' });
    await expect(system.normalizer.reveal(context, phone!, 'ticket 17')).rejects.toMatchObject({ code: 'not_found' });
    expect((await system.audit.verify(tenant)).ok).toBe(true);
  });

  it('is in nothing that a command prints or logs', async () => {
    const folder = async (name: string, documents: Record<string, unknown>): Promise<void> => {
      await mkdir(join(dir, name), { recursive: true });
      // JSON is YAML.
      for (const [id, spec] of Object.entries(documents))
        await writeFile(join(dir, name, `${id}.yaml`), JSON.stringify(spec));
    };
    await writeFile(join(dir, 'chartly.yaml'), 'workspace: policies\n');
    await folder('policies', { shared: { policy: 'shared', ...policy } });
    await folder('profiles', { people: { ...profile, policy: 'shared' } });
    await folder('profiles/people.fixtures', {});
    await writeFile(join(dir, 'profiles/people.fixtures/rows.ndjson'), await readFile(join(dir, 'data/people.ndjson')));
    await folder('sources', { people: source('people').spec });
    const data = join(dir, 'other');
    const env = {
      ...process.env,
      CHARTLY_DATA: data,
      CHARTLY_WORKSPACE: dir,
      CHARTLY_LOG_LEVEL: 'debug',
      NO_COLOR: '1',
    };
    const main = join(import.meta.dirname, '../../bin/chartly.js');
    const server = spawn(process.execPath, [main, 'up', '--port', '0'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said: string[] = [];
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk: Buffer) => said.push(String(chunk)));
    const exited = once(server, 'exit');
    try {
      while (server.exitCode === null && !said.join('').includes('http://'))
        await Promise.race([once(server.stdout, 'data'), exited]);
      const commands = [
        ['apply', dir],
        ['ingest', 'people', '--wait'],
        ['quarantine', 'list', '--json'],
        ['quarantine', 'preview'],
        ['replay', 'people', '--preview'],
        ['scan'],
        ['scan', '--json'],
        ['audit', 'show'],
      ];
      for (const command of commands) said.push(await told([...command, '--data', data]));
      said.push(await told(['profile', 'test', dir, '--update']));
    } finally {
      server.kill('SIGINT');
      await exited;
    }
    said.push(await readFile(join(dir, 'profiles/people.fixtures/rows.expected.json'), 'utf8'));
    const all = said.join('\n');
    for (const text of ['job status', '***@example.org', '"enc1.', 'policy_violation']) expect(all).toContain(text);
    for (const [name, value] of Object.entries(planted)) expect(all.includes(value), name).toBe(false);
  }, 60_000);

  it('has its master key in a file that nobody else can read, and in no other', async () => {
    const key = (await readFile(join(dir, 'store', 'master.key'), 'utf8')).trim();
    const files = await readdir(join(dir, 'store'));
    expect(files).toContain('master.key');
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
  });
});
