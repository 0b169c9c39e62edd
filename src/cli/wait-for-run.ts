import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from '#contracts';
import type { ApiClient } from './client.ts';
import { segment } from './command.ts';
import type { Io } from './io.ts';
import { progressLine } from './progress.ts';
import { hasEnded } from './show-run.ts';
import { count, printable } from './text.ts';

const pollMs = 150;
const slowPollMs = 1000;

/** Follows a run to its end, with a live line on a terminal. */
export async function waitForRun(io: Io, api: ApiClient, runId: string): Promise<Run> {
  const progress = progressLine(io);
  const began = performance.now();
  try {
    for (let asked = 1; ; asked++) {
      const run = await api.get<Run>(`/v1/runs/${segment(runId)}`);
      if (hasEnded(run)) return run;
      progress.show(describe(run, performance.now() - began));
      await sleep(asked < 200 ? pollMs : slowPollMs);
    }
  } finally {
    progress.clear();
  }
}

function describe({ source_id, state, pages, counts, error }: Run, elapsedMs: number): string {
  return [
    `${source_id} ${state} for ${Math.floor(elapsedMs / 1000)} s`,
    `pages ${count(pages)}`,
    `rows ${count(counts.rows)}`,
    `records ${count(counts.records)}`,
    `quarantined ${count(counts.quarantined)}`,
    ...(error === undefined ? [] : [`waiting: ${printable(error.message)}`]),
  ].join('  ');
}
