// An upstream that changes, through all of the house: what is told, once; what is held back; what the proposed edit brings.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { editedSpec, readConfig, serve, type Serving } from '#app';
import { testPostgresUrl } from '#storage';
import { run as cli } from '#cli';
import { validator, type DriftEvent, type DriftModes, type Profile, type Run } from '#contracts';
import type { RequestContext } from '#kit';
import { parse, stringify } from 'yaml';

const tenant = 'default';
const context: RequestContext = { tenantId: tenant, actor: 'cli', requestId: 'test' };
let dir: string;
let serving: Serving;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-drift-'));
  serving = await serve(
    readConfig(
      { CHARTLY_POSTGRES_URL: await testPostgresUrl(dir) },
      { dataDir: join(dir, 'data'), workspaceDir: dir, port: 0, logLevel: 'silent' },
    ),
  );
});

afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
});

type Row = Record<string, unknown>;
const without = (row: Row, name: string): Row => Object.fromEntries(Object.entries(row).filter(([own]) => own !== name)); // prettier-ignore

type Format = 'json' | 'ndjson' | 'csv';

const rowOf = (n: number): Row => ({
  id: n,
  at: `2026-01-01T00:00:${String(n % 60).padStart(2, '0')}Z`,
  level: n / 2,
  place: { name: `p${n}` },
});

function payload(format: Format, rows: readonly Row[]): string {
  if (format === 'ndjson') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format === 'json') return JSON.stringify({ items: rows });
  const flat = rows.map(({ place, ...row }): Row => ({
    ...row,
    ...(place === undefined ? {} : { place: (place as Row).name }),
  }));
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  return [names, ...flat.map((row) => names.map((name) => String((row[name] as string | number | undefined) ?? '')))]
    .map((cells) => `${cells.join(',')}\n`)
    .join('');
}

function profileOf(id: string, format: Format, drift: DriftModes | undefined, version = '1.0.0'): Profile {
  return {
    profile: id,
    version,
    format,
    ...(format === 'json' ? { select: '$.items[*]' } : {}),
    ...(drift === undefined ? {} : { drift }),
    records: [
      {
        kind: 'event',
        name: 'reading',
        key: ['id'],
        ts: 'at',
        dimensions: { place: format === 'csv' ? 'place' : 'place.name' },
        measures: { level: 'level' },
      },
    ],
  };
}

