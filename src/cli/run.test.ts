import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from './run.ts';
import { runCommand } from './testing.ts';

interface Asked {
  method: string;
  url: string;
  key: string;
  body: unknown;
}

/** Says what the API would: the command's side of the conversation is what is tested here. */
let server: Server;
let connection: string[];
let asked: Asked[];
let answers: ((request: Asked, response: ServerResponse) => void)[];
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-cli-'));
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  connection = ['--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--key', 'chk_test'];
});
afterAll(async () => {
  server.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  answers = [];
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  const { method = '', url = '', headers } = request;
  const seen = {
    method,
    url,
    key: headers.authorization ?? '',
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  };
  asked.push(seen);
  answers.shift()!(seen, response);
}

const json =
  (value: unknown, status = 200) =>
  (_: Asked, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

const counts = { rows: 10, candidates: 10, records: 9, quarantined: 1, deduplicated: 0, skipped: 0, bytes: 100 };
const runOf = (state: string): object => ({
  run_id: 'r1',
  tenant_id: 'default',
  source_id: 'movies',
  trigger: 'cli',
  state,
  requested_at: '2026-01-02T03:04:05.678Z',
  counts,
  pages: 1,
  unchanged: 0,
  dead_letters: 0,
});
const problem = {
  type: 'urn:chartly:error:not_found',
  title: 'There is no such thing in this tenant.',
  status: 404,
  code: 'not_found',
  detail: 'There is no source x.',
  action: 'See the list.',
  request_id: 'q1',
};

/** The commands that a help text lists. */
function commandsIn(help: string): string[] {
  const list = /^Commands:\n((?: {2}.*\n?)*)/m.exec(help)?.[1] ?? '';
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1]!).filter((name) => name !== 'help');
}

/** A command's help, or that of each command below it. */
async function leavesOf(path: string): Promise<[string, string][]> {
  const { code, out } = await runCommand([...path.split(' '), '--help']);
  expect(code, path).toBe(0);
  const below = commandsIn(out);
  if (below.length === 0) return [[path, out]];
  return (await Promise.all(below.map(async (name) => leavesOf(`${path} ${name}`)))).flat();
}

