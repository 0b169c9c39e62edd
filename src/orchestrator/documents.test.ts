import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChartlyError } from '#kit';
import type { WorkspaceDocument } from './index.ts';
import { context, openHouse, type House } from './testing.ts';

let dir: string;
let house: House;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-documents-'));
  house = await openHouse(join(dir, 'pg'));
});

afterAll(async () => {
  await house.close();
  await rm(dir, { recursive: true, force: true });
});

const profile = (id: string, version: string, more: object = {}): WorkspaceDocument => ({
  kind: 'profile',
  file: `profiles/${id}.yaml`,
  spec: {
    profile: id,
    version,
    format: 'csv',
    records: [{ kind: 'event', name: 'n', key: ['k'], ts: 't' }],
    ...more,
  },
});
const source = (id: string, by: string, more: object = {}): WorkspaceDocument => ({
  kind: 'source',
  file: `sources/${id}.yaml`,
  spec: { source: id, connector: 'file', profile: by, file: { path: 'x.csv' }, ...more },
});
const report = (id: string, title: string, about?: string): WorkspaceDocument => ({
  kind: 'report',
  file: `reports/${id}.yaml`,
  spec: {
    report: id,
    title,
    sections: [{ id: 's', query: { kind: 'event', name: 'n', select: ['ts'], ...(about && { source: about }) } }],
  },
});

const apply = (documents: WorkspaceDocument[], dryRun = false) =>
  house.orchestrator.apply(context, documents, { dryRun });
const changes = async (documents: WorkspaceDocument[], dryRun = false) =>
  (await apply(documents, dryRun)).map(({ id, version, change }) => `${id}@${version} ${change}`);
const refusal = (documents: WorkspaceDocument[]): Promise<ChartlyError> =>
  apply(documents).then(
    () => expect.unreachable(),
    (error: ChartlyError) => error,
  );
const size = async () => (await house.audit.head('default')).size;

describe('applying documents', () => {
  it('registers versions, each in the ledger, and leaves what has not changed', async () => {
    const first = [source('s', 'p'), profile('p', '1.0.0'), report('r', 'One')];
    expect(await changes(first, true)).toEqual(['s@1 created', 'p@1.0.0 created', 'r@1 created']);
    expect(await house.orchestrator.sources('default')).toEqual([]);
    expect(await size()).toBe(0n);

    expect(await changes(first)).toEqual(['s@1 created', 'p@1.0.0 created', 'r@1 created']);
    expect(await size()).toBe(3n);
    expect(await changes(first)).toEqual(['s@1 unchanged', 'p@1.0.0 unchanged', 'r@1 unchanged']);
    expect(await size()).toBe(3n);

    const second = [source('s', 'p', { title: 'New' }), profile('p', '1.1.0'), report('r', 'Two')];
    expect(await changes(second)).toEqual(['s@2 updated', 'p@1.1.0 updated', 'r@2 updated']);
    // A source may go back to what it was; that is a new version too.
    expect(await changes([first[0]!])).toEqual(['s@3 updated']);

    const profiles = await house.orchestrator.profiles('default');
    expect(profiles.map((p) => [p.profile.version, p.ordinal, p.state])).toEqual([
      ['1.1.0', 2, 'active'],
      ['1.0.0', 1, 'superseded'],
    ]);
    expect((await house.orchestrator.report('default', 'r')).title).toBe('Two');
    expect(await house.orchestrator.reports('other')).toEqual([]);
    await expect(house.orchestrator.report('other', 'r')).rejects.toMatchObject({ code: 'not_found' });
    const [last] = (await house.audit.entries('default', { after: 5n })).values();
    expect(last!.entry).toMatchObject({ action: 'source.applied', resource: 'source:s@3', actor: 'cli' });
  });

  it('refuses other content under an applied profile version, and an old version', async () => {
    await apply([profile('q', '1.0.0')]);
    const changed = await refusal([profile('q', '1.0.0', { title: 'Other' }), profile('fresh', '1.0.0')]);
    expect(changed).toMatchObject({
      code: 'version_exists',
      details: [{ file: 'profiles/q.yaml', pointer: '/version' }],
    });
    await apply([profile('q', '1.0.1', { title: 'Other' })]);
    expect(await refusal([profile('q', '1.0.0')])).toMatchObject({ code: 'version_exists' });
    expect((await house.orchestrator.profiles('default')).map((p) => p.profile.profile)).not.toContain('fresh');
  });

  it('names everything that is wrong, where it is, and applies nothing', async () => {
    const before = await size();
    const error = await refusal([
      source('a', 'nowhere'),
      source('b', 'ok', { surprise: 1 }),
      source('c', 'broken'),
      profile('ok', '1.0.0'),
      profile('broken', '1.0.0', { title: 'broken' }),
      report('x', 'broken'),
      report('y', 'About nothing', 'nobody'),
      report('z', 'About b', 'b'),
      profile('ok', '2.0.0'),
      { kind: 'report', file: 'reports/n.yaml', spec: null },
    ]);
    expect(error.code).toBe('workspace_invalid');
    expect(error.details.map(({ file, pointer }) => `${file} ${pointer}`).toSorted()).toEqual([
      'profiles/broken.yaml /title',
      'profiles/ok.yaml /profile',
      'reports/n.yaml ',
      'reports/x.yaml /sections/0/chart',
      'reports/y.yaml /sections/0/query/source',
      'sources/a.yaml /profile',
      'sources/b.yaml /surprise',
    ]);
    expect(await size()).toBe(before);
  });

  it('gives every version one number when many apply at once', async () => {
    const titles = Array.from({ length: 8 }, (_, n) => `Title ${n}`);
    const results = await Promise.all(titles.map((title) => apply([report('busy', title)])));
    expect(results.map(([document]) => Number(document!.version)).toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    const active = (await house.orchestrator.reports('default')).filter(({ report }) => report.report === 'busy');
    expect(active.map(({ version }) => version)).toEqual(['8']);
  });
});