/** A source of its own, and what a test does with it. */
async function start(id: string, format: Format = 'ndjson', drift?: DriftModes) {
  const { orchestrator, audit, canonical, normalizer, relational } = serving.system;
  const apply = (profile: Profile) => orchestrator.apply(context, [{ kind: 'profile', spec: profile }]);
  const profile = profileOf(id, format, drift);
  const source = { source: id, connector: 'file', profile: id, file: { path: `${id}.data` } };
  await orchestrator.apply(context, [
    { kind: 'profile', spec: profile },
    { kind: 'source', spec: source },
  ]);
  const wait = (run: Run): Promise<Run> => orchestrator.waitForRun(tenant, run.run_id);
  return {
    profile,
    apply,
    wait,
    async feed(rows: readonly Row[]): Promise<Run> {
      await writeFile(join(dir, `${id}.data`), payload(format, rows));
      return wait(await orchestrator.ingest(context, id, 'cli'));
    },
    async events(state: DriftEvent['state'] = 'open'): Promise<DriftEvent[]> {
      const { items } = await orchestrator.drifts(tenant, { sourceId: id, state });
      const check = validator('telemetry/drift-event');
      for (const event of items) expect(check(event) || check.explain(event)).toBe(true);
      return items.sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async reasons(): Promise<Record<string, number>> {
      const summary = await normalizer.quarantineSummary(tenant, { sourceId: id });
      return Object.fromEntries(summary.map(({ reason_code, count }) => [reason_code, count]));
    },
    async records(): Promise<Row[]> {
      const found: Row[] = [];
      for await (const page of canonical.scan(tenant, { sourceId: id }))
        for (const { dimensions, measures } of page) found.push({ ...dimensions, ...measures });
      return found;
    },
    ledger: async (action: string): Promise<number> =>
      (
        await relational.query(
          `select 1 from ledger_entry where position($1 in leaf) > 0 and position($2 in leaf) > 0`,
          [`"${action}"`, `"source_id":"${id}"`],
        )
      ).length,
    verify: async () => expect((await audit.verify(tenant)).findings).toEqual([]),
  };
}

const rows = (n: number, change: (row: Row, n: number) => Row = (row) => row): Row[] =>
  Array.from({ length: n }, (_, i) => change(rowOf(i), i));

describe.each(['ndjson', 'json', 'csv'] as const)('%s that evolves', (format) => {
  it('tells a new column once, and the proposed edit makes it a part of the records', async () => {
    const at = await start(`new-${format}`, format);
    expect((await at.feed(rows(30))).state).toBe('succeeded');
    expect((await at.feed(rows(31))).state).toBe('succeeded');
    expect(await at.events()).toEqual([]);
    for (const n of [32, 33]) {
      const run = await at.feed(rows(n, (row, i) => ({ ...row, 'Depth km': i + 0.5 })));
      expect(run).toMatchObject({ state: 'succeeded', counts: { records: n } });
    }
    const [event, ...others] = await at.events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      change: 'field_added',
      severity: 'info',
      mode: 'evolve',
      held: false,
      path: '/Depth km',
      row: 0,
    });
    expect(event!.sample_masked).not.toContain('0.5');
    expect(await at.ledger('drift.detected')).toBe(1);

    const { after, version } = editedSpec(at.profile, event!);
    expect(version).toBe('1.1.0');
    await at.apply(parse(after) as Profile);
    const replayed = await at.wait(await serving.system.orchestrator.replay(context, { sourceId: `new-${format}` }));
    expect(replayed).toMatchObject({ state: 'succeeded', counts: { records: 33 } });
    expect((await at.records()).every((record) => typeof record.depth_km === 'number')).toBe(true);
    // The version that came after the change answers it.
    expect(await at.events()).toEqual([]);
    expect(await at.events('accepted')).toMatchObject([
      { path: '/Depth km', decided_by: `profile:new-${format}@1.1.0` },
    ]);
    await at.verify();
  });

  it('tells an optional field that is gone, and numbers that become texts', async () => {
    const at = await start(`lost-${format}`, format);
    await at.feed(rows(30));
    const run = await at.feed(rows(30, (row) => ({ ...without(row, 'place'), level: 'high' })));
    expect(run.state).toBe('quarantined');
    expect(await at.events()).toMatchObject([
      {
        change: 'type_changed',
        severity: 'warning',
        path: '/level',
        edit: [{ op: 'remove' }, { op: 'add', path: '/records/0/dimensions/level' }],
      },
      { change: 'field_lost', severity: 'warning', path: '/place' },
    ]);
    expect(await at.reasons()).toEqual({ cast_failed: 30 });
  });

  it('stops a source whose key is gone, until the change is accepted or a new version is applied', async () => {
    const { orchestrator } = serving.system;
    const id = `key-${format}`;
    const at = await start(id, format);
    await at.feed(rows(30));
    const changed = rows(40, ({ id: number, ...row }) => ({ uid: number, ...row }));
    const run = await at.feed(changed);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'schema_drift' }, counts: { records: 0 } });
    const [lost, added] = await at.events();
    expect(lost).toMatchObject({
      change: 'field_lost',
      severity: 'breaking',
      held: true,
      path: '/id',
      edit: [{ op: 'replace', path: '/records/0/key/0', value: 'uid' }],
    });
    expect(added).toMatchObject({ change: 'field_added', severity: 'info', held: false, path: '/uid' });
    expect(await at.reasons()).toEqual({ schema_drift: 1 });
    await expect(orchestrator.ingest(context, id, 'cli')).rejects.toMatchObject({
      code: 'schema_drift',
      action: expect.stringContaining(`chartly drift show ${lost!.drift_id}`) as string,
    });
    expect((await orchestrator.sources(tenant)).find(({ source }) => source.source === id)?.stoppedBy).toBe(
      lost!.drift_id,
    );

    const preview = await orchestrator.previewRecovery(tenant, {
      sourceId: id,
      profile: { profile: parse(editedSpec(at.profile, lost!).after) as Profile },
    });
    expect(preview).toMatchObject([{ open: 1, recovered: 1 }]);
    await at.apply(parse(editedSpec(at.profile, lost!).after) as Profile);
    expect((await orchestrator.sources(tenant)).find(({ source }) => source.source === id)?.stoppedBy).toBeUndefined();
    const recovered = await at.wait(await orchestrator.recover(context, id));
    expect(recovered).toMatchObject({ state: 'succeeded', counts: { records: 40 } });
    expect(await at.reasons()).toEqual({});
    expect(await at.events()).toEqual([]);
    const { items } = await orchestrator.deadLetters(tenant, { limit: 500 });
    expect(items.filter(({ source_id }) => source_id === id)).toEqual([]);
    expect((await at.feed(rows(41, ({ id: number, ...row }) => ({ uid: number, ...row })))).state).toBe('succeeded');
    await at.verify();
  });
});