describe('usage', () => {
  it.each([
    [['bogus']],
    [['ingest']],
    [['ingest', 'a', 'b']],
    [['runs']],
    [['runs', 'list', '--limit', '0']],
    [['runs', 'list', '--unknown']],
    [['key', 'create', 'x', '--role', 'king']],
    [['report', 'render', 'x', '--format', 'pdf']],
    [['report', 'render', 'x', '--json']],
    [['dlq', 'discard', 'x']],
    [['dlq', 'retry', 'x']],
    [['runs', 'show', 'x']],
    [['runs', 'list', '--state', 'done']],
    [['trace', 'ABCDEF']],
    [['quarantine', 'show', 'x']],
    [['quarantine', 'list', '--reason', 'ugly']],
    [['query', '-', '--json', '--csv']],
    [['up', '--port', '70000']],
    [['up', '--roles', 'nobody']],
    [[]],
  ])('refuses %j with 2 and says so on standard error', async (argv) => {
    const { code, err } = await runCommand(argv);
    expect(code).toBe(2);
    expect(err).not.toBe('');
    expect(asked).toEqual([]);
  });

  it('fills no terminal with a page', async () => {
    const said: string[] = [];
    const terminal = {
      columns: 80,
      color: false,
      liveErr: false,
      readInput: async () => '',
      err: (text: string) => void said.push(text),
    };
    expect(
      await run(['report', 'render', 'climate'], { ...terminal, out: () => expect.fail('nothing to print') }),
    ).toBe(2);
    expect(said.join('')).toContain('give -o FILE');
    expect(asked).toEqual([]);
  });

  it('has help with an example for every command', async () => {
    const top = await runCommand(['--help']);
    expect([top.code, top.err]).toEqual([0, '']);
    const leaves = (await Promise.all(commandsIn(top.out).map(leavesOf))).flat();
    expect(leaves.map(([name]) => name)).toEqual(expect.arrayContaining(['demo', 'runs list', 'audit verify']));
    for (const [name, help] of leaves) {
      expect(help, name).toMatch(/Example:\n {2}\S/);
      expect(help, name).toContain('--json');
    }
  });

  it('tells its version', async () => {
    expect((await runCommand(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a problem', () => {
  it('is told on standard error, with code and next action, and exits 1', async () => {
    answers = [
      json({ ...problem, errors: [{ pointer: '/a', message: 'is wrong', file: 'f.yaml', line: 3, column: 5 }] }, 404),
    ];
    const { code, out, err } = await runCommand(['ingest', 'x', ...connection]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      'error: There is no source x.\n  f.yaml:3:5: is wrong (/a)\n  code: not_found\n  next: See the list.\n',
    );
  });

  it('is the one JSON document for machines', async () => {
    answers = [json(problem, 404)];
    const { code, out } = await runCommand(['ingest', 'x', '--json', ...connection]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ code: 'not_found', detail: 'There is no source x.', status: 404 });
  });

  it('is made of answers that are not from Chartly, and of no answer', async () => {
    answers = [(_, response) => response.writeHead(502).end('<html>')];
    expect((await runCommand(['report', 'list', ...connection])).err).toContain('answered 502');
    answers = [(_, response) => response.end('<html>')];
    expect((await runCommand(['report', 'list', ...connection])).err).toContain('not JSON');
    const silent = await runCommand(['report', 'list', '--url', 'http://127.0.0.1:9', '--key', 'x']);
    expect([silent.code, silent.err]).toEqual([
      1,
      expect.stringContaining('No answer from Chartly at http://127.0.0.1:9'),
    ]);
    const keyless = await runCommand(['report', 'list', '--url', 'http://127.0.0.1:9']);
    expect(keyless.err).toContain('code: unauthorized');
  });
});

describe('commands', () => {
  it('ingest asks, and waits when told to', async () => {
    answers = [json(runOf('queued'), 202)];
    const asking = await runCommand(['ingest', 'movies', ...connection]);
    expect([asking.code, asking.err]).toEqual([0, expect.stringContaining('chartly runs show r1')]);
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: '/v1/sources/movies/ingest?trigger=cli',
      key: 'Bearer chk_test',
    });

    answers = [json(runOf('queued'), 202), json(runOf('running')), json(runOf('succeeded'))];
    const waiting = await runCommand(['ingest', 'movies', '--wait', ...connection]);
    expect(waiting.code).toBe(0);
    expect(waiting.out).toMatch(/^state +succeeded$/m);
    expect(waiting.out).toMatch(/^records +9$/m);
    expect(waiting.err).toContain('chartly quarantine list --source movies');

    for (const state of ['failed', 'quarantined', 'cancelled']) {
      answers = [json(runOf('queued'), 202), json(runOf(state))];
      expect((await runCommand(['ingest', 'movies', '--wait', '--json', ...connection])).code).toBe(1);
    }
  });

  it('lists pass their filters on, and tell how to go on', async () => {
    answers = [json({ items: [runOf('failed')], next: 'CURSOR' })];
    const page = await runCommand([
      'runs',
      'list',
      '--source',
      'movies',
      '--state',
      'failed',
      '--limit',
      '1',
      ...connection,
    ]);
    expect(asked[0]!.url).toBe('/v1/runs?source=movies&state=failed&limit=1');
    expect(page.out.split('\n')[0]).toMatch(/^run +source +state/);
    expect(page.err).toBe('more: --after CURSOR\n');
    answers = [json({ items: [] })];
    const empty = await runCommand(['dlq', 'list', ...connection]);
    expect([empty.code, empty.out, empty.err]).toEqual([0, '', 'nothing to show\n']);
  });

  it('quarantine show prints the bytes of the row, harmless', async () => {
    const record = {
      quarantine_id: 'q',
      source_id: 's',
      run_id: 'r',
      state: 'open',
      reason_code: 'cast_failed',
      message: 'm',
      rule: 'records[0].ts',
      pointer: '/ts',
      value_masked: 'v',
      profile_id: 'p',
      profile_version: '1.0.0',
      raw_sha256: 'ab',
      row: 4,
      byte_start: 10,
      byte_end: 1000,
      created_at: '2026-01-02T03:04:05.678Z',
      recovery: 'Correct it.',
    };
    answers = [json({ record, bytes_base64: Buffer.from('{"ts":"\x1b]0;x\x07"}').toString('base64') })];
    const { out } = await runCommand(['quarantine', 'show', 'a'.repeat(32), ...connection]);
    expect(out).toContain('as captured (the first 15 of 990 bytes):\n{"ts":"\\x1b]0;x\\x07"}\n');
    expect(out).toMatch(/^next +Correct it\.$/m);
  });

  it('query reads JSON or YAML and prints a table, CSV or JSON', async () => {
    const result = {
      columns: [
        { name: 'place', type: 'text' },
        { name: 'n', type: 'integer' },
      ],
      rows: [
        ['a, b', 3],
        [null, 12],
      ],
      truncated: false,
    };
    answers = [json(result), json(result), json(result)];
    const query = 'kind: event\nname: earthquake\naggregates: [{ fn: count, as: n }]\n';
    expect((await runCommand(['query', '-', ...connection], query)).out).toBe('place   n\na, b    3\n       12\n');
    expect(asked[0]!.body).toEqual({ kind: 'event', name: 'earthquake', aggregates: [{ fn: 'count', as: 'n' }] });
    await writeFile(join(root, 'q.json'), '{"kind":"event"}');
    const file = join(root, 'q.json');
    expect((await runCommand(['query', file, '--csv', ...connection])).out).toBe('place,n\r\n"a, b",3\r\n,12\r\n');
    expect(JSON.parse((await runCommand(['query', file, '--json', ...connection])).out)).toEqual(result);
    expect((await runCommand(['query', '-', ...connection], '{"a":')).err).toContain('code: bad_request');
    expect((await runCommand(['query', join(root, 'absent'), ...connection])).err).toContain('code: not_found');
  });

  it('report render writes the bytes as they come', async () => {
    const body = Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x00]);
    const send = (_: Asked, response: ServerResponse): void => {
      response.writeHead(200, { 'x-chartly-artifact-sha256': 'aa', 'x-chartly-manifest-sha256': 'bb' }).end(body);
    };
    answers = [send];
    const file = join(root, 'chart.svg');
    const told = await runCommand(['report', 'render', 'climate', '-o', file, '--json', ...connection]);
    expect(asked[0]!.url).toBe('/v1/reports/climate/render?format=svg');
    expect(JSON.parse(told.out)).toEqual({
      file,
      format: 'svg',
      bytes: 5,
      artifact_sha256: 'aa',
      manifest_sha256: 'bb',
    });
    expect((await readFile(file)).equals(body)).toBe(true);
  });

  it('audit verify exits 1 when something does not hold, and names it', async () => {
    const report = { ok: false, entries: 3, blobs: 1, batches: 1, records: 7, size: '3', head: 'ff' };
    answers = [
      json({ ...report, findings: [{ plane: 'raw', subject: 'blob raw/ab12', problem: 'its bytes changed' }] }),
    ];
    const { code, out } = await runCommand(['audit', 'verify', ...connection]);
    expect(code).toBe(1);
    expect(out).toContain('one thing does not hold');
    expect(out).toMatch(/^raw +blob raw\/ab12 +its bytes changed$/m);
  });

  it('key create shows the secret on standard output alone', async () => {
    const key = { key_id: 'k1', name: 'x', role: 'viewer', created_at: '2026-01-02T03:04:05.678Z' };
    answers = [json({ key, secret: 'chk_secret' }, 201)];
    const { out, err } = await runCommand(['key', 'create', 'x', ...connection]);
    expect(asked[0]!.body).toEqual({ name: 'x', role: 'viewer' });
    expect(out).toContain('chk_secret');
    expect(err).not.toContain('chk_secret');
  });

  it('says which file cannot be written', async () => {
    answers.push((_, response) => response.writeHead(200, { 'content-type': 'text/csv' }).end('a'));
    const file = '/no/such/directory/climate.html';
    const { code, err } = await runCommand(['report', 'render', 'climate', '-o', file, ...connection]);
    expect([code, err]).toEqual([1, expect.stringContaining(`The file ${file} cannot be written (ENOENT).`)]);
  });

  it('takes no garbage for the URL of a server', async () => {
    const { code, err } = await runCommand(['runs', 'list', '--url', 'garbage', '--key', 'k']);
    expect([code, err]).toEqual([1, expect.stringContaining('code: config_invalid')]);
  });

  it('init writes no file over another', async () => {
    const dir = join(root, 'My Data 1');
    expect((await runCommand(['init', dir])).code).toBe(0);
    expect(await readFile(join(dir, 'chartly.yaml'), 'utf8')).toContain('workspace: my-data-1\n');
    const again = await runCommand(['init', dir, '--json']);
    expect([again.code, (JSON.parse(again.out) as { code: string }).code]).toEqual([1, 'conflict']);
  });

  it('validate names file, line and column before it asks anybody', async () => {
    const dir = join(root, 'wrong');
    await runCommand(['init', dir]);
    const profile = join(dir, 'profiles/readings.yaml');
    await writeFile(profile, (await readFile(profile, 'utf8')).replace('format: csv', 'format: xls'));
    const { code, err } = await runCommand(['validate', dir, ...connection]);
    expect(code).toBe(1);
    expect(err).toMatch(/profiles\/readings\.yaml:5:1: .*csv.*\(\/format\)/);
    expect(err).toContain('code: workspace_invalid');
    expect(asked).toEqual([]);
  });

  it('apply adds lines and columns to what the services found', async () => {
    const dir = join(root, 'refused');
    await runCommand(['init', dir]);
    const errors = [{ file: 'profiles/readings.yaml', pointer: '/records/1/ts/format', message: 'is no format' }];
    answers = [json({ ...problem, status: 422, code: 'workspace_invalid', errors }, 422)];
    const { err } = await runCommand(['apply', dir, '--dry-run', ...connection]);
    expect(asked[0]!.body).toMatchObject({ dry_run: true });
    expect(err).toMatch(/profiles\/readings\.yaml:\d+:\d+: is no format \(\/records\/1\/ts\/format\)/);
  });
});
