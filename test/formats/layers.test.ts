// Compressed payloads and XML through the whole pipeline: from files to records, and from each record back to its very bytes.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draftWorkspace, readConfig, serve, type Serving } from '#app';
import type { LineageView, Profile, QuarantinedRow, QuarantineRecord, QueryResult, Run, Source } from '#contracts';

/** Made by Info-ZIP: readme.txt, trips/, trips/2026-02.csv, trips/2026-01.csv. */
const archive =
  'UEsDBAoAAAAAAG9yeF3P6g9aCgAAAAoAAAAKAAAAcmVhZG1lLnR4dHNlZSB0cmlwcwpQSwMECgAAAAAAb3J4XQAAAAAAAAAAAAAAAAYAAAB0cm' +
  'lwcy9QSwMECgAAAAAAb3J4Xc1yMMMcAAAAHAAAABEAAAB0cmlwcy8yMDI2LTAyLmNzdmxldmVsLGlkLGF0CjMsejMsMjAyNi0wMi0wMQpQSwME' +
  'FAAAAAgAb3J4XU5axq8jAAAALAAAABEAAAB0cmlwcy8yMDI2LTAxLmNzdstM0Uks0clJLUvN4aoy1DEyMDLTNTAEIh1DriojBB/I5AIAUEsBAh' +
  '4DCgAAAAAAb3J4Xc/qD1oKAAAACgAAAAoAAAAAAAAAAQAAAKSBAAAAAHJlYWRtZS50eHRQSwECHgMKAAAAAABvcnhdAAAAAAAAAAAAAAAABgAA' +
  'AAAAAAAAABAA7UEyAAAAdHJpcHMvUEsBAh4DCgAAAAAAb3J4Xc1yMMMcAAAAHAAAABEAAAAAAAAAAQAAAKSBVgAAAHRyaXBzLzIwMjYtMDIuY3' +
  'N2UEsBAh4DFAAAAAgAb3J4XU5axq8jAAAALAAAABEAAAAAAAAAAQAAAKSBoQAAAHRyaXBzLzIwMjYtMDEuY3N2UEsFBgAAAAAEAAQA6gAAAPMA' +
  'AAAAAA==';
const january = 'id,at,level\nz1,2026-01-01,1\nz2,2026-01-02,2\n';
const february = 'level,id,at\n3,z3,2026-02-01\n';
const csv = 'id,at,level\ng1,2026-01-01,1.5\ng2,2026-01-02,2.5\ng3,2026-01-03,3.5\n';
const feed = [1, 2, 3].map(
  (n) => `<item id="x${n}"><at>2026-03-0${n}</at><place>K\u00f6ln &amp; ${n}</place><level>${n}</level></item>`,
);
const xml = `<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE feed>\n<feed>\n${feed.join('\n')}\n</feed>\n`;

let dir: string;
let serving: Serving;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-layers-'));
  await mkdir(join(dir, 'data'));
  serving = await serve(
    readConfig({}, { dataDir: join(dir, '.chartly'), workspaceDir: dir, port: 0, logLevel: 'silent' }),
  );
});
afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
});

