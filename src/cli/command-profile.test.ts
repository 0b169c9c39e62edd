import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('takes a payload without an expected file for a mismatch', async () => {
    const dir = join(root, 'missing');
    await runCommand(['init', dir]);
    await rm(join(dir, 'profiles/readings.fixtures/two-rows.expected.json'));
    expect((await runCommand(['profile', 'test', dir, '--json'])).code).toBe(1);
  });
});
