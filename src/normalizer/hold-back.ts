/** Payloads that had better not become records: looked at before anything is made of them. */
import { Columns, defaultCaps, isTable } from '#formats';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Profile } from '#contracts';
import { ChartlyError } from '#kit';
import { decodePayload, layerOf, type Relational } from '#storage';
import type { CompiledProfile } from './compile.ts';
import type { BatchFrame } from './contract-check.ts';
import { piecesOf } from './map-payload.ts';
import { stepsIn, usesOf } from './profile-uses.ts';
import { writeRejections } from './quarantine-writer.ts';
import { createRowReader } from './row-reader.ts';
import { isTextual } from './shape-cells.ts';
import { createShapeObserver } from './shape-observer.ts';
import { nearlyAll, type ShapeChange, shapeChanges } from './shape-changes.ts';
import { allowedTypes, type KnownShape, type ObservedShape, type Shape, shapeAt, typeBits } from './shape.ts';

export interface HoldInput {
  open: () => AsyncIterable<Uint8Array>;
  profile: Profile;
  known: KnownShape;
  page: number;
  older: boolean;
  signal: AbortSignal;
}

/**
 * The changes for which a payload is held back: those that break the profile, and those that it freezes. A change of a whole payload is refuted by one row that
 * does not show it, so that most payloads are looked at no further than their first piece; one whose profile freezes something is read to its end.
 */
export async function holdBack(input: HoldInput): Promise<ShapeChange[]> {
  const { profile, known } = input;
  const frozen = Object.values(profile.drift ?? {}).includes('freeze');
  const sound = frozen ? () => false : soundness(profile, known.shape);
  const seen = await scan(input, sound);
  if (seen === undefined) return [];
  const changes = shapeChanges({ ...input, seen });
  const holds = (change: ShapeChange): boolean =>
    change.severity === 'breaking' || profile.drift?.[change.entity] === 'freeze';
  return changes.some(holds) ? changes : [];
}

/** Tells whether a shape shows, for all that a record cannot do without, a value of a known type. */
function soundness(profile: Profile, known: Shape): (seen: Shape) => boolean {
  const textual = isTextual(profile);
  const vital = usesOf(profile).filter((use) => use.vital);
  const wanted = vital.flatMap((use) => {
    const steps = stepsIn(known, use.segments);
    const at = shapeAt(known, steps);
    // What many rows do without, no payload need have.
    return at === undefined || at.shape.count === 0 || at.shape.count < nearlyAll * at.around.objects
      ? []
      : [{ steps, types: allowedTypes(at.shape.types, textual) & ~typeBits.null }];
  });
  return (seen) =>
    (seen.types & allowedTypes(known.types, textual)) !== 0 &&
    wanted.every(({ steps, types }) => ((shapeAt(seen, steps)?.shape.types ?? 0) & types) !== 0);
}

const turnMs = 20;

/** The shape of all rows; undefined as soon as the payload is known to be sound. Errors: `cancelled`, and what `open` throws. */
async function scan(input: HoldInput, sound: (seen: Shape) => boolean): Promise<ObservedShape | undefined> {
  const { profile, known, open, signal } = input;
  const columns = isTable(profile) ? new Columns() : undefined;
  const observer = createShapeObserver(profile, columns, { known: known.shape, guard: undefined });
  const map: CompiledProfile['map'] = (row, _text, place) => (observer.row(row, place), 0);
  const reader = createRowReader({ profile, columns, map }, defaultCaps, { candidates: () => {}, fault: () => {} });
  let turn = performance.now();
  let looked = 0;
  /** Tells whether enough was read. */
  async function enough(): Promise<boolean> {
    if (signal.aborted) throw new ChartlyError('cancelled', 'The run was cancelled before its payload was normalized.');
    if (performance.now() - turn >= turnMs) {
      await nextTurn();
      turn = performance.now();
    }
    if (observer.rows() === looked) return false;
    looked = observer.rows();
    return sound(observer.observed().shape);
  }
  try {
    for await (const decoded of decodePayload(open, layerOf(profile))) {
      for (const piece of piecesOf(decoded)) {
        reader.push(piece);
        if (await enough()) return undefined;
      }
    }
    for await (const _ of reader.end()) if (await enough()) return undefined;
  } finally {
    reader.close();
  }
  const seen = observer.observed();
  return sound(seen.shape) ? undefined : seen;
}

/** One quarantine row for the payload as a whole. */
export async function quarantineHeld(
  relational: Relational,
  frame: BatchFrame,
  runId: string,
  held: { changes: readonly ShapeChange[]; size: number; nowMs: number },
): Promise<void> {
  const { changes, size, nowMs } = held;
  const worst = changes.find((change) => change.severity === 'breaking') ?? changes[0]!;
  const message = `The payload is held back. ${worst.message}`;
  const place = { row: 0, start: 0, end: size, candidate: 0 };
  const rejection = { reason: 'schema_drift', rule: 'format', pointer: '', message, masked: `${size} bytes` } as const;
  await writeRejections(relational, frame, runId, [{ ...rejection, ...place }], nowMs);
}

/** The payload was normalized after all: that it was held back by this version of the profile stands open no longer. */
export async function releaseHeld(relational: Relational, frame: BatchFrame): Promise<void> {
  await relational.execute(
    `update quarantine set state = 'recovered'
     where tenant_id = $1 and raw_sha256 = $2 and source_id = $3 and profile_digest = $4
       and reason_code = 'schema_drift' and rule = 'format' and state = 'open'`,
    [frame.tenantId, frame.rawSha256, frame.sourceId, frame.profileDigest],
  );
}
