/** What normalizing a payload has to do with the shape of its rows. */
import type { Clock } from '#kit';
import type { Relational } from '#storage';
import type { BatchFrame } from './contract-check.ts';
import { proposals } from './drift-proposal.ts';
import { holdBack, quarantineHeld } from './hold-back.ts';
import type { DriftChange, NormalizeTask } from './index.ts';
import { type ShapeChange, shapeChanges } from './shape-changes.ts';
import type { Watch } from './shape-observer.ts';
import type { ObservedShape } from './shape.ts';

export function watchOf({ drift }: NormalizeTask): Watch | undefined {
  return drift === undefined ? undefined : { known: drift.known?.shape, guard: drift.guard };
}

/** What keeps the payload from being normalized; then it has a quarantine row that says so. */
export async function heldBack(
  { relational, clock }: { relational: Relational; clock: Clock },
  task: NormalizeTask,
  frame: BatchFrame,
  open: () => AsyncIterable<Uint8Array>,
): Promise<DriftChange[]> {
  const { raw, signal, drift } = task;
  const { profile } = task.profile;
  if (drift?.known === undefined) return [];
  const { known, older } = drift;
  const changes = await holdBack({ open, profile, known, older, page: raw.page, signal });
  if (changes.length === 0) return [];
  await quarantineHeld(relational, frame, task.runId, { changes, size: raw.size, nowMs: clock.now() });
  return withProposals(task, changes);
}

/** How the rows differ from what was known. */
export function changesOf(task: NormalizeTask, seen: ObservedShape | undefined): DriftChange[] {
  if (task.drift?.known === undefined || seen === undefined) return [];
  const { known, older } = task.drift;
  const { profile } = task.profile;
  return withProposals(task, shapeChanges({ known, seen, profile, page: task.raw.page, older }));
}

function withProposals({ profile, drift }: NormalizeTask, changes: readonly ShapeChange[]): DriftChange[] {
  const found = proposals(profile.profile, changes, drift!.known!.shape);
  return changes.map((change) => ({ ...change, proposal: found.get(change)! }));
}
