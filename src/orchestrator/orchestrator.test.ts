import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { validator } from '#contracts';
import { ChartlyError } from '#kit';
import { context, countLines, documents, openHouse, type House } from './testing.ts';

let dir: string;
let house: House;
let count = 0;
let source: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-orchestrator-'));
  house = await openHouse(join(dir, 'pg'), { policy: { baseMs: 10, maxMs: 50, crashes: 4 } });
  await house.orchestrator.start();
});

afterAll(async () => {
  await house.close();
  await rm(dir, { recursive: true, force: true });
});

// Each test has a source of its own, so that none sees what another left.
beforeEach(async () => {
  source = `source-${count++}`;
  delete house.world.beforeNormalize;
  await house.orchestrator.apply(context, documents([source]));
});

const ingest = () => house.orchestrator.ingest(context, source, 'cli');
const ended = (run: { run_id: string }) => house.orchestrator.waitForRun('default', run.run_id);
const stepsOf = async (run: { run_id: string }) => (await house.orchestrator.run('default', run.run_id)).steps;
const letters = async (run: { run_id: string }) =>
  (await house.orchestrator.deadLetters('default')).items.filter((letter) => letter.run_id === run.run_id);
const actions = async (run: { run_id: string }) =>
  (await house.audit.entries('default', { runId: run.run_id })).map(({ entry }) => entry.action);

