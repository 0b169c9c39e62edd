// Every source of the demo under changes of every kind: what the preview says is what then happens, by records, quarantine rows and every cell of the reports.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, readConfig, readWorkspace, startDemoUpstream, type System } from '#app';
import type { Profile, RecordRule, ReplayPreview, Report, Run } from '#contracts';

const tenant = 'default';
const context = { tenantId: tenant, actor: 'cli', requestId: 'test' };
const workspaceDir = join(import.meta.dirname, '../../examples/demo');
const { documents } = await readWorkspace(workspaceDir);

let dataDir: string;
let upstream: Awaited<ReturnType<typeof startDemoUpstream>>;
let system: System;
/** What the reports said at first. */
let said: Map<string, Table>;

type Change = (rules: RecordRule[], profile: Profile) => void;
const each =
  (change: (rule: RecordRule) => void): Change =>
  (rules) =>
    rules.forEach(change);
type Rule = Exclude<NonNullable<RecordRule['value']>, string>;
/** A field under test as a rule that can be changed. */
const rule = (field: RecordRule['value']): Rule =>
  typeof field === 'string' ? { path: field } : structuredClone(field!);
const measure = (name: string, change: (field: Rule) => void): Change =>
  each(({ measures }) => {
    const field = rule(measures![name]);
    change(field);
    measures![name] = field;
  });
const value = (change: (field: Rule) => void): Change =>
  each((one) => {
    const field = rule(one.value);
    change(field);
    one.value = field;
  });

const renamed: Change = each((one) => (one.name = 'renamed'));
const rekeyed: Change = each((one) => one.key.push({ const: 'again' }));
const zone: Change = (_rules, profile) => (profile.timezone = 'Asia/Tokyo');

/** By source: several kinds of change, one upon the other. */
const changes: Record<string, Record<string, Change[]>> = {
  airports: {
    'a time, and a stricter bound': [
      each((one) => (one.ts = { const: '2020-01-01' })),
      measure('latitude', (field) => (field.min = 40)),
    ],
    'a looser bound, and another unit': [
      measure('latitude', (field) => (field.min = -90)),
      measure('longitude', (field) => (field.scale = 0.5)),
    ],
  },
  co2: {
    'another time, and a bound': [zone, value((field) => (field.min = 350))],
    'no bound, and another unit': [
      value((field) => {
        delete field.min;
        field.scale = 0.001;
      }),
    ],
  },
  earthquakes: {
    'another time, and a bound': [
      each((one) => (one.ts = { path: 'properties.time', cast: 'epoch_us' })),
      measure('magnitude', (field) => (field.min = 2.5)),
    ],
    'no bound, and another name': [
      measure('magnitude', (field) => {
        delete field.min;
        delete field.required;
      }),
      renamed,
    ],
  },
  employment: {
    'fewer sectors, and another key': [
      each((one) => one.unpivot?.exclude?.push('construction', 'mining_and_logging')),
      rekeyed,
    ],
    'another unit': [value((field) => (field.scale = 1000))],
  },
  flights: {
    'bounds on both sides': [measure('delay_minutes', (field) => Object.assign(field, { min: -10, max: 60 }))],
    'one bound less, and another unit': [
      measure('delay_minutes', (field) => {
        delete field.max;
        field.scale = 60;
      }),
    ],
  },
  movies: {
    'no need of a rating': [measure('imdb_rating', (field) => delete field.required)],
    'another key, and need of a director': [
      each((one) => {
        one.key = ['Title'];
        one.dimensions!.director = { path: 'Director', required: true };
      }),
    ],
  },
  stocks: {
    'another time, and a condition': [zone, each((one) => (one.when = 'row.symbol != "IBM"'))],
    'another name': [renamed],
  },
  weather: {
    'a bound, and another time': [
      each((one) => one.name === 'precipitation' && (one.value = { path: 'precipitation', max: 20 })),
      zone,
    ],
    'no bound, and another key': [
      each((one) => one.name === 'precipitation' && (one.value = 'precipitation')),
      rekeyed,
    ],
  },
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'chartly-demo-repair-'));
  upstream = await startDemoUpstream({});
  process.env.CHARTLY_DEMO_UPSTREAM = upstream.url;
  system = await compose(readConfig(process.env, { dataDir, port: 0, workspaceDir, logLevel: 'silent' }));
  await system.orchestrator.start();
  await system.orchestrator.apply(context, documents);
  const runs = [];
  for (const source of Object.keys(changes)) runs.push(await system.orchestrator.ingest(context, source, 'cli'));
  for (const run of runs) await ended(run);
  said = await tables();
}, 120_000);

