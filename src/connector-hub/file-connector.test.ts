import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { appendFile, mkdir, mkdtemp, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Source } from '#contracts';
import { createBench, failure, fetchAll, runId, type Bench } from './testing.ts';

let bench: Bench;
let elsewhere: string;
beforeEach(async () => {
  bench = await createBench();
  elsewhere = await mkdtemp(join(tmpdir(), 'chartly-elsewhere-'));
});
afterEach(async () => {
  await bench.close();
  await rm(elsewhere, { recursive: true });
});

const long = new Date(Date.now() - 60_000);
/** Its modification time lies back; its change time cannot be set, so a fresh file counts as one that may still change. */
async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(bench.dir, path)), { recursive: true });
  await writeFile(join(bench.dir, path), content);
  await utimes(join(bench.dir, path), long, long);
}
const source = (path: string, rest: Partial<Source> = {}): Source => ({
  source: 'f',
  connector: 'file',
  profile: 'p',
  file: { path },
  ...rest,
});
const later = { now: () => Date.now() + 10_000 };

describe('a file', () => {
  test('is one page', async () => {
    await put('data/a.csv', 'x\n1\n');
    const [page, ...more] = await fetchAll(bench, source('data/a.csv'));
    expect(more).toEqual([]);
    expect(page).toMatchObject({
      unchanged: false,
      raw: { content_type: 'text/csv', size: 4, request_key: 'file:data/a.csv', page: 0, run_id: runId },
    });
    expect(page!.state.resume).toBeUndefined();
    expect(await bench.text(page!)).toBe('x\n1\n');
  });

  test('is not read again while its size and times stay', async () => {
    await bench.close();
    bench = await createBench({ clock: later });
    await put('a.json', '[1]');
    const [first] = await fetchAll(bench, source('a.json'));
    const [second] = await fetchAll(bench, source('a.json'), { state: first!.state });
    expect(second).toEqual({ raw: first!.raw, unchanged: true, state: first!.state });
    expect(bench.stored.length).toBe(1);
    await put('a.json', '[2]');
    const [third] = await fetchAll(bench, source('a.json'), { state: second!.state });
    expect([third!.unchanged, await bench.text(third!)]).toEqual([false, '[2]']);
  });

  test('that was written a moment ago is read again, for it may change within its time stamp', async () => {
    await put('a.json', '[1]');
    const [first] = await fetchAll(bench, source('a.json'));
    const [second] = await fetchAll(bench, source('a.json'), {
      state: JSON.parse(JSON.stringify(first!.state)) as never,
    });
    expect([second!.unchanged, second!.raw, bench.stored.length]).toEqual([true, first!.raw, 2]);
  });

  test('whose captured bytes are gone is captured again', async () => {
    await bench.close();
    bench = await createBench({ clock: later });
    await put('a.json', '[1]');
    const [first] = await fetchAll(bench, source('a.json'));
    await rm(join(bench.dir, 'blobs', 'raw'), { recursive: true });
    const [second] = await fetchAll(bench, source('a.json'), { state: first!.state });
    expect([second!.unchanged, await bench.text(second!)]).toEqual([false, '[1]']);
  });

  test('has a cap', async () => {
    await put('a.json', '12345');
    expect((await fetchAll(bench, source('a.json', { limits: { max_bytes: 5 } }))).length).toBe(1);
    expect((await failure(fetchAll(bench, source('a.json', { limits: { max_bytes: 4 } })))).code).toBe(
      'upstream_too_large',
    );
  });

  test('that grows while it is read is no payload', async () => {
    await put('a.json', 'x'.repeat(4 * 1024 * 1024));
    const put1 = bench.blobs.put.bind(bench.blobs);
    const { createConnectorHub } = await import('./index.ts');
    const hub = createConnectorHub({
      blobs: {
        ...bench.blobs,
        put: (bucket, body, options) =>
          put1(
            bucket,
            (async function* () {
              for await (const chunk of body as AsyncIterable<Uint8Array>) {
                await appendFile(join(bench.dir, 'a.json'), 'y');
                yield chunk;
              }
            })(),
            options,
          ),
      },
      logger: { debug() {}, info() {}, warn() {}, error() {}, child: () => ({}) as never },
      metrics: {} as never,
      clock: later,
      workspaceDir: bench.dir,
      env: {},
    });
    const task = {
      tenantId: 'default',
      runId,
      requestId: 'r',
      source: source('a.json'),
      state: undefined,
      signal: new AbortController().signal,
    };
    const error = await failure(Array.fromAsync(hub.fetch(task)));
    expect(error).toMatchObject({ code: 'upstream_error', retryable: true });
    expect(bench.stored).toEqual([]);
  });
});

