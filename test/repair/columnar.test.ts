// Parquet files and workbooks, whose rows share their byte ranges: from a file to records, back to the row, and recovered one by one.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { writeXlsx } from 'hucre/xlsx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, serve, type Serving, type System } from '#app';
import type { LineageView, Profile, QuarantinedRow } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };
const rows = 300;
const big = 2n ** 60n;
let dir: string;
let serving: Serving;
let system: System;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-columnar-'));
  serving = await serve(readConfig({}, { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'silent' }));
  system = serving.system;
  const numbers = Array.from({ length: rows }, (_, i) => i);
  const at = (i: number) => new Date(Date.UTC(2024, 0, 1, 0, i));
  /** Every 50th has no level; every 100th no id either. */
  const level = (i: number) => (i % 50 === 0 ? null : i / 2);
  const id = (i: number) => (i % 100 === 0 ? null : `r${i}`);
  const columnData = [
    { name: 'id', data: numbers.map(id), type: 'STRING' as const },
    { name: 'at', data: numbers.map(at), type: 'TIMESTAMP' as const },
    { name: 'level', data: numbers.map(level), type: 'DOUBLE' as const },
    { name: 'account', data: numbers.map((i) => big + BigInt(i)), type: 'INT64' as const },
  ];
  await writeFile(join(dir, 'levels.parquet'), new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 120 })));
  const cells = numbers.map((i) => [id(i), at(i), level(i), i]);
  const sheets = [{ name: 'Levels', rows: [['id', 'at', 'level', 'account'], ...cells] }];
  await writeFile(join(dir, 'levels.xlsx'), await writeXlsx({ sheets }));
});
afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
});

function profileOf(format: 'parquet' | 'xlsx', version: string, required: boolean): Profile {
  const record: Profile['records'][number] = {
    kind: 'event',
    name: `level_${format}`,
    key: ['id'],
    ts: 'at',
    dimensions: { account: { path: 'account', cast: 'int64' } },
    measures: { level: { path: 'level', required } },
  };
  return { profile: `levels-${format}`, version, format, records: [record] };
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${serving.url}${path}`, { headers: { authorization: `Bearer ${serving.apiKey}` } });
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

describe.each(['parquet', 'xlsx'] as const)('%s', (format) => {
  const source = `levels-${format}`;
  const ended = async (runId: string) => {
    const done = await system.orchestrator.waitForRun(tenant, runId);
    expect(done.state, done.error?.message).toBe('succeeded');
    return done;
  };

  it('goes from a file to records, each with its way back to its row', async () => {
    await system.orchestrator.apply(context, [
      { kind: 'profile', spec: profileOf(format, '1.0.0', true) },
      { kind: 'source', spec: { source, connector: 'file', profile: source, file: { path: `levels.${format}` } } },
    ]);
    const { run_id: runId } = await system.orchestrator.ingest(context, source, 'cli');
    // Of 300 rows 6 lack a level, and 3 of these an id.
    expect((await ended(runId)).counts).toMatchObject({ rows, candidates: rows, records: 294, quarantined: 6 });
    const { rows: found } = await system.canonical.read({
      text: `SELECT lower(hex(record_id)), row FROM records FINAL WHERE source_id = {source:String} ORDER BY row`,
      params: { source },
      timeoutMs: 30_000,
    });
    const [recordId, row] = found[200] as [string, number];
    const { raw, record } = await get<LineageView>(`/v1/records/${recordId}/lineage`);
    const i = row - (format === 'xlsx' ? 1 : 0);
    expect(raw).toMatchObject({ row, blob_verified: true });
    expect(raw.bytes_base64).toBeUndefined();
    expect(raw.content_type).toContain(format === 'xlsx' ? 'spreadsheetml' : 'parquet');
    expect(raw.decoded_row?.within).toBe(format === 'xlsx' ? 'sheet' : 'row_group');
    const json = raw.decoded_row?.json ?? '';
    expect(JSON.parse(json)).toMatchObject({ id: `r${i}`, level: i / 2 });
    // The digits of the file, not those of a double.
    if (format === 'parquet') expect(json).toContain(`"account": ${big + BigInt(i)}`);
    expect((record as { dimensions: unknown }).dimensions).toEqual({
      account: format === 'parquet' ? `${big + BigInt(i)}` : `${i}`,
    });
    expect((await system.audit.verify(tenant)).findings).toEqual([]);
  });

  it('recovers rows one by one, though they share their range', async () => {
    const open = await system.normalizer.quarantined(tenant, { sourceId: source });
    const rowsOpen = [...new Set(open.items.map((item) => item.row))].sort((a, b) => a - b);
    expect(rowsOpen).toHaveLength(6);
    const [item] = open.items.filter((one) => one.row === rowsOpen[1]);
    const shown = await get<QuarantinedRow>(`/v1/quarantine/${item!.quarantine_id}`);
    expect(JSON.parse(shown.decoded_row?.json ?? '')).toMatchObject({ id: 'r50' });

    const lenient = profileOf(format, '1.1.0', false);
    const [preview] = await system.orchestrator.previewRecovery(tenant, {
      sourceId: source,
      profile: { profile: lenient },
    });
    const reasons = preview!.reasons.find((one) => one.reason_code === 'missing_field');
    expect(reasons).toMatchObject({ open: 9, recovered: 3 });

    await system.orchestrator.apply(context, [{ kind: 'profile', spec: lenient }]);
    const replay = await system.orchestrator.replay(context, { sourceId: source });
    await ended('run_id' in replay ? replay.run_id : '');
    const states = await system.relational.query<{ state: string; rows: number[] }>(
      `select state, array_agg(distinct row order by row)::int[] as rows from quarantine where source_id = $1 group by state order by state`,
      [source],
    );
    const first = format === 'xlsx' ? 1 : 0;
    expect(states).toEqual([
      { state: 'open', rows: [0, 100, 200].map((row) => row + first) },
      { state: 'recovered', rows: [50, 150, 250].map((row) => row + first) },
      { state: 'superseded', rows: [0, 100, 200].map((row) => row + first) },
    ]);
    expect((await system.canonical.countBySource(tenant)).get(source)).toBe(297);
  });
});
