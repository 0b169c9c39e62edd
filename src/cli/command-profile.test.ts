import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCommand } from './testing.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-profile-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

const rows = 'date,city,sales\n2024-01-01,Berlin,1.5\n2024-01-02,Berlin,2.5\n2024-01-01,Rome,3.5\n';

describe('profile infer', () => {
  it('writes a workspace of a file, once', async () => {
    const file = join(root, 'My Sales.csv');
    await writeFile(file, rows);
    const dir = join(root, 'shop');
    const { code, out, err } = await runCommand(['profile', 'infer', file, '--out', dir]);
    expect({ code, out: out.split('\n').length }).toEqual({ code: 0, out: 6 });
    expect(err).toMatch(/3 records of 3 candidates\nnext: cd .* chartly ingest my-sales --wait/);
    const text = await readFile(join(dir, 'profiles/my-sales.yaml'), 'utf8');
    expect(text).toContain('kind: metric # guess: one number at one time');
    expect(parse(text)).toMatchObject({ profile: 'my-sales', records: [{ key: ['date', 'city'], value: 'sales' }] });
    expect(parse(await readFile(join(dir, 'sources/my-sales.yaml'), 'utf8'))).toMatchObject({
      file: { path: 'data/My Sales.csv' },
    });
    expect(await readFile(join(dir, 'data/My Sales.csv'), 'utf8')).toBe(rows);
    const again = await runCommand(['profile', 'infer', file, '--out', dir]);
    expect(again.code).toBe(1);
    expect(again.err).toContain('nothing was written');
  });

  it('asks an upstream as its source will, and keeps a secret of the address out of the file', async () => {
    const server = createServer((request, response) => response.end(request.url === '/s?api_key=hush' ? rows : ''));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/s`;
    const { code, out } = await runCommand(['profile', 'infer', `${url}?api_key=hush`, '--stdout']);
    server.close();
    expect(code).toBe(0);
    expect(out).not.toContain('hush');
    expect(parse(out.split('---\n')[0]!)).toMatchObject({
      source: 's',
      http: { url: `${url}?api_key=\${env:API_KEY}`, allow_private: true },
    });
  });

  it('says what is wrong with a file that is not there or holds no rows', async () => {
    const empty = join(root, 'empty.json');
    await writeFile(empty, '[]');
    expect((await runCommand(['profile', 'infer', join(root, 'none.csv')])).err).toContain('not_found');
    expect((await runCommand(['profile', 'infer', empty, '--out', root])).err).toContain('validation_failed');
  });
});

describe('profile test', () => {
  it('passes in the workspace that init writes, shows what differs, and takes it over when told', async () => {
    const dir = join(root, 'fixtures');
    await runCommand(['init', dir]);
    const folder = join(dir, 'profiles/readings.fixtures');
    expect(await runCommand(['profile', 'test', dir])).toEqual({
      code: 0,
      out: 'passed  profiles/readings.fixtures/two-rows.csv\n',
      err: '',
    });

    await writeFile(join(folder, 'new.csv'), 'time,station,temperature,humidity\n2026-01-01,hill,1,2\n');
    const expected = {
      records: [
        { name: 'temperature', value: 7, dimensions: { station: 'hill' } },
        { name: 'humidity' },
        { name: 'x' },
      ],
      quarantined: [],
      counts: { rows: 2 },
    };
    await writeFile(join(folder, 'new.expected.json'), JSON.stringify(expected));
    const differing = await runCommand(['profile', 'test', dir]);
    expect(differing.code).toBe(1);
    expect(differing.out).toContain(
      'failed  profiles/readings.fixtures/new.csv\n  records[0].value: expected 7, got 1\n  - records[2]: {"name":"x"}\n  counts.rows: expected 2, got 1\n',
    );
    expect(differing.err).toContain('1 of 2 fixtures differ');

    expect((await runCommand(['profile', 'test', dir, '--update'])).code).toBe(0);
    expect((await runCommand(['profile', 'test', dir])).code).toBe(0);
    const written = JSON.parse(await readFile(join(folder, 'two-rows.expected.json'), 'utf8')) as object;
    expect(written).toMatchObject({ counts: { candidates: 4, records: 3, quarantined: 1 } });
  });

  it('runs payloads that are compressed, and those of XML', async () => {
    const dir = join(root, 'layers');
    const folder = join(dir, 'profiles/feed.fixtures');
    await mkdir(folder, { recursive: true });
    const xml = '<feed><item id="1"/><item/></feed>';
    const files = {
      'chartly.yaml': 'workspace: news\n',
      'profiles/feed.yaml':
        'profile: feed\nversion: 1.0.0\nformat: xml\nselect: //item\nrecords:\n  - { kind: entity, name: item, key: ["@id"] }\n',
      'profiles/feed.fixtures/a.xml': xml,
      'profiles/feed.fixtures/b.xml.gz': gzipSync(xml),
      'profiles/feed.fixtures/c.xml.zst': zstdCompressSync(xml),
    };
    for (const [file, content] of Object.entries(files)) await writeFile(join(dir, file), content);
    expect((await runCommand(['profile', 'test', dir, '--update'])).code).toBe(0);
    const names = ['a.xml', 'b.xml.gz', 'c.xml.zst'];
    expect((await runCommand(['profile', 'test', dir])).out).toBe(
      names.map((name) => `passed  profiles/feed.fixtures/${name}\n`).join(''),
    );
    const expected = JSON.parse(await readFile(join(folder, 'b.expected.json'), 'utf8')) as object;
    expect(expected).toMatchObject({
      records: [{ name: 'item' }],
      quarantined: [{ reason_code: 'missing_field', row: 1 }],
    });
    await writeFile(join(dir, 'profiles/feed.yaml'), files['profiles/feed.yaml'].replace('//item', 'item[1]'));
    const refused = await runCommand(['profile', 'test', dir]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('/rss/channel/item');
  });

  it('looks values up in the reference files of the workspace, and in entities that stand beside the payloads', async () => {
    const dir = join(root, 'lookups');
    const folder = join(dir, 'profiles/orders.fixtures');
    await mkdir(join(folder, 'lookups'), { recursive: true });
    const files = {
      'chartly.yaml': 'workspace: shop\n',
      'reference.csv': 'sku,title\n1,Pen\n',
      'profiles/orders.yaml': `profile: orders
version: 1.0.0
format: csv
lookups:
  products: { file: reference.csv, key: sku }
  customers: { entities: { name: customer }, key: id }
records:
  - kind: event
    name: order
    key: [n]
    ts: at
    dimensions:
      title: { lookup: { in: products, key: sku, field: title } }
      tier: { lookup: { in: customers, key: who, field: tier } }
`,
      'profiles/orders.fixtures/two.csv': 'n,at,sku,who\n1,2026-01-01,1,a\n2,2026-03-01,1,a\n3,2026-03-01,2,b\n',
      'profiles/orders.fixtures/two.expected.json': JSON.stringify({
        records: [{ dimensions: { title: 'Pen', tier: 'new' } }, { dimensions: { title: 'Pen', tier: 'gold' } }],
        quarantined: [
          { reason_code: 'lookup_missed', rule: 'records[0].dimensions.tier', row: 2 },
          { reason_code: 'lookup_missed', rule: 'records[0].dimensions.title', row: 2 },
        ],
      }),
      'profiles/orders.fixtures/lookups/customers.ndjson':
        '{"dimensions":{"id":"a","tier":"new"}}\n{"ts":"2026-02-01T00:00:00Z","dimensions":{"id":"a","tier":"gold"}}\n',
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(dir, file), text);
    expect(await runCommand(['profile', 'test', dir])).toEqual({
      code: 0,
      out: 'passed  profiles/orders.fixtures/two.csv\n',
      err: '',
    });

    await rm(join(dir, 'reference.csv'));
    const gone = await runCommand(['profile', 'test', dir]);
    expect(gone.code).toBe(1);
    expect(gone.err).toMatch(/profiles\/orders\.yaml:5:\d+: there is no file reference\.csv in the workspace/);
    await symlink(join(root, 'outside.csv'), join(dir, 'reference.csv'));
    await writeFile(join(root, 'outside.csv'), 'sku,title\n');
    expect((await runCommand(['profile', 'test', dir])).err).toContain('leads outside of the workspace');
  });

  it('takes a payload without an expected file for a mismatch', async () => {
    const dir = join(root, 'missing');
    await runCommand(['init', dir]);
    await rm(join(dir, 'profiles/readings.fixtures/two-rows.expected.json'));
    expect((await runCommand(['profile', 'test', dir, '--json'])).code).toBe(1);
  });
});
