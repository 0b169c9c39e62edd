import type { Run } from '#contracts';
import type { Io } from './io.ts';
import { fields, table } from './table.ts';
import { count, instant, paint } from './text.ts';

/** Whether a run will not change any more. */
export function hasEnded(run: Run): boolean {
  return run.state !== 'queued' && run.state !== 'running';
}

export function paintState(io: Io, state: string): string {
  if (state === 'succeeded') return paint(io, 'green', state);
  if (state === 'failed' || state === 'quarantined') return paint(io, 'red', state);
  return paint(io, 'yellow', state);
}

/** One run with what became of its rows, and its steps when they are known. */
export function showRun(io: Io, run: Run): string {
  const { counts } = run;
  const numbers: [string, number][] = [
    ['pages', run.pages],
    ['unchanged', run.unchanged],
    ['rows', counts.rows],
    ['candidates', counts.candidates],
    ['records', counts.records],
    ['quarantined', counts.quarantined],
    ['deduplicated', counts.deduplicated],
    ['skipped', counts.skipped],
    ['dead letters', run.dead_letters],
  ];
  const head = fields(io, [
    ['run', run.run_id],
    ['source', run.source_id],
    ['state', run.state],
    ['trigger', run.trigger],
    ['requested', instant(run.requested_at)],
    ['ended', run.ended_at === undefined ? undefined : instant(run.ended_at)],
    ...numbers.map(([name, value]) => [name, count(value)] as const),
    ['error', run.error === undefined ? undefined : `${run.error.message} (${run.error.code})`],
    ['next', run.error?.action],
  ]);
  if (run.steps === undefined) return head;
  const steps = table(
    io,
    [
      { title: 'step' },
      { title: 'state', paint: (text) => paintState(io, text) },
      { title: 'jobs', align: 'right' },
      { title: 'done', align: 'right' },
      { title: 'failed', align: 'right' },
    ],
    run.steps.map((step) => [
      step.step,
      step.state,
      count(step.jobs_total),
      count(step.jobs_done),
      count(step.jobs_failed),
    ]),
  );
  return `${head}\n${steps}`;
}
