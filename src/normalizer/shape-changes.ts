/** How the rows of a payload differ from what was known of a source's rows. */
import type { DriftModes, Profile } from '#contracts';
import { pointerConcealer } from './policy.ts';
import { type FieldUse, stepsIn, usesOf } from './profile-uses.ts';
import { isTextual } from './shape-cells.ts';
import {
  allowedTypes,
  anyItem,
  anyMember,
  emptyShape,
  type KnownShape,
  type Novelty,
  type ObservedShape,
  type Shape,
  shapePointer,
  type ShapeStep,
  typeBits,
  typeNames,
} from './shape.ts';

export interface ShapeChange {
  change: 'field_added' | 'field_lost' | 'type_changed' | 'records_changed';
  /** Which of the profile's modes it falls under. */
  entity: keyof DriftModes;
  severity: 'info' | 'warning' | 'breaking';
  steps: ShapeStep[];
  /** RFC 6901 of the steps, as it may be shown. */
  path: string;
  /** Types before and after; unions of `typeBits`. */
  before: number;
  after: number;
  message: string;
  /** Where it was met first. A field that is gone was met nowhere. */
  novelty: Novelty | undefined;
  uses: FieldUse[];
  /** What has to be learned for the change to be no news any more. */
  lesson: { steps: ShapeStep[]; shape?: Shape; forget?: boolean };
}

export interface CompareInput {
  known: KnownShape;
  seen: ObservedShape;
  profile: Profile;
  /** Which page of its run the payload is, from 0. */
  page: number;
  /** Another payload was captured later and compared already: what this one lacks says nothing. */
  older?: boolean;
}

/** A field counts as always there with this share of the rows. */
export const nearlyAll = 0.95;
/** Rows that must lack a field that is nearly always there. */
const rowsForNearly = 20;
/** More new fields of one object are told as one change. */
const maxAdded = 32;
const maxChanges = 200;
const { null: nullBit, integer, number, object } = typeBits;

