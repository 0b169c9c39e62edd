// A reference file from the workspace to the records: sent, pinned, looked up, changed, previewed, recovered, proven.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, serve, type Serving } from '#app';
import { run } from '#cli';
import type { StoredRecord } from '#storage';

let dir: string;
let serving: Serving;

const flights = (version: string): string => `profile: flights
version: ${version}
format: csv
lookups:
  airports: { file: reference/airports.csv, key: iata }
  people: { entities: { source: crm, name: person }, key: id }
dedupe: { keep: greatest, by: { path: seen, cast: datetime } }
records:
  - kind: event
    name: flight
    key: [n]
    ts: at
    dimensions:
      city: { lookup: { in: airports, key: { path: from, case: upper }, field: city } }
      tier: { lookup: { in: people, key: who, field: tier }, default: none }
    measures:
      altitude: { path: altitude, convert: { from: ft, to: m }, cast: decimal }
`;

const files: Record<string, string> = {
  'chartly.yaml': 'workspace: flights\n',
  'reference/airports.csv': 'iata,city\nTXL,Berlin\n',
  'sources/crm.yaml': 'source: crm\nconnector: file\nprofile: crm\nfile: { path: crm.ndjson }\n',
  'sources/flights.yaml': 'source: flights\nconnector: file\nprofile: flights\nfile: { path: flights.csv }\n',
  'profiles/crm.yaml': `profile: crm
version: 1.0.0
format: ndjson
records:
  - { kind: entity, name: person, key: [id, since], ts: since, dimensions: { id: id, tier: tier } }
`,
  'profiles/flights.yaml': flights('1.0.0'),
  'crm.ndjson': '{"id":"a","since":"2026-01-01","tier":"new"}\n{"id":"a","since":"2026-02-01","tier":"gold"}\n',
  'flights.csv': `n,at,seen,from,who,altitude
1,2026-01-15,2026-01-16T00:00:00Z,txl,a,1000
2,2026-02-15,2026-02-17T00:00:00Z,TXL,a,100.5
2,2026-02-15,2026-02-16T00:00:00Z,CDG,a,9
3,2026-02-15,2026-02-16T00:00:00Z,CDG,b,1
`,
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-lookups-'));
  for (const [file, text] of Object.entries(files)) await write(file, text);
  serving = await serve(readConfig({}, { dataDir: join(dir, '.data'), workspaceDir: dir, port: 0, logLevel: 'error' }));
});
afterAll(async () => {
  await serving.stop();
  await rm(dir, { recursive: true, force: true });
});

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(dir, file)), { recursive: true });
  await writeFile(join(dir, file), text);
}

async function chartly(...args: string[]): Promise<string> {
  let said = '';
  const code = await run([...args, '--url', serving.url, '--key', serving.apiKey], {
    out: (text) => void (said += Buffer.from(text).toString()),
    err: (text) => void (said += text),
    readInput: async () => '',
    columns: undefined,
    color: false,
    liveErr: false,
  });
  return `${code} ${said}`;
}

async function stored(): Promise<StoredRecord[]> {
  const pages = await Array.fromAsync(serving.system.canonical.scan('default', { sourceId: 'flights' }));
  return pages.flat().sort((a, b) => a.row - b.row);
}

async function records(): Promise<unknown[]> {
  return (await stored()).map(({ dimensions, measures }) => ({ ...dimensions, ...measures }));
}

describe('look-ups', () => {
  it('enrich from what the workspace and the canonical plane hold, and refuse the rest', async () => {
    expect(await chartly('apply', dir)).toMatch(/^0 .*flights +1\.0\.0 +created/s);
    expect(await chartly('ingest', 'crm', '--wait')).toMatch(/^0 /);
    await chartly('ingest', 'flights', '--wait');
    expect(await records()).toEqual([
      { city: 'Berlin', tier: 'new', altitude: 304.8 },
      { city: 'Berlin', tier: 'gold', altitude: 30.6324 },
    ]);
    expect(await chartly('quarantine', 'list')).toMatch(
      /lookup_missed +2 +\/from .*lookup_missed +3 +\/from|lookup_missed +3/s,
    );
  });

  it('take another content of the file for another version', async () => {
    await write('reference/airports.csv', 'iata,city\nTXL,Berlin\nCDG,Paris\n');
    expect(await chartly('validate', dir)).toMatch(
      /^1 .*already with other content \(what its reference files hold counts\)/s,
    );
    await write('profiles/flights.yaml', flights('1.1.0'));
    expect(await chartly('validate', dir)).toMatch(/^0 /);
    await write('reference/airports.csv', 'code,city\nTXL,Berlin\n');
    expect(await chartly('validate', dir)).toMatch(
      /^1 .*profiles\/flights\.yaml:5:\d+: it has no column iata; there are code, city/s,
    );
    await write('reference/airports.csv', 'iata,city\nTXL,Berlin\nCDG,Paris\n');
  });

  it('say beforehand what the new content recovers, and keep to it', async () => {
    const profile = join(dir, 'profiles/flights.yaml');
    // The other one is a duplicate then.
    expect(await chartly('quarantine', 'preview', '--profile', profile)).toMatch(/flights@1\.1\.0 recovers 1 of 2/);
    expect(await chartly('replay', 'flights', '--preview', '--profile', profile)).toMatch(/records added +1\n/);
    expect(await chartly('profile', 'diff', 'flights@1.0.0', profile)).toMatch(/records added +1\n/);
    expect(await records()).toHaveLength(2);
    expect(await chartly('apply', dir)).toMatch(/^0 .*flights +1\.1\.0 +updated/s);
    expect(await chartly('quarantine', 'recover', '--source', 'flights', '--wait')).toMatch(/^0 /);
    expect(await records()).toEqual([
      { city: 'Berlin', tier: 'new', altitude: 304.8 },
      // Of the two with one key the one that was seen last.
      { city: 'Berlin', tier: 'gold', altitude: 30.6324 },
      { city: 'Paris', tier: 'none', altitude: 0.3048 },
    ]);
    expect((await serving.system.audit.verify('default')).findings).toEqual([]);
    const [first] = await stored();
    expect(await chartly('trace', first!.recordId)).toMatch(
      /looked up in +airports, digest [0-9a-f]{64}\n *looked up in +people, digest [0-9a-f]{64}/,
    );
  });
});