afterAll(async () => {
  await system.stop();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function ended(run: Run): Promise<void> {
  const done = await system.orchestrator.waitForRun(tenant, run.run_id);
  expect(done.state, done.error?.message).toBe('succeeded');
}

/** What each record says; not who made it from what. */
async function contents(source: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const page of system.canonical.scan(tenant, { sourceId: source })) {
    for (const { recordId, kind, name, tsMs, value: number, unit, dimensions, measures, exact } of page) {
      const maps = [dimensions, measures, exact ?? {}].map((map) =>
        Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      expect(found.has(recordId)).toBe(false);
      found.set(recordId, JSON.stringify([kind, name, tsMs, number, unit, maps]));
    }
  }
  return found;
}

/** Each quarantine row: its reason, and whether it stands open. */
async function quarantined(source: string): Promise<Map<string, { reason: string; state: string }>> {
  const rows = await system.relational.query<{ id: string; reason: string; state: string }>(
    'select quarantine_id as id, reason_code as reason, state from quarantine where source_id = $1',
    [source],
  );
  return new Map(rows.map(({ id, reason, state }) => [id, { reason, state }]));
}

type Cell = string | number | null;
type Table = { names: string[]; rows: Cell[][] };

/** Every section of the reports named, or of all. */
async function tables(names?: ReadonlySet<string>): Promise<Map<string, Table>> {
  const found = new Map<string, Table>();
  for (const { report } of await system.orchestrator.reports(tenant)) {
    if (names?.has(report.report) === false) continue;
    for (const { id, query } of report.sections) {
      const timezone = query.timezone ?? report.timezone ?? 'UTC';
      const { columns, rows } = await system.analytics.query(tenant, { ...query, timezone });
      found.set(`${report.report} ${id}`, { names: columns.map(({ name }) => name), rows });
    }
  }
  return found;
}

async function digests(report: Report): Promise<Record<string, string>> {
  const { manifest } = await system.analytics.render(tenant, report, { format: 'json' });
  return Object.fromEntries(manifest.inputs.map(({ section, result_digest }) => [section, result_digest]));
}

/** Counted without the product's help: a row is what its columns of texts and times say. */
function cellsThatDiffer(before: Table, after: Table, section: Report['sections'][number]): number {
  const values = new Set(section.query.aggregates?.map(({ as }) => as));
  const ids = before.names.includes('record_id');
  const isKey = (name: string): boolean => {
    if (section.query.select === undefined) return !values.has(name);
    return !ids || name === 'record_id';
  };
  const keysOnly = before.names.every(isKey);
  const keyOf = (table: Table, row: Cell[]): string =>
    JSON.stringify(table.names.flatMap((name, i) => (isKey(name) ? [row[i]] : [])));
  const pick = (table: Table): Map<string, Cell[][]> => Map.groupBy(table.rows, (row) => keyOf(table, row));
  const [old, young] = [pick(before), pick(after)];
  let differing = 0;
  for (const key of new Set([...old.keys(), ...young.keys()])) {
    const [was, is] = [old.get(key) ?? [], young.get(key) ?? []];
    for (let n = 0; n < Math.max(was.length, is.length); n++) {
      for (const [i, name] of before.names.entries()) {
        const there = was[n] !== undefined && is[n] !== undefined;
        if (isKey(name) && !keysOnly) continue;
        if (!there || was[n]![i] !== is[n]![i]) differing++;
      }
    }
  }
  return differing;
}

interface Look {
  records: Map<string, string>;
  rows: Awaited<ReturnType<typeof quarantined>>;
}

const look = async (source: string): Promise<Look> => ({
  records: await contents(source),
  rows: await quarantined(source),
});

async function holdsTo(preview: ReplayPreview, before: Look, act: () => Promise<void>): Promise<Look> {
  const source = preview.source_id;
  const names = new Set(preview.reports.map((one) => one.report));
  const from = await tables(names);
  await act();
  const after = await look(source);
  const to = await tables(names);

  const records = { added: 0, changed: 0, retired: 0, unchanged: 0 };
  for (const [id, text] of after.records) {
    const was = before.records.get(id);
    records[was === undefined ? 'added' : was === text ? 'unchanged' : 'changed']++;
  }
  for (const id of before.records.keys()) if (!after.records.has(id)) records.retired++;
  expect(preview.records).toEqual(records);

  const codes = [...new Set([...after.rows.values()].map(({ reason }) => reason))].sort();
  const quarantine = codes.map((code) => {
    const open = (rows: Look['rows']): string[] =>
      [...rows].flatMap(([id, { reason, state }]) => (reason === code && state === 'open' ? [id] : []));
    const was = open(before.rows);
    return {
      reason_code: code,
      before: was.length,
      recovered: was.filter((id) => after.rows.get(id)!.state === 'recovered').length,
      after: open(after.rows).length,
    };
  });
  const any = (one: { before: number; after: number }): boolean => one.before + one.after > 0;
  expect(preview.quarantine.filter(any)).toEqual(quarantine.filter(any));

  const told = new Map(preview.reports.map((one) => [`${one.report} ${one.section}`, one]));
  for (const { report } of await system.orchestrator.reports(tenant)) {
    if (!names.has(report.report)) continue;
    const sealed = await digests(report);
    for (const section of report.sections) {
      const name = `${report.report} ${section.id}`;
      const [was, is] = [from.get(name)!, to.get(name)!];
      const one = told.get(name);
      if (one === undefined) {
        expect(is, name).toEqual(was);
        continue;
      }
      expect([one.rows_before, one.rows_after], name).toEqual([was.rows.length, is.rows.length]);
      expect(one.digest_after, name).toBe(sealed[section.id]);
      expect(one.cells_changed, name).toBe(cellsThatDiffer(was, is, section));
    }
  }
  return after;
}

describe.each(Object.keys(changes))('%s', (source) => {
  const original = structuredClone(
    documents.find(({ kind, spec }) => kind === 'profile' && (spec as Profile).profile === source)!.spec as Profile,
  );

  it('keeps the word of every preview, through all changes and back', async () => {
    const first = await look(source);
    let now = first;
    let version = structuredClone(original);
    let number = 0;
    let anything = 0;
    for (const [label, parts] of Object.entries(changes[source]!)) {
      version = structuredClone(version);
      for (const change of parts) change(version.records, version);
      version.version = `2.${++number}.0`;
      const preview = await system.orchestrator.previewReplay(tenant, { sourceId: source, profile: version });
      const { added, changed, retired } = preview.records;
      expect(added + changed + retired, label).toBeGreaterThan(0);
      anything += preview.reports.reduce((sum, one) => sum + one.cells_changed, 0);
      now = await holdsTo(preview, now, async () => {
        await system.orchestrator.apply(context, [{ kind: 'profile', spec: version }]);
        await ended(await system.orchestrator.replay(context, { sourceId: source }));
      });
    }
    expect(anything).toBeGreaterThan(0);
    const request = { profileId: source, version: original.version };
    const { previews } = await system.orchestrator.previewPromotion(tenant, request);
    now = await holdsTo(previews[0]!, now, async () => {
      const { runs } = await system.orchestrator.promote(context, { ...request, replay: true });
      for (const run of runs) await ended(run);
    });
    expect(now.records).toEqual(first.records);
  }, 120_000);
});

it('in the end every report says again what it said, and everything verifies', async () => {
  expect(await tables()).toEqual(said);
  expect((await system.audit.verify(tenant)).findings).toEqual([]);
});
