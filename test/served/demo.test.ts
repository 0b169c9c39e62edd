// The whole demo with its relational plane on a PostgreSQL server: the same table, record hashes and report bytes as embedded.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo, type DemoResult } from '#app';
import type { AuditEntry, Health } from '#contracts';
import { newDatabase, startPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';

/** What of a demo must be the same wherever it runs. */
interface Outcome {
  engine: string | undefined;
  sources: DemoResult['sources'];
  quarantine: unknown;
  /** Of each batch: where it came from and the root over the hashes of its records. */
  batches: string[];
  /** By report and format: SHA-256 of charts, and JSON without the moment and the ledger of this rendering. */
  reports: Record<string, unknown>;
  verified: unknown;
}

describe('the demo on PostgreSQL', () => {
  let server: Service;
  const dirs: string[] = [];
  let embedded: Outcome;
  let served: Outcome;

  beforeAll(async () => {
    server = await startPostgres();
    embedded = await outcome(await newDir(), undefined);
    served = await outcome(await newDir(), await newDatabase(server));
  });
  afterAll(async () => {
    await server.stop();
    for (const dir of dirs) await rm(dir, { recursive: true, force: true });
  });

  async function newDir(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'chartly-demo-'));
    dirs.push(dir);
    return dir;
  }

  it('starts no embedded engine beside it, and says which one there is', () => {
    expect(embedded.engine).toBe('pglite');
    expect(served.engine).toBe('postgres');
    expect(dirs.map((dir) => existsSync(join(dir, 'pg')))).toEqual([true, false]);
  });

  it('gives the same table', () => {
    expect(served.sources.every(({ state }) => state === 'succeeded')).toBe(true);
    expect(served.sources).toEqual(embedded.sources);
    expect(served.quarantine).toEqual(embedded.quarantine);
  });

  it('gives the same records, hash by hash', () => {
    expect(served.batches.length).toBeGreaterThan(8);
    expect(served.batches).toEqual(embedded.batches);
    expect(served.verified).toMatchObject({ ok: true, findings: [] });
  });

  it('gives the same bytes of every report', () => {
    expect(JSON.stringify(served.reports)).toContain('records_digest');
    expect(served.reports).toEqual(embedded.reports);
  });
});

/** Runs the demo, and looks at what came of it. */
async function outcome(dataDir: string, postgresUrl: string | undefined): Promise<Outcome> {
  if (postgresUrl !== undefined) process.env.CHARTLY_POSTGRES_URL = postgresUrl;
  try {
    const demo = await runDemo({ dataDir, port: 0, logLevel: 'error' });
    try {
      return await look(demo);
    } finally {
      await demo.stop();
    }
  } finally {
    delete process.env.CHARTLY_POSTGRES_URL;
  }
}

async function look(demo: DemoResult): Promise<Outcome> {
  const ask = async (path: string, method = 'GET'): Promise<Response> => {
    const response = await fetch(`${demo.url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${demo.apiKey}` },
    });
    expect(response.status, path).toBe(200);
    return response;
  };
  const json = async <T>(path: string, method?: string): Promise<T> => (await (await ask(path, method)).json()) as T;

  const reports: Record<string, unknown> = {};
  for (const { id } of demo.reports) {
    const svg = Buffer.from(await (await ask(`reports/${id}/render?format=svg`)).arrayBuffer());
    reports[`${id}.svg`] = createHash('sha256').update(svg).digest('hex');
    reports[`${id}.json`] = JSON.parse(await (await ask(`reports/${id}/render?format=json`)).text(), withoutMoment);
  }
  const { items } = await json<{ items: { entry: AuditEntry }[] }>('audit/entries?limit=1000');
  const { stores } = await json<Health>('health');
  return {
    engine: stores.find(({ store }) => store === 'relational')?.engine,
    sources: demo.sources.toSorted((a, b) => a.source.localeCompare(b.source)),
    quarantine: await json('quarantine/summary'),
    batches: items
      .filter(({ entry }) => entry.action === 'batch.normalized')
      .map(({ entry: { details } }) => JSON.stringify(details))
      .toSorted(),
    reports,
    verified: await json('audit/verify', 'POST'),
  };
}

/** What of a report says when it was rendered, and by what ledger. */
const ofTheMoment = /^(?:rendered_at|as_of|data_version|ledger_size|ledger_head)$/;

function withoutMoment(key: string, value: unknown): unknown {
  return ofTheMoment.test(key) ? undefined : value;
}
