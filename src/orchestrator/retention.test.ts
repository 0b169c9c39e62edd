import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChartlyError, silentLogger, systemClock, type Logger } from '#kit';
import type { Normalizer } from '#normalizer';
import type { BlobStore } from '#storage';
import { sweep, type RetentionDeps } from './retention.ts';
import { context, documents, openHouse, type House } from './testing.ts';

let dir: string;
let house: House;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-sweep-'));
  house = await openHouse(join(dir, 'pg'));
  const [profile, ...sources] = documents(['a', 'b', 'c']);
  const retention = { records: 'P1Y', quarantine: 'P30D' };
  await house.orchestrator.apply(context, [
    { ...profile!, spec: { ...(profile!.spec as object), retention } },
    ...sources,
  ]);
  await house.orchestrator.apply(context, documents(['d']));
});
afterAll(async () => {
  await house.close();
  await rm(dir, { recursive: true, force: true });
});

function depsOf(expireRecords: Normalizer['expireRecords'], logger: Logger = silentLogger): RetentionDeps {
  const { relational, audit } = house;
  const normalizer = { expireRecords } as unknown as Normalizer;
  return { relational, audit, normalizer, blobs: undefined as unknown as BlobStore, clock: systemClock, logger };
}

it('sees to every source whose profile keeps something for a time, though one of them fails', async () => {
  const seen: string[] = [];
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => void warnings.push([message, fields?.source_id]),
  };
  const deps = depsOf(async ({ sourceId }) => {
    seen.push(sourceId);
    if (sourceId === 'b') throw new ChartlyError('storage_unavailable', 'The store is away.');
    return 0;
  }, logger);
  await sweep(deps, new AbortController().signal);
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(warnings).toEqual([['retention failed and will be repeated', 'b']]);
});

it('stops between two sources when the process does', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const deps = depsOf(async ({ sourceId }) => {
    seen.push(sourceId);
    stop.abort();
    return 0;
  });
  await sweep(deps, stop.signal);
  expect(seen).toEqual(['a']);
});