async function api<T>(path: string, body?: unknown): Promise<T> {
  const headers = { authorization: `Bearer ${serving.apiKey}`, 'content-type': 'application/json' };
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${serving.url}${path}`, { headers, ...init });
  expect(response.ok, `${path}: ${await response.clone().text()}`).toBe(true);
  return (await response.json()) as T;
}

async function ingest(source: string): Promise<Run> {
  const { run_id } = await api<Run>(`/v1/sources/${source}/ingest`, {});
  return serving.system.orchestrator.waitForRun('default', run_id);
}

async function apply(...specs: [kind: string, spec: unknown][]): Promise<void> {
  await api('/v1/apply', { documents: specs.map(([kind, spec]) => ({ kind, spec })) });
}

/** The lineage of every record of a source, in the order of the payload. */
async function traced({ kind, name }: { kind: string; name: unknown }, source: string): Promise<LineageView[]> {
  const { rows } = await api<QueryResult>('/v1/query', { kind, name, source, select: ['record_id'], limit: 100 });
  const all = rows.map(([id]) => api<LineageView>(`/v1/records/${String(id)}/lineage`));
  return (await Promise.all(all)).sort((a, b) => a.raw.byte_start - b.raw.byte_start);
}

const rows = (text: string): string[] => text.trim().split('\n').slice(1);
const cases: [file: string, payload: Buffer, holds: Buffer, rows: Buffer[], compression: string | undefined][] = [
  ['readings.csv.gz', gzipSync(csv), Buffer.from(csv), rows(csv).map((row) => Buffer.from(row)), 'gzip'],
  ['readings.csv.zst', zstdCompressSync(csv), Buffer.from(csv), rows(csv).map((row) => Buffer.from(row)), 'zstd'],
  [
    'trips.zip',
    Buffer.from(archive, 'base64'),
    Buffer.from(february + january),
    [...rows(february), ...rows(january)].map((row) => Buffer.from(row)),
    'zip',
  ],
  [
    'feed.xml',
    Buffer.from(xml, 'latin1'),
    Buffer.from(xml, 'latin1'),
    feed.map((row) => Buffer.from(row, 'latin1')),
    undefined,
  ],
  [
    'feed.xml.gz',
    gzipSync(Buffer.from(xml, 'latin1')),
    Buffer.from(xml, 'latin1'),
    feed.map((row) => Buffer.from(row, 'latin1')),
    'gzip',
  ],
];

describe('a file', () => {
  it.each(cases)(
    '%s: drafted, ingested, and every record traced to its bytes',
    async (file, payload, holds, wanted, compression) => {
      await writeFile(join(dir, 'data', file), payload);
      const name = file.replaceAll('.', '-');
      const draft = await draftWorkspace({ target: join(dir, 'data', file), dir, name, env: {} });
      const read = (kind: string): unknown => parse(draft.files[`${kind}/${name}.yaml`]!);
      const profile = read('profiles') as Profile;
      await apply(['profile', profile], ['source', read('sources')], ['report', read('reports')]);
      const { state, counts } = await ingest(name);
      expect({ state, records: counts.records, quarantined: counts.quarantined }).toEqual({
        state: 'succeeded',
        records: 3,
        quarantined: 0,
      });
      expect(counts.bytes).toBe(holds.length);
      const lineages = await traced(profile.records[0]!, name);
      expect(lineages.map(({ raw }) => Buffer.from(raw.bytes_base64!, 'base64'))).toEqual(wanted);
      for (const { raw } of lineages) {
        expect(holds.subarray(raw.byte_start, raw.byte_end)).toEqual(Buffer.from(raw.bytes_base64!, 'base64'));
        expect(raw).toMatchObject({ blob_verified: true, ...(compression === undefined ? {} : { compression }) });
      }
      expect((await ingest(name)).counts.candidates).toBe(0);
    },
  );

  it('that was cut off keeps its whole rows, and shows the bytes that it lost', async () => {
    const source: Source = { source: 'cut', connector: 'file', profile: 'cut', file: { path: 'data/cut.csv.gz' } };
    const profile: Profile = { profile: 'cut', version: '1.0.0', format: 'csv', records: [reading] };
    await writeFile(join(dir, 'data', 'cut.csv.gz'), gzipSync(csv, { level: 0 }).subarray(0, 72));
    await apply(['profile', profile], ['source', source]);
    expect((await ingest('cut')).counts).toMatchObject({ records: 2, quarantined: 1 });
    const [open] = await quarantined('cut');
    expect(open).toMatchObject({ reason_code: 'truncated', rule: 'format' });
    const shown = await api<QuarantinedRow>(`/v1/quarantine/${open!.quarantine_id}`);
    expect(shown.compression).toBe('gzip');
    expect(csv.slice(open!.byte_start)).toMatch(/^g3,/);
    expect(Buffer.from(shown.bytes_base64!, 'base64').toString()).toBe(csv.slice(open!.byte_start, open!.byte_end));
  });

  it('of several others waits until the profile says which, and is then recovered', async () => {
    const source: Source = {
      source: 'several',
      connector: 'file',
      profile: 'several',
      file: { path: 'data/trips.zip' },
    };
    const profile: Profile = { profile: 'several', version: '1.0.0', format: 'csv', records: [reading] };
    await apply(['profile', profile], ['source', source]);
    expect((await ingest('several')).state).toBe('quarantined');
    const [open] = await quarantined('several');
    expect(open).toMatchObject({ reason_code: 'archive_unreadable', byte_start: 0, byte_end: 0 });
    expect(open!.recovery).toContain('zip.member');

    const named: Profile = { ...profile, version: '1.1.0', zip: { member: '*.csv' } };
    const preview = await api('/v1/quarantine/preview', { source: 'several', profile: named });
    expect(preview).toMatchObject({
      items: [{ reasons: [{ reason_code: 'archive_unreadable', open: 1, recovered: 1 }] }],
    });
    await apply(['profile', named]);
    const { run_id } = await api<Run>('/v1/quarantine/recover', { source: 'several' });
    const run = await serving.system.orchestrator.waitForRun('default', run_id);
    expect(run.counts).toMatchObject({ records: 3, quarantined: 0 });
    expect(await quarantined('several')).toEqual([]);
    expect(await quarantined('several', 'recovered')).toHaveLength(1);
  });

  it('leaves a ledger that verifies', async () => {
    expect(await serving.system.audit.verify('default')).toMatchObject({ ok: true, findings: [] });
  });
});

const reading: Profile['records'][number] = {
  kind: 'event',
  name: 'reading',
  key: ['id'],
  ts: { path: 'at', format: 'iso' },
  measures: { level: 'level' },
};

async function quarantined(source: string, state = 'open'): Promise<QuarantineRecord[]> {
  return (await api<{ items: QuarantineRecord[] }>(`/v1/quarantine?source=${source}&state=${state}`)).items;
}
