// The whole demo with its relational plane on a PostgreSQL server: the same table, record hashes and report bytes as embedded.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo, type DemoResult } from '#app';
import { apiOf, outcomeOf, type Outcome as ApiOutcome } from './outcome.ts';
import { newDatabase, startPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';

interface Outcome extends ApiOutcome {
  sources: DemoResult['sources'];
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
      const sources = demo.sources.toSorted((a, b) => a.source.localeCompare(b.source));
      return { ...(await outcomeOf(apiOf(demo.url, demo.apiKey))), sources };
    } finally {
      await demo.stop();
    }
  } finally {
    delete process.env.CHARTLY_POSTGRES_URL;
  }
}