/** The changes, in the order of the fields. None for a payload without rows but that there are none. */
export function shapeChanges(input: CompareInput): ShapeChange[] {
  const { known, seen, profile } = input;
  const changes: ShapeChange[] = [];
  const conceal = profile.policy === undefined ? (pointer: string): string => pointer : pointerConcealer();
  const pathOf = (steps: readonly ShapeStep[]): string => conceal(shapePointer(steps));
  const textual = isTextual(profile);
  const uses = usesOf(profile).map((use) => ({ ...use, steps: stepsIn(known.shape, use.segments) }));
  const places = new Map(seen.novelties.map((one) => [`${shapePointer(one.steps)} ${one.type}`, one]));
  // One bad row of a payload that should have many says nothing of the upstream.
  const typical = known.rows / Math.max(1, known.payloads);
  const enough = seen.rows >= Math.min(10, Math.max(1, Math.floor(typical / 10)));

  const usesAt = (steps: readonly ShapeStep[]): FieldUse[] =>
    uses.filter((use) => steps.every((step, i) => use.steps[i] === step));
  const noveltyAt = (steps: readonly ShapeStep[], types: number): Novelty | undefined =>
    typeNames(types).map((name) => places.get(`${shapePointer(steps)} ${typeBits[name]}`)).find((one) => one !== undefined); // prettier-ignore

  function compare(steps: ShapeStep[], before: Shape, after: Shape): void {
    const news = after.types & ~allowedTypes(before.types, textual);
    if (news !== 0) typeChanged(steps, before, after, news);
    if (before.items !== undefined && after.items !== undefined)
      compare([...steps, anyItem], before.items, after.items);
    // Lists that were always empty have items now.
    else if (after.items !== undefined && (before.types & typeBits.list) !== 0)
      fieldAdded([...steps, anyItem], after.items);
    if (before.members !== undefined) {
      for (const one of after.members === undefined ? (after.fields ?? []).map(([, shape]) => shape) : [after.members])
        compare([...steps, anyMember], before.members, one);
    } else if ((before.types & object) !== 0 && (after.types & object) !== 0) compareFields(steps, before, after);
  }

  function compareFields(steps: ShapeStep[], before: Shape, after: Shape): void {
    const known = new Map(before.fields);
    const found = new Map(after.fields);
    const added = [...found].filter(([name]) => !known.has(name));
    if (added.length > maxAdded || after.members !== undefined) manyAdded(steps, added, after);
    else for (const [name, shape] of added) fieldAdded([...steps, name], shape);
    for (const [name, field] of known) {
      const now = found.get(name);
      if (now !== undefined) compare([...steps, name], field, now);
      if ((now?.count ?? 0) === 0 && after.members === undefined)
        lostIfExpected([...steps, name], field, before, after);
    }
  }

  function fieldAdded(steps: ShapeStep[], shape: Shape): void {
    const name = pathOf(steps);
    changes.push({ ...news(steps, 0, shape.types), change: 'field_added', entity: 'fields', severity: 'info', message: `The rows have a new field, ${name} (${saying(shape.types)}).`, lesson: { steps, shape } }); // prettier-ignore
  }

  function manyAdded(steps: ShapeStep[], added: [string, Shape][], after: Shape): void {
    const shape: Shape = {
      ...emptyShape(),
      types: object,
      ...(after.members === undefined ? { fields: added } : { members: after.members }),
    };
    const count = after.members === undefined ? String(added.length) : 'a great many';
    const place = steps.length === 0 ? 'The rows have' : `${pathOf(steps)} has`;
    changes.push({ ...news([...steps, anyMember], 0, object), change: 'field_added', entity: 'fields', severity: 'info', message: `${place} ${count} new fields at once.`, lesson: { steps, shape } }); // prettier-ignore
  }

  function lostIfExpected(steps: ShapeStep[], field: Shape, before: Shape, after: Shape): void {
    if (input.older === true || !enough || field.count < nearlyAll * before.objects || field.count === 0) return;
    if (field.count < before.objects && after.objects < rowsForNearly) return;
    const found = usesAt(steps);
    const share = field.count >= before.objects ? 'every row' : 'nearly every row';
    const severity = found.some((use) => use.vital) ? 'breaking' : found.length > 0 ? 'warning' : 'info';
    const message = `The field ${pathOf(steps)}${readBy(found)} is gone: it had a value in ${share}, and now has one in none of ${seen.rows}.`;
    changes.push({ ...news(steps, field.types, 0), change: 'field_lost', entity: 'fields', severity, message, lesson: { steps, forget: true } }); // prettier-ignore
  }

  function typeChanged(steps: ShapeStep[], before: Shape, after: Shape, added: number): void {
    const found = usesAt(steps);
    const isRow = steps.length === 0;
    const kept = after.types & (allowedTypes(before.types, textual) | (before.types & integer ? number : 0)) & ~nullBit;
    const whole = kept === 0 && before.types !== nullBit;
    const vital = isRow || found.some((use) => use.vital);
    const exact = found.some((use) => use.spec.cast === 'int64');
    const widened = added === number && (before.types & integer) !== 0 && !exact;
    const severity =
      before.types === nullBit || widened || (found.length === 0 && !isRow)
        ? 'info'
        : whole && vital && enough
          ? 'breaking'
          : 'warning';
    const what = isRow ? 'The rows were' : `The field ${pathOf(steps)}${readBy(found)} was`;
    const message = `${what} ${saying(before.types)}; now ${whole ? 'it is' : 'there is also'} ${saying(added)}.`;
    const entity = isRow ? 'records' : 'types';
    changes.push({ ...news(steps, before.types, after.types, added), change: isRow ? 'records_changed' : 'type_changed', entity, severity, message, lesson: { steps, shape: { ...after, count: 0, objects: 0 } } }); // prettier-ignore
  }

  function news(
    steps: ShapeStep[],
    before: number,
    after: number,
    added = after,
  ): Pick<ShapeChange, 'steps' | 'path' | 'before' | 'after' | 'novelty' | 'uses'> {
    return { steps, path: pathOf(steps), before, after, novelty: noveltyAt(steps, added), uses: usesAt(steps) };
  }

  const fewer = rowsCollapsed(input);
  if (fewer !== undefined) changes.push({ ...news([], 0, 0), change: 'records_changed', entity: 'records', severity: 'warning', message: fewer, lesson: { steps: [] } }); // prettier-ignore
  if (seen.rows > 0) compare([], known.shape, seen.shape);
  return bounded(changes);
}

/** The gravest, and one that says how many more there are: a payload of another kind altogether is no reason for thousands of events. */
function bounded(changes: ShapeChange[]): ShapeChange[] {
  if (changes.length <= maxChanges) return changes;
  const kept = changes.toSorted((a, b) => grave(b) - grave(a)).slice(0, maxChanges - 1);
  const message = `${changes.length - kept.length} more fields have changed at once: is this another kind of payload?`;
  const steps = [anyMember];
  return [...kept, { change: 'records_changed', entity: 'records', severity: 'warning', steps, path: '/*', before: 0, after: 0, message, novelty: undefined, uses: [], lesson: { steps: [] } }]; // prettier-ignore
}

function grave({ severity }: ShapeChange): number {
  return severity === 'breaking' ? 2 : severity === 'warning' ? 1 : 0;
}

/** First pages alone are compared: the last page of many is small by nature. */
function rowsCollapsed({ known, seen, page, older }: CompareInput): string | undefined {
  if (older === true || page !== 0 || known.firstPages < 2 || known.least < 10 || seen.rows * 10 > known.least)
    return undefined;
  return `The payload has ${seen.rows} rows; payloads before had ${known.least} at least.`;
}

function readBy(uses: readonly FieldUse[]): string {
  return uses.length === 0
    ? ''
    : `, which ${uses[0]!.rule} reads${uses.length > 1 ? ` (and ${uses.length - 1} more)` : ''},`;
}

function saying(types: number): string {
  const names = typeNames(types & ~nullBit);
  return names.length === 0 ? 'null' : names.join(' or ');
}