describe('a glob', () => {
  beforeEach(async () => {
    for (const name of ['b', 'a', 'c']) await put(`in/${name}.ndjson`, `{"n":"${name}"}\n`);
    await put('in/.hidden.ndjson', 'no');
    await put('.chartly/local.ndjson', 'no');
  });

  test('gives one page for each file, in the order of their paths, without hidden ones', async () => {
    const pages = await fetchAll(bench, source('**/*.ndjson'));
    expect(pages.map((p) => [p.raw.page, p.raw.request_key])).toEqual([
      [0, 'file:in/a.ndjson'],
      [1, 'file:in/b.ndjson'],
      [2, 'file:in/c.ndjson'],
    ]);
  });

  test('goes on after every page that was settled, in the same run only', async () => {
    const pages = await fetchAll(bench, source('in/*.ndjson'));
    for (const [i, page] of pages.slice(0, -1).entries()) {
      const rest = await fetchAll(bench, source('in/*.ndjson'), { state: page.state });
      expect(rest.map((p) => p.raw)).toMatchObject(
        pages.slice(i + 1).map((p) => ({ sha256: p.raw.sha256, page: p.raw.page })),
      );
      expect(rest.at(-1)!.state.resume).toBeUndefined();
      const other = await fetchAll(bench, source('in/*.ndjson'), {
        state: page.state,
        runId: runId.replace(/1$/, '9'),
      });
      expect(other.length).toBe(3);
    }
  });

  test('forgets files that are gone', async () => {
    const pages = await fetchAll(bench, source('in/*.ndjson'));
    await unlink(join(bench.dir, 'in/b.ndjson'));
    const again = await fetchAll(bench, source('in/*.ndjson'), { state: pages.at(-1)!.state });
    expect(again.map((p) => p.unchanged)).toEqual([true, true]);
    expect(Object.keys(again.at(-1)!.state.requests)).toEqual(['file:in/a.ndjson', 'file:in/c.ndjson']);
  });

  test('a name with brackets in it is a name when there is such a file', async () => {
    await put('in/x[1].json', '1');
    expect((await fetchAll(bench, source('in/x[1].json'))).length).toBe(1);
  });
});

describe('outside of the workspace', () => {
  test.each(['../x.json', '/etc/hostname', 'in/../../x.json', '*/../../*', 'C:\\x.json', '..\\x.json'])(
    '%s is refused',
    async (path) => {
      expect((await failure(fetchAll(bench, source(path)))).code).toBe('workspace_invalid');
    },
  );

  test('a link that leads out is refused, by name and by glob, for files and directories', async () => {
    await writeFile(join(elsewhere, 'x.json'), '1');
    await symlink(join(elsewhere, 'x.json'), join(bench.dir, 'link.json'));
    await symlink(elsewhere, join(bench.dir, 'linked'));
    for (const path of ['link.json', '*.json', 'linked/x.json', 'linked/*.json']) {
      expect([path, (await failure(fetchAll(bench, source(path)))).code]).toEqual([path, 'workspace_invalid']);
    }
    expect(bench.stored).toEqual([]);
  });

  test('a link within is followed', async () => {
    await put('real/x.json', '1');
    await symlink('real', join(bench.dir, 'alias'));
    expect((await fetchAll(bench, source('alias/x.json')))[0]!.raw.request_key).toBe('file:alias/x.json');
  });

  test.each(['absent.json', 'none/*.json', 'blobs', ''])('nothing at %j is not found', async (path) => {
    await mkdir(join(bench.dir, 'blobs'), { recursive: true });
    expect(await failure(fetchAll(bench, source(path)))).toMatchObject({ retryable: false });
  });
});