describe('what is accepted', () => {
  it('frees the source, and what was held back is normalized under the same version', async () => {
    const { orchestrator } = serving.system;
    const at = await start('accepted');
    await at.feed(rows(30));
    // Ids of another type make other records: nothing is written before somebody has said so.
    const texts = rows(30, (row, n) => ({ ...row, id: `r${n}` }));
    expect(await at.feed(texts)).toMatchObject({ state: 'failed', error: { code: 'schema_drift' } });
    const [event] = await at.events();
    expect(event).toMatchObject({ change: 'type_changed', severity: 'breaking', before: ['integer'], after: ['text'] });
    const decision = await orchestrator.acceptDrift(context, event!.drift_id);
    expect(validator('api/drift-decision')(decision)).toBe(true);
    expect(decision).toMatchObject({ retried: 1, stopped: false, event: { state: 'accepted', decided_by: 'cli' } });
    const run = await orchestrator.waitForRun(tenant, event!.run_id);
    expect(run).toMatchObject({ state: 'succeeded', counts: { records: 30 }, dead_letters: 0 });
    expect(await at.reasons()).toEqual({});
    expect(await at.records()).toHaveLength(60);
    expect((await at.feed(rows(31, (row, n) => ({ ...row, id: `r${n}` })))).state).toBe('succeeded');
    await expect(orchestrator.acceptDrift(context, event!.drift_id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(orchestrator.ignoreDrift(context, event!.drift_id)).rejects.toMatchObject({ code: 'conflict' });
    expect([await at.ledger('drift.detected'), await at.ledger('drift.accepted')]).toEqual([1, 1]);
    await at.verify();
  });

  it('is told no more when it is ignored, and holds on', async () => {
    const { orchestrator } = serving.system;
    const at = await start('ignored');
    await at.feed(rows(30));
    await at.feed(rows(30, (row) => without(row, 'at')));
    const [event] = await at.events();
    expect(event).toMatchObject({ change: 'field_lost', severity: 'breaking', path: '/at' });
    await orchestrator.ignoreDrift(context, event!.drift_id);
    expect(await at.events()).toEqual([]);
    await expect(orchestrator.ingest(context, 'ignored', 'cli')).rejects.toMatchObject({ code: 'schema_drift' });
    // What was lost is no news any more: the rows are judged by the profile, one by one.
    expect(await orchestrator.acceptDrift(context, event!.drift_id)).toMatchObject({ retried: 1, stopped: false });
    const run = await orchestrator.waitForRun(tenant, event!.run_id);
    expect(run).toMatchObject({ state: 'quarantined', counts: { quarantined: 30 } });
    expect(await at.reasons()).toEqual({ missing_field: 30 });
    await at.verify();
  });
});

describe('the cursor of pages', () => {
  it('stops the source when it vanishes, until it is accepted or looked for elsewhere', async () => {
    const { orchestrator } = serving.system;
    let body: (page: number) => object = () => ({});
    const server = createServer((request, response) => {
      const page = Number(new URL(request.url!, 'http://localhost').searchParams.get('at') ?? 0);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body(page)));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const source = (cursor: string) => ({
      kind: 'source' as const,
      spec: {
        source: 'paged',
        connector: 'http',
        profile: 'paged',
        http: { url, allow_private: true, pagination: { type: 'cursor', param: 'at', cursor } },
      },
    });
    try {
      const at = await start('paged', 'json');
      await orchestrator.apply(context, [source('$.next')]);
      const ingest = async (): Promise<Run> => at.wait(await orchestrator.ingest(context, 'paged', 'cli'));
      const page = (n: number): Row[] => rows(10, (row) => ({ ...row, id: Number(row.id) + 10 * n }));
      const named = (name: string) => (n: number) => ({ items: page(n), ...(n < 2 ? { [name]: String(n + 1) } : {}) });
      body = named('next');
      for (const _ of [1, 2]) expect(await ingest()).toMatchObject({ state: 'succeeded', pages: 3 });

      body = named('cursor');
      const cut = await ingest();
      expect(cut).toMatchObject({
        state: 'failed',
        pages: 1,
        error: { code: 'schema_drift' },
        counts: { records: 10 },
      });
      const [event] = await at.events();
      expect(event).toMatchObject({ change: 'field_lost', severity: 'breaking', held: true, path: '$.next', edit: [] });
      await expect(orchestrator.ingest(context, 'paged', 'cli')).rejects.toMatchObject({ code: 'schema_drift' });
      // A version of the profile does not bring it back.
      await at.apply(profileOf('paged', 'json', undefined, '1.0.1'));
      await expect(orchestrator.ingest(context, 'paged', 'cli')).rejects.toMatchObject({ code: 'schema_drift' });

      await orchestrator.apply(context, [source('$.cursor')]);
      expect(await ingest()).toMatchObject({ state: 'succeeded', pages: 3 });
      expect(await at.events()).toEqual([]);
      expect(await at.events('accepted')).toMatchObject([{ path: '$.next', decided_by: 'source:paged' }]);
      expect(
        (await orchestrator.sources(tenant)).find((one) => one.source.source === 'paged')?.stoppedBy,
      ).toBeUndefined();

      expect(await ingest()).toMatchObject({ state: 'succeeded' });
      body = () => ({ items: page(0) });
      const short = await ingest();
      expect(short).toMatchObject({ state: 'failed', pages: 1 });
      const [again] = await at.events();
      expect(again).toMatchObject({ path: '$.cursor' });
      // The upstream has but one page, and does without a cursor then.
      expect(await orchestrator.acceptDrift(context, again!.drift_id)).toMatchObject({ retried: 1, stopped: false });
      expect(await orchestrator.waitForRun(tenant, short.run_id)).toMatchObject({
        state: 'succeeded',
        dead_letters: 0,
      });
      expect(await ingest()).toMatchObject({ state: 'succeeded', pages: 1 });
      await at.verify();
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    }
  });
});

describe('the command line', () => {
  async function chartly(...argv: string[]) {
    const out: string[] = [];
    const err: string[] = [];
    const code = await cli([...argv, '--url', serving.url, '--key', serving.apiKey], {
      out: (text) => void out.push(String(text)),
      err: (text) => void err.push(text),
      readInput: async () => '',
      columns: undefined,
      color: false,
      liveErr: false,
    });
    return { code, out: out.join(''), err: err.join('') };
  }

  it('lists, shows, applies and accepts', async () => {
    const at = await start('shop', 'csv');
    await at.feed(rows(30));
    await at.feed(rows(31, (row, n) => ({ ...row, depth: n })));
    await at.feed(rows(32, (row) => without(row, 'id')));
    const workspace = join(dir, 'workspace');
    await mkdir(join(workspace, 'profiles'), { recursive: true });
    await writeFile(join(workspace, 'chartly.yaml'), 'workspace: shop\n');
    const file = join(workspace, 'profiles/shop.yaml');
    await writeFile(file, `# Of the shop.\n${stringify(at.profile)}`);
    const [added] = (await at.events()).filter(({ change }) => change === 'field_added');
    const [lost] = (await at.events()).filter(({ change }) => change === 'field_lost');

    const list = await chartly('drift', 'list', 'shop');
    expect(list.out).toMatch(/id +source +severity +change +path +first seen +proposal/);
    expect(list.out).toContain('breaking, held');
    expect(list.err).toBe(`source shop is stopped; next: chartly drift show ${lost!.drift_id}\n`);
    expect((await chartly('drift', 'list', '--severity', 'info', 'shop')).out).not.toContain('breaking');
    expect((await chartly('ingest', 'shop')).err).toContain('code: schema_drift');

    const shown = await chartly('drift', 'show', added!.drift_id);
    expect(shown.out).toContain('+       depth: depth');
    expect(shown.out).toContain('+ version: 1.1.0');
    expect(shown.err).toBe(`next: chartly drift apply ${added!.drift_id}\n`);
    expect(JSON.parse((await chartly('drift', 'show', lost!.drift_id, '--json')).out)).toEqual(lost);

    const dry = await chartly('drift', 'apply', added!.drift_id, '--dir', workspace, '--dry-run');
    expect(dry).toMatchObject({ code: 0, err: 'nothing was written\n' });
    expect(await readFile(file, 'utf8')).not.toContain('depth');
    const applied = await chartly('drift', 'apply', added!.drift_id, '--dir', workspace);
    expect(applied.err).toBe(`next: chartly apply ${workspace} && chartly replay shop --preview\n`);
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# Of the shop.');
    expect((parse(text) as Profile).records[0]!.measures).toEqual({ level: 'level', depth: 'depth' });
    expect(await chartly('drift', 'apply', lost!.drift_id, '--dir', workspace)).toMatchObject({ code: 1, out: '' });
    expect((await chartly('drift', 'apply', added!.drift_id, '--write', join(dir, 'nowhere'))).err).toContain(
      'not_found',
    );

    expect(await chartly('drift', 'ignore', added!.drift_id)).toMatchObject({ out: `${added!.drift_id} is ignored\n` });
    const accepted = await chartly('drift', 'accept', lost!.drift_id);
    expect(accepted).toMatchObject({ code: 0, out: `${lost!.drift_id} is accepted\n` });
    expect(accepted.err).toBe('1 payload that was held back is normalized now\n');
    expect((await chartly('drift', 'accept', 'x')).code).toBe(2);
    expect((await chartly('drift', 'accept', 'f'.repeat(32))).code).toBe(1);
  });
});

describe('a job that is repeated', () => {
  it('is held back again, and told of once', async () => {
    const { orchestrator } = serving.system;
    const at = await start('repeated');
    await at.feed(rows(30));
    const run = await at.feed(rows(30, (row) => without(row, 'id')));
    for (let n = 0; n < 3; n++) {
      const { items } = await orchestrator.deadLetters(tenant, { limit: 500 });
      await orchestrator.retryDeadLetter(context, items.find(({ source_id }) => source_id === 'repeated')!.job_id);
      expect(await at.wait(run)).toMatchObject({ state: 'failed', error: { code: 'schema_drift' } });
    }
    expect(await at.events()).toHaveLength(1);
    expect(await at.ledger('drift.detected')).toBe(1);
    expect(await at.reasons()).toEqual({ schema_drift: 1 });
    await at.verify();
  });

  it('that died after it had normalized tells what it found once', async () => {
    const { orchestrator, relational } = serving.system;
    const at = await start('died');
    await at.feed(rows(30));
    const transaction = relational.transaction.bind(relational);
    let deaths = 0;
    // The transaction that settles the job fails, when all of it is done.
    relational.transaction = (work) =>
      transaction(async (tx) => {
        const result = await work(tx);
        const [told] = await tx.query(`select 1 from drift_event where source_id = 'died'`);
        if (told !== undefined && deaths < 2) {
          deaths++;
          throw new Error('the process dies here');
        }
        return result;
      });
    try {
      expect(await at.feed(rows(31, (row) => ({ ...row, extra: 1 })))).toMatchObject({
        state: 'succeeded',
        counts: { records: 31 },
      });
    } finally {
      relational.transaction = transaction;
    }
    expect(deaths).toBe(2);
    expect(await at.events()).toMatchObject([{ path: '/extra' }]);
    expect(await at.ledger('drift.detected')).toBe(1);
    const [kept] = await relational.query<{ known: string }>(`select known from source_shape where source_id = 'died'`);
    expect(JSON.parse(kept!.known)).toMatchObject({ payloads: 2, rows: 61 });
    expect(await orchestrator.drift(tenant, (await at.events())[0]!.drift_id)).toMatchObject({ state: 'open' });
    await at.verify();
  });
});

describe('modes', () => {
  it('quarantine refuses the rows that show a change, and lets the others pass', async () => {
    const { orchestrator } = serving.system;
    const at = await start('quarantine', 'ndjson', { fields: 'quarantine', types: 'quarantine' });
    await at.feed(rows(30));
    const mixed = rows(30, (row, n) =>
      n < 3 ? { ...row, place: { ...(row.place as Row), zip: n } } : n < 5 ? { ...row, level: String(n) } : row,
    );
    expect(await at.feed(mixed)).toMatchObject({ state: 'succeeded', counts: { records: 25, quarantined: 5 } });
    expect(await at.reasons()).toEqual({ schema_drift: 5 });
    const events = await at.events();
    expect(events).toMatchObject([
      { path: '/level', mode: 'quarantine', held: false, row: 3 },
      { path: '/place/zip', mode: 'quarantine', held: false, row: 0 },
    ]);
    // The same bytes again give the same, also after it was accepted: what a version makes of a payload never changes.
    for (const { drift_id } of events) await orchestrator.acceptDrift(context, drift_id);
    const again = await at.wait(await orchestrator.replay(context, { sourceId: 'quarantine' }));
    expect(again).toMatchObject({ state: 'succeeded', counts: { records: 25, quarantined: 5 } });
    await at.verify();

    await at.apply(profileOf('quarantine', 'ndjson', { fields: 'quarantine', types: 'quarantine' }, '1.0.1'));
    const preview = await orchestrator.previewRecovery(tenant, { sourceId: 'quarantine' });
    expect(preview).toMatchObject([{ open: 5, recovered: 5 }]);
    const recovered = await at.wait(await orchestrator.recover(context, 'quarantine'));
    expect(recovered).toMatchObject({ state: 'succeeded', counts: { records: 30, quarantined: 0 } });
    expect(await at.reasons()).toEqual({});
    await at.verify();
  });

  it.each([
    ['fields', rows(30, (row, n) => (n === 29 ? { ...row, extra: true } : row)), '/extra'],
    ['types', rows(30, (row, n) => (n === 29 ? { ...row, level: 'high' } : row)), '/level'],
    ['records', rows(1), ''],
  ] as const)('freeze of %s holds the whole payload back, and no other', async (entity, changed, path) => {
    const { orchestrator } = serving.system;
    const id = `freeze-${entity}`;
    const at = await start(id, 'ndjson', { [entity]: 'freeze' });
    await at.feed(rows(30));
    await at.feed(rows(31));
    const run = await at.feed(changed);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'schema_drift' }, counts: { records: 0 } });
    const [event] = await at.events();
    expect(event).toMatchObject({ path, mode: 'freeze', held: true });
    expect(await at.reasons()).toEqual({ schema_drift: 1 });
    // It is not stopped: what looks as before goes on.
    expect((await at.feed(rows(32))).state).toBe('succeeded');
    expect(await orchestrator.acceptDrift(context, event!.drift_id)).toMatchObject({ retried: 1, stopped: false });
    const done = await orchestrator.waitForRun(tenant, run.run_id);
    expect(['succeeded', 'quarantined']).toContain(done.state);
    expect(done.counts.candidates).toBe(changed.length);
    await at.verify();
  });

  it('says nothing of rows that come and go within what is known', async () => {
    const at = await start('calm', 'ndjson', { fields: 'freeze', types: 'freeze', records: 'freeze' });
    await at.feed(rows(30, (row, n) => (n % 2 === 0 ? { ...row, tag: null, note: 'x' } : { ...row, tag: [1] })));
    for (const n of [20, 30, 40]) {
      expect((await at.feed(rows(n, (row) => ({ ...row, tag: [n] })))).state).toBe('succeeded');
      expect(await at.events()).toEqual([]);
    }
  });
});
