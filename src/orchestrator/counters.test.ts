import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChartlyError } from '#kit';
import { addCounts, noCounts } from './counts.ts';
import type { Orchestrator, RunDetail } from './index.ts';
import { context, countLines, documents, openHouse, type House } from './testing.ts';

const sources = ['left', 'right'];
const pages = ['a\n!b', 'c', 'd\nd\ne'];
let dir: string;
let house: House;
let orchestrator: Orchestrator;
let failureRate = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-counters-'));
  house = await openHouse(join(dir, 'pg'));
  for (const source of sources) house.world.upstreams.set(source, { pages, before: stumble });
  house.world.beforeNormalize = stumble;
  orchestrator = house.orchestrator;
  await orchestrator.apply(context, documents(sources));
  await orchestrator.start();
});

afterAll(async () => {
  await house.close();
  await rm(dir, { recursive: true, force: true });
});

/** Fails now and then: in ways that a repetition helps, in ways that it does not, or because a store is away. */
function stumble(): void {
  if (Math.random() >= failureRate) return;
  const dice = Math.random();
  if (dice < 0.4) throw new ChartlyError('blob_corrupt', 'No.');
  if (dice < 0.7) throw new ChartlyError('upstream_error', 'Not now.', { retryable: true });
  throw new ChartlyError('storage_unavailable', 'Away.', { retryable: true, retryAfterMs: 1 });
}

const operation = fc.oneof(
  fc.record({ do: fc.constant('ingest' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('cancel' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('retry' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('discard' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('restart' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('fail' as const), pick: fc.nat(2) }),
  fc.record({ do: fc.constant('rest' as const), pick: fc.nat(40) }),
);

async function perform({ do: what, pick }: { do: string; pick: number }, runs: string[]): Promise<void> {
  const letters = (await orchestrator.deadLetters('default')).items;
  const letter = letters[pick % Math.max(1, letters.length)];
  const run = runs[pick % Math.max(1, runs.length)];
  if (what === 'ingest') runs.push((await orchestrator.ingest(context, sources[pick % 2]!, 'api')).run_id);
  else if (what === 'cancel' && run !== undefined) await orchestrator.cancel(context, run);
  else if (what === 'retry' && letter !== undefined) await orchestrator.retryDeadLetter(context, letter.job_id);
  else if (what === 'discard' && letter !== undefined) {
    await orchestrator.discardDeadLetter(context, letter.job_id, 'a test');
  } else if (what === 'restart') await restart();
  else if (what === 'fail') failureRate = pick * 0.3;
  else if (what === 'rest') await new Promise((resolve) => setTimeout(resolve, pick));
}

async function restart(): Promise<void> {
  await orchestrator.stop(0);
  orchestrator = house.create();
  await orchestrator.start();
}

async function checkRun(run: RunDetail): Promise<void> {
  const letters = await house.relational.query<{ state: string }>('select state from dead_letter where run_id = $1', [
    run.run_id,
  ]);
  const unresolved = letters.filter((letter) => letter.state !== 'retried').length;
  const [fetch, normalize] = run.steps;
  expect(run.dead_letters).toBe(unresolved);
  expect(fetch!.jobs_failed + normalize!.jobs_failed).toBe(unresolved);
  expect(normalize!.jobs_total).toBeLessThanOrEqual(run.pages);
  const receipts = await house.relational.query<{ counts: RunDetail['counts'] }>(
    'select counts from batch_receipt where run_id = $1',
    [run.run_id],
  );
  if (run.state === 'cancelled') return;
  for (const step of run.steps) expect(step.jobs_done + step.jobs_failed).toBe(step.jobs_total);
  expect(run.counts).toEqual(receipts.map((receipt) => receipt.counts).reduce(addCounts, noCounts));
  expect(run.state).toBe(unresolved > 0 ? 'failed' : 'succeeded');
  const whole = pages.map(countLines).reduce(addCounts, noCounts);
  expect(run.state === 'succeeded' ? run.counts : whole).toEqual(whole);
}

it('keeps its counters true whatever is asked of it in whatever order', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
      const runs: string[] = [];
      failureRate = 0;
      for (const next of operations) {
        // Refusals (a run that has ended, a letter that somebody resolved) are answers too.
        await perform(next, runs).catch((error: unknown) => {
          if (!(error instanceof ChartlyError) || !['conflict', 'backpressure'].includes(error.code)) throw error;
        });
      }
      failureRate = 0;
      // Letters of earlier rounds may have been retried, so earlier runs may be open again.
      const { items } = await orchestrator.runs('default', { limit: 500 });
      for (const { run_id } of items) await orchestrator.waitForRun('default', run_id);
      for (const { run_id } of items) await checkRun(await orchestrator.run('default', run_id));
      expect(await orchestrator.health()).toEqual({
        queues: [
          { queue: 'fetch', depth: 0 },
          { queue: 'normalize', depth: 0 },
        ],
      });
    }),
    { numRuns: 12, endOnFailure: true },
  );
});
