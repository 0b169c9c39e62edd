import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validator, type Source } from '#contracts';
import { newUuid, sha256Hex } from '#kit';
import type { CapturedPage, ConnectorHub, SourceState } from '#connector-hub';
import type { BlobStore } from '#storage';

/** A hub that reads files of `workspaceDir`, resolves references from `env` and writes to `blobs`. */
export interface HubUnderTest {
  hub: ConnectorHub;
  blobs: BlobStore;
}

type Open = (options: { workspaceDir: string; env: Record<string, string> }) => Promise<HubUnderTest>;

/** What every connector hub must do. */
export function connectorHubConformance(name: string, open: Open): void {
  describe(`connector hub conformance: ${name}`, () => {
    let workspaceDir: string;
    let upstream: Awaited<ReturnType<typeof startRows>>;
    let tested: HubUnderTest;
    beforeEach(async () => {
      workspaceDir = await mkdtemp(join(tmpdir(), 'chartly-workspace-'));
      upstream = await startRows();
      tested = await open({ workspaceDir, env: { KEY: 'k3y' } });
    });
    afterEach(async () => {
      await upstream.close();
      await rm(workspaceDir, { recursive: true });
    });

    const http = (path: string, rest: Partial<NonNullable<Source['http']>> = {}): Source => ({
      source: 'rows',
      connector: 'http',
      profile: 'rows',
      http: { url: upstream.url + path, allow_private: true, headers: { 'x-key': '${env:KEY}' }, ...rest },
      limits: { rate_per_second: 1000 },
      retry: { attempts: 2, base_ms: 1 },
    });
    const task = (source: Source, state?: SourceState, runId = newUuid(), signal = new AbortController().signal) => ({
      tenantId: 'default',
      runId,
      requestId: 'conformance',
      source,
      state,
      signal,
    });
    const code = async (pages: AsyncIterable<CapturedPage>) =>
      Array.fromAsync(pages).then(
        () => 'no error',
        (error: { code: string }) => error.code,
      );

    it('names its connectors', async () => {
      expect((await tested.hub.connectors()).map((c) => c.name)).toEqual(expect.arrayContaining(['http', 'file']));
    });

    it('stores every page before it tells of it, under a reference that obeys the contract', async () => {
      const pagination = { type: 'cursor', param: 'after', cursor: '$.next' } as const;
      const run = task(http('/pages', { pagination }));
      let count = 0;
      for await (const { raw, unchanged } of tested.hub.fetch(run)) {
        const bytes = await tested.blobs.readAll(raw.bucket, raw.sha256);
        expect(validator('raw/raw-ref')(raw)).toBe(true);
        expect([sha256Hex(bytes), bytes.length, raw.page, raw.run_id]).toEqual([
          raw.sha256,
          raw.size,
          count,
          run.runId,
        ]);
        expect(unchanged).toBe(false);
        count++;
      }
      expect(count).toBe(3);
    });

    it('goes on after the page whose state it is given, in the same run', async () => {
      const source = http('/pages', { pagination: { type: 'cursor', param: 'after', cursor: '$.next' } });
      const run = task(source);
      const pages = await Array.fromAsync(tested.hub.fetch(run));
      for (const [i, page] of pages.slice(0, -1).entries()) {
        const state = JSON.parse(JSON.stringify(page.state)) as SourceState;
        const rest = await Array.fromAsync(tested.hub.fetch(task(source, state, run.runId)));
        expect(rest.map((p) => [p.raw.page, p.raw.sha256])).toEqual(
          pages.slice(i + 1).map((p) => [p.raw.page, p.raw.sha256]),
        );
        expect((await Array.fromAsync(tested.hub.fetch(task(source, state)))).length).toBe(3);
      }
    });

    it('gives the earlier payload when nothing changed, over HTTP and for files', async () => {
      await writeFile(join(workspaceDir, 'rows.json'), '[1]');
      const file: Source = { source: 'rows', connector: 'file', profile: 'rows', file: { path: 'rows.json' } };
      for (const source of [http('/etag'), file]) {
        const [first] = await Array.fromAsync(tested.hub.fetch(task(source)));
        const [second] = await Array.fromAsync(tested.hub.fetch(task(source, first!.state)));
        expect([second!.unchanged, second!.raw]).toEqual([true, first!.raw]);
      }
    });

    it('says what went wrong by code, and keeps the secret to itself', async () => {
      expect(await code(tested.hub.fetch(task(http('/status/500'))))).toBe('upstream_error');
      expect(await code(tested.hub.fetch(task(http('/status/403'))))).toBe('upstream_rejected');
      expect(await code(tested.hub.fetch(task(http('/etag', { allow_private: false }))))).toBe('egress_denied');
      expect(await code(tested.hub.fetch(task(http('/etag', { headers: { a: '${env:NO}' } }))))).toBe('secret_missing');
      const capped = { ...http('/etag'), limits: { max_bytes: 1 } };
      expect(await code(tested.hub.fetch(task(capped)))).toBe('upstream_too_large');
      const file = { source: 'f', connector: 'file', profile: 'p', file: { path: 'absent' } } as const;
      expect(await code(tested.hub.fetch(task(file)))).toBe('not_found');
      expect(upstream.keys).toEqual(new Set(['k3y']));
    });

    it('stops when it is told to', async () => {
      const stop = new AbortController();
      const stopped = code(tested.hub.fetch(task(http('/silent'), undefined, newUuid(), stop.signal)));
      await upstream.asked('/silent');
      stop.abort();
      expect(await stopped).toBe('cancelled');
    });
  });
}

/** Three pages, an entity tag, any status, and silence. */
async function startRows() {
  const keys = new Set<unknown>();
  const askers = new Map<string, () => void>();
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://rows');
    keys.add(request.headers['x-key']);
    askers.get(url.pathname)?.();
    if (url.pathname === '/silent') return;
    if (url.pathname.startsWith('/status/')) return void response.writeHead(Number(url.pathname.slice(8))).end();
    if (url.pathname === '/etag') {
      const known = request.headers['if-none-match'] === '"1"';
      return void response.writeHead(known ? 304 : 200, { etag: '"1"' }).end(known ? undefined : '[1]');
    }
    const page = Number(url.searchParams.get('after') ?? 0);
    response.end(JSON.stringify({ rows: [page], next: page < 2 ? page + 1 : null }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    asked: async (path: string) => new Promise<void>((resolve) => askers.set(path, resolve)),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