describe('a run', () => {
  it('takes every page to records, and counts what became of each row', async () => {
    house.world.upstreams.set(source, { pages: ['a\nb\n!c', 'd\nd', ''] });
    const requested = await ingest();
    expect(requested.state).toBe('queued');
    const run = await ended(requested);
    expect(run).toMatchObject({ state: 'succeeded', pages: 3, unchanged: 0, dead_letters: 0 });
    expect(run.counts).toEqual({ ...countLines('a\nb\n!c\nd\nd'), bytes: 6 + 3 });
    expect(validator('jobs/run')(run)).toBe(true);
    const steps = await stepsOf(run);
    expect(steps).toMatchObject([
      { step: 'fetch', state: 'succeeded', jobs_total: 1, jobs_done: 1, jobs_failed: 0 },
      { step: 'normalize', state: 'succeeded', jobs_total: 3, jobs_done: 3, jobs_failed: 0 },
    ]);
    for (const step of steps) expect(validator('jobs/step')(step)).toBe(true);
    expect((await actions(run)).toSorted()).toEqual([
      ...Array(3).fill('batch.normalized'),
      ...Array(3).fill('payload.captured'),
      'run.requested',
      'run.succeeded',
    ]);
  });

  it('ends when the upstream has nothing at all', async () => {
    house.world.upstreams.set(source, { pages: [] });
    expect(await ended(await ingest())).toMatchObject({ state: 'succeeded', pages: 0 });
  });

  it('is quarantined when no row was good', async () => {
    house.world.upstreams.set(source, { pages: ['!a\n!b'] });
    expect(await ended(await ingest())).toMatchObject({ state: 'quarantined', counts: { quarantined: 2 } });
  });

  it('tells its changes, each once, ending with the last', async () => {
    house.world.upstreams.set(source, { pages: ['a', 'b'] });
    const states: string[] = [];
    const run = await ingest();
    await house.orchestrator.waitForRun('default', run.run_id, { onChange: ({ state }) => states.push(state) });
    expect(states.at(-1)).toBe('succeeded');
    expect(states.filter((state) => state === 'succeeded')).toHaveLength(1);
  });

  it('does not touch an unchanged payload again, until the profile changes; then reads the old capture', async () => {
    house.world.upstreams.set(source, { pages: ['a\nb', ''], etag: true });
    const first = await ended(await ingest());
    const second = await ended(await ingest());
    expect(second).toMatchObject({ state: 'succeeded', pages: 0, unchanged: 2, counts: { rows: 0 } });
    expect((await stepsOf(second))[1]).toMatchObject({ jobs_total: 0 });

    await house.orchestrator.apply(context, documents([source], '1.1.0'));
    const third = await ended(await ingest());
    expect(third).toMatchObject({ state: 'succeeded', pages: 0, unchanged: 2, counts: { records: 2 } });
    const totals = await house.orchestrator.totals('default');
    expect(totals.get(source)).toEqual(first.counts);
  });

  it('of one source never overlaps with another, and all of them end', async () => {
    let active = 0;
    let most = 0;
    house.world.upstreams.set(source, {
      pages: ['a'],
      before: async () => {
        most = Math.max(most, ++active);
        await new Promise((resolve) => setTimeout(resolve, 30));
        active--;
      },
    });
    const runs = await Promise.all(Array.from({ length: 6 }, ingest));
    const ends = await Promise.all(runs.map(ended));
    expect(ends.map((run) => run.state)).toEqual(Array(6).fill('succeeded'));
    expect(most).toBe(1);
    const totals = await house.orchestrator.totals('default');
    expect(totals.get(source)).toEqual(countLines('a'));
  });

  it('is refused when too many of its source wait', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    house.world.upstreams.set(source, { pages: ['a'], before: () => gate });
    const runs = await Promise.all(Array.from({ length: 20 }, ingest));
    const failures: ChartlyError[] = [];
    for (let i = 0; i < 3; i++)
      await ingest().then(
        (run) => runs.push(run),
        (error: ChartlyError) => failures.push(error),
      );
    open();
    expect(failures.length).toBeGreaterThanOrEqual(2);
    expect(failures[0]).toMatchObject({ code: 'backpressure', retryable: true, retryAfterMs: 5000 });
    await Promise.all(runs.map(ended));
  });

  it('of an unknown source is refused', async () => {
    await expect(house.orchestrator.ingest(context, 'nobody', 'api')).rejects.toMatchObject({ code: 'not_found' });
    await expect(house.orchestrator.run('default', 'nonsense')).rejects.toMatchObject({ code: 'not_found' });
    const run = await ingest();
    await expect(house.orchestrator.run('other', run.run_id)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a job that fails', () => {
  it('is tried again, going on where it was', async () => {
    const asked: number[] = [];
    let failures = 2;
    house.world.upstreams.set(source, {
      pages: ['a', 'b', 'c'],
      before: (page) => {
        asked.push(page);
        if (page === 1 && failures-- > 0) throw new ChartlyError('upstream_error', 'No.', { retryable: true });
      },
    });
    expect(await ended(await ingest())).toMatchObject({ state: 'succeeded', pages: 3, counts: { records: 3 } });
    expect(asked).toEqual([0, 1, 1, 1, 2]);
  });

  it('starts anew where it cannot go on, counting no page twice and losing none that changed meanwhile', async () => {
    const pages = ['a', 'b', 'c'];
    let failures = 1;
    house.world.upstreams.set(source, {
      pages,
      forgetful: true,
      before: (page) => {
        if (page !== 2 || failures-- <= 0) return;
        pages[1] = 'B\nBB';
        throw new ChartlyError('upstream_error', 'No.', { retryable: true });
      },
    });
    const run = await ended(await ingest());
    expect(run).toMatchObject({ state: 'succeeded', pages: 4, counts: { records: 5 } });
    const stored = await house.relational.query<{ page: number; request_key: string }>(
      'select page, request_key from raw_ref where run_id = $1 order by page',
      [run.run_id],
    );
    expect(stored.map((raw) => `${raw.page}: ${raw.request_key}`)).toEqual([
      '0: page 0',
      '1: page 1',
      '2: page 1',
      '3: page 2',
    ]);
  });

  it('waits at least as long as the upstream asks', async () => {
    const times: number[] = [];
    house.world.upstreams.set(source, {
      pages: ['a'],
      before: () => {
        if (times.push(Date.now()) === 1) {
          throw new ChartlyError('upstream_error', 'Later.', { retryable: true, retryAfterMs: 300 });
        }
      },
    });
    await ended(await ingest());
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(300);
  });

  it('is given up after five attempts, with its history, and its run goes on without it', async () => {
    house.world.upstreams.set(source, { pages: ['a', 'bad', 'c'] });
    house.world.beforeNormalize = ({ raw }) => {
      if (raw.page === 1) throw new ChartlyError('internal', 'Broken.', { retryable: true });
    };
    const run = await ended(await ingest());
    expect(run).toMatchObject({
      state: 'failed',
      dead_letters: 1,
      counts: { records: 2 },
      error: { code: 'internal' },
    });
    expect((await stepsOf(run))[1]).toMatchObject({ state: 'failed', jobs_total: 3, jobs_done: 2, jobs_failed: 1 });
    const [letter] = await letters(run);
    expect(validator('jobs/dead-letter')(letter)).toBe(true);
    expect(letter!.errors.map((error) => error.attempt)).toEqual([1, 2, 3, 4, 5]);
  });

  it('is given up at once when a repetition cannot help', async () => {
    let calls = 0;
    house.world.upstreams.set(source, {
      pages: ['a'],
      before: () => {
        calls++;
        throw new ChartlyError('egress_denied', 'No.');
      },
    });
    expect(await ended(await ingest())).toMatchObject({ state: 'failed', error: { code: 'egress_denied' } });
    expect(calls).toBe(1);
  });

  it('waits for a store that is away without using up its attempts, and says what it waits for', async () => {
    let away = 7;
    house.world.upstreams.set(source, { pages: ['a'] });
    house.world.beforeNormalize = () => {
      if (away-- > 0) {
        throw new ChartlyError('disk_full', 'Full.', { retryable: true, retryAfterMs: 5 });
      }
    };
    const reasons = new Set<string>();
    const run = await house.orchestrator.waitForRun('default', (await ingest()).run_id, {
      onChange: ({ error }) => error !== undefined && reasons.add(error.message),
    });
    expect(run).toMatchObject({ state: 'succeeded', dead_letters: 0 });
    expect(run.error).toBeUndefined();
    expect([...reasons]).toEqual(['Full.']);
  });

  it('is settled once the relational store is back, and nobody is held to have died in it', async () => {
    const other = await openHouse(join(dir, 'away'));
    let away = 0;
    const relational: House['relational'] = {
      ...other.relational,
      async transaction(work) {
        if (away-- > 0) throw new ChartlyError('disk_full', 'Full.', { retryable: true });
        return other.relational.transaction(work);
      },
    };
    const orchestrator = other.create({ relational, policy: { baseMs: 10, maxMs: 50, crashes: 0 } });
    await orchestrator.start();
    await orchestrator.apply(context, documents([source]));
    other.world.upstreams.set(source, { pages: ['a'] });
    let attempts = 0;
    other.world.beforeNormalize = () => {
      if (++attempts > 1) return;
      away = 2;
      throw new ChartlyError('internal', 'Broken.', { retryable: true });
    };
    const { run_id } = await orchestrator.ingest(context, source, 'cli');
    const reasons = new Set<string>();
    const run = await orchestrator.waitForRun('default', run_id, {
      onChange: ({ error }) => error !== undefined && reasons.add(error.message),
    });
    expect(run).toMatchObject({ state: 'succeeded' });
    expect(run.error).toBeUndefined();
    expect([...reasons]).toContain('Full.');
    expect(attempts).toBe(2);
    await other.close();
  });

  it('that keeps killing its workers is given up as poisoned', async () => {
    house.world.upstreams.set(source, { pages: ['a'] });
    let attempts = 0;
    house.world.beforeNormalize = async ({ jobId }) => {
      attempts++;
      // The worker dies: nobody settles the attempt, and the monitor takes the job back.
      await house.relational.execute(
        `update pgboss.job set state = 'retry', start_after = now(), retry_limit = 1000000 where id = $1`,
        [jobId],
      );
      throw new ChartlyError('internal', 'Died.', { retryable: true });
    };
    const run = await ended(await ingest());
    expect(run).toMatchObject({ state: 'failed', error: { code: 'poisoned' } });
    expect(attempts).toBe(5);
  });
});

describe('dead letters', () => {
  async function failedRun(): Promise<{ run_id: string; jobId: string }> {
    house.world.upstreams.set(source, { pages: ['a', 'b'] });
    house.world.beforeNormalize = ({ raw }) => {
      if (raw.page === 1) throw new ChartlyError('blob_corrupt', 'Broken.');
    };
    const run = await ended(await ingest());
    delete house.world.beforeNormalize;
    return { run_id: run.run_id, jobId: (await letters(run))[0]!.job_id };
  }

  it('can be taken up again: the run ends a second time, as if nothing had been', async () => {
    const { run_id, jobId } = await failedRun();
    await house.orchestrator.retryDeadLetter(context, jobId);
    const run = await ended({ run_id });
    expect(run).toMatchObject({ state: 'succeeded', dead_letters: 0, counts: { records: 2 } });
    expect(run.error).toBeUndefined();
    expect((await stepsOf(run))[1]).toMatchObject({ state: 'succeeded', jobs_total: 2, jobs_done: 2, jobs_failed: 0 });
    expect(await letters(run)).toEqual([]);
    expect(await actions(run)).toEqual(expect.arrayContaining(['run.failed', 'job.retried', 'run.succeeded']));
    await expect(house.orchestrator.retryDeadLetter(context, jobId)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('die again with their whole history', async () => {
    const { run_id, jobId } = await failedRun();
    house.world.beforeNormalize = () => {
      throw new ChartlyError('blob_corrupt', 'Still broken.');
    };
    await house.orchestrator.retryDeadLetter(context, jobId);
    expect(await ended({ run_id })).toMatchObject({ state: 'failed', dead_letters: 1 });
    const [letter] = await letters({ run_id });
    expect(letter!.errors.map((error) => error.message)).toEqual(['Broken.', 'Still broken.']);
    expect((await actions({ run_id })).filter((action) => action === 'run.failed')).toHaveLength(2);
  });

  it('of a fetch job go on with the pages that are missing', async () => {
    let broken = true;
    house.world.upstreams.set(source, {
      pages: ['a', 'b'],
      before: (page) => {
        if (page === 1 && broken) throw new ChartlyError('upstream_rejected', 'No.');
      },
    });
    const run = await ended(await ingest());
    expect(run).toMatchObject({ state: 'failed', pages: 1, counts: { records: 1 } });
    broken = false;
    await house.orchestrator.retryDeadLetter(context, (await letters(run))[0]!.job_id);
    expect(await ended(run)).toMatchObject({ state: 'succeeded', pages: 2, counts: { records: 2 } });
  });

  it('are discarded only with a reason, which the ledger keeps', async () => {
    const { run_id, jobId } = await failedRun();
    await expect(house.orchestrator.discardDeadLetter(context, jobId, ' ')).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await house.orchestrator.discardDeadLetter(context, jobId, 'The file was a test.');
    expect(await letters({ run_id })).toEqual([]);
    const entries = await house.audit.entries('default', { runId: run_id });
    expect(entries.at(-1)!.entry).toMatchObject({
      action: 'job.discarded',
      details: { reason: 'The file was a test.' },
    });
    await expect(house.orchestrator.retryDeadLetter(context, jobId)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('cancelling', () => {
  it('ends the run, aborts what runs and takes nothing more', async () => {
    let aborted = false;
    let begun = (): void => {};
    const running = new Promise<void>((resolve) => (begun = resolve));
    house.world.upstreams.set(source, {
      pages: ['a', 'b'],
      before: (page, { signal }) =>
        page === 0
          ? undefined
          : new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                aborted = true;
                reject(new Error('aborted'));
              });
              begun();
            }),
    });
    const run = await ingest();
    const waiting = await ingest();
    await running;
    expect(await house.orchestrator.cancel(context, run.run_id)).toMatchObject({ state: 'cancelled' });
    expect(await ended(run)).toMatchObject({ state: 'cancelled' });
    expect(await house.orchestrator.cancel(context, waiting.run_id)).toMatchObject({ state: 'cancelled', pages: 0 });
    await expect.poll(() => aborted).toBe(true);
    expect(await actions(run)).toContain('run.cancelled');
    // Again is no error; after another end it is.
    expect(await house.orchestrator.cancel(context, run.run_id)).toMatchObject({ state: 'cancelled' });
    house.world.upstreams.set(source, { pages: ['a'] });
    const next = await ended(await house.orchestrator.retry(context, run.run_id));
    expect(next.state).toBe('succeeded');
    await expect(house.orchestrator.cancel(context, next.run_id)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('lists', () => {
  it('go through all runs, newest first, page by page', async () => {
    house.world.upstreams.set(source, { pages: [] });
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await ingest()).run_id);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await house.orchestrator.runs('default', { sourceId: source, limit: 2, ...(after && { after }) });
      seen.push(...page.items.map((run) => run.run_id));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toHaveLength(5);
    expect(seen.toSorted()).toEqual(made.toSorted());
    await expect(house.orchestrator.runs('default', { after: 'xx' })).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('a worker that dies', () => {
  it('loses its job to another, and what it does later changes nothing', async () => {
    const zombie = Promise.withResolvers<void>();
    const last = Promise.withResolvers<void>();
    // The fetch job keeps the run open.
    house.world.upstreams.set(source, {
      pages: ['a', 'b\nc\nd'],
      before: (page) => (page === 1 ? last.promise : undefined),
    });
    let calls = 0;
    house.world.beforeNormalize = async ({ jobId, raw }) => {
      if (raw.page === 0 && ++calls === 1) {
        // As if no heartbeat had been heard for long.
        await house.relational.execute(`update pgboss.job set heartbeat_on = now() - interval '1 hour' where id = $1`, [
          jobId,
        ]);
        await zombie.promise;
      }
    };
    const run = await ingest();
    const counts = async () => (await house.orchestrator.run('default', run.run_id)).counts;
    await expect.poll(async () => (await counts()).records, { timeout: 20_000 }).toBe(1);
    // The first worker wakes up while the run is still open, and settles what is settled.
    zombie.resolve();
    await expect.poll(() => batchesOfPage0(run.run_id), { timeout: 20_000 }).toBe(2);
    expect((await counts()).records).toBe(1);
    last.resolve();
    expect(await ended(run)).toMatchObject({ state: 'succeeded', counts: { records: 4 } });
    expect(calls).toBe(2);
    expect((await stepsOf(run))[1]).toMatchObject({ jobs_total: 2, jobs_done: 2, jobs_failed: 0 });
  });

  /** How often the batch of page 0 was written: every attempt repeats it, to no effect. */
  async function batchesOfPage0(runId: string): Promise<number> {
    const [row] = await house.relational.query<{ times: number }>(
      'select max(times) as times from effect join batch_receipt using (batch_id) where run_id = $1',
      [runId],
    );
    return row!.times;
  }
});

describe('stopping', () => {
  it('gives jobs back that do not end in time, and another process goes on with them', async () => {
    house.world.upstreams.set(source, {
      pages: ['a'],
      before: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    });
    const run = await ingest();
    await expect.poll(async () => (await house.orchestrator.run('default', run.run_id)).state).toBe('running');
    await house.orchestrator.stop(10);
    expect((await house.orchestrator.run('default', run.run_id)).state).toBe('running');
    house.world.upstreams.set(source, { pages: ['a'] });
    const next = house.create();
    await next.start();
    expect(await next.waitForRun('default', run.run_id)).toMatchObject({ state: 'succeeded' });
    await next.stop();
    await house.orchestrator.start();
  });
});
