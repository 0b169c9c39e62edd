/** What a profile could say to follow a change of the rows: as operations on it (RFC 6902), tried by compiling what they give. */
import { isTable } from '#formats';
import type { FieldRule, PatchOperation, Profile, RecordRule, Rule } from '#contracts';
import { ChartlyError } from '#kit';
import { checkProfile } from './compile.ts';
import { pathOf, snake } from './infer/names.ts';
import { applyPatch } from './json-patch.ts';
import { pointerTo } from './path.ts';
import { type FieldUse, stepsIn, usesOf } from './profile-uses.ts';
import type { ShapeChange } from './shape-changes.ts';
import { anyItem, anyMember, shapePointer, type Shape, type ShapeStep, type ValueLook, typeBits } from './shape.ts';

export interface Proposal {
  /** Empty: there is nothing to write, or nothing that can be told from the rows alone. */
  edit: PatchOperation[];
  /** Why the edit is as it is, or why there is none. */
  note: string;
}

const { boolean, integer, number, text, list, object, time } = typeBits;
const numbers = integer | number;
const maxLeaves = 16;

/** A proposal for each change of a payload; they are looked at together, since a field that is gone may have a new name. */
export function proposals(profile: Profile, changes: readonly ShapeChange[], known: Shape): Map<ShapeChange, Proposal> {
  const renamed = renames(changes);
  const found = new Map<ShapeChange, Proposal>();
  for (const change of changes) found.set(change, tried(profile, proposalFor(profile, change, renamed, known)));
  return found;
}

function tried(profile: Profile, proposal: Proposal): Proposal {
  if (proposal.edit.length === 0) return proposal;
  try {
    checkProfile(applyPatch(profile, proposal.edit));
    return proposal;
  } catch (error) {
    if (!(error instanceof ChartlyError)) throw error;
    return { edit: [], note: 'No edit that compiles could be made; change the profile by hand.' };
  }
}

type Renames = ReadonlyMap<ShapeChange, ShapeChange>;

function proposalFor(profile: Profile, change: ShapeChange, renamed: Renames, known: Shape): Proposal {
  if (profile.policy !== undefined && /\[[a-z0-9_]+\]/.test(change.path))
    return { edit: [], note: 'The policy hides the name of the field: edit the profile by hand.' };
  switch (change.change) {
    case 'field_added':
      return added(profile, change, renamed, known);
    case 'field_lost':
      return lost(profile, change, renamed.get(change));
    case 'type_changed':
      return retyped(profile, change);
    case 'records_changed':
      return { edit: [], note: 'Compare `select` and `format` of the profile with the payload.' };
  }
}

function added(profile: Profile, change: ShapeChange, renamed: Renames, known: Shape): Proposal {
  if ([...renamed.values()].includes(change))
    return { edit: [], note: 'It looks like a new name of a field that is gone; see the proposal there.' };
  const shape = change.lesson.shape!;
  const leaves = shapePointer(change.lesson.steps) === shapePointer(change.steps) ? leavesOf(change.steps, shape) : [];
  const edit: PatchOperation[] = [];
  const taken = new Map<RecordRule, Record<'dimensions' | 'measures', Set<string>>>();
  for (const leaf of leaves.slice(0, maxLeaves)) {
    const home = homeOf(profile, leaf.steps, known);
    if (home === undefined) continue;
    const record = profile.records[home.index]!;
    const names = taken.get(record) ?? {
      dimensions: namesIn(record, 'dimensions'),
      measures: namesIn(record, 'measures'),
    };
    taken.set(record, names);
    edit.push(...addField(record, home.index, names, leaf, home.path));
  }
  if (edit.length > 0) return { edit, note: 'The new field becomes a part of the records.' };
  const note =
    (shape.types & list) !== 0
      ? 'A list: `explode` makes a record of each of its items.'
      : 'Name in the profile what of it is wanted.';
  return { edit, note };
}

interface Leaf {
  steps: ShapeStep[];
  types: number;
}

function leavesOf(steps: ShapeStep[], shape: Shape): Leaf[] {
  if ((shape.types & object) === 0) return (shape.types & list) === 0 ? [{ steps, types: shape.types }] : [];
  return (shape.fields ?? []).flatMap(([name, field]) => leavesOf([...steps, name], field));
}

function namesIn(record: RecordRule, member: 'dimensions' | 'measures'): Set<string> {
  return new Set(Object.keys(record[member] ?? {}));
}

/** The record rule that a field of the rows, or of the items that a rule explodes, belongs to. */
function homeOf(
  profile: Profile,
  steps: readonly ShapeStep[],
  known: Shape,
): { index: number; path: string } | undefined {
  const table = isTable(profile);
  const lists = usesOf(profile).filter((use) => use.member === 'explode');
  for (const use of lists) {
    const items = [...stepsIn(known, use.segments), anyItem];
    if (
      items.every((step, i) => steps[i] === step) &&
      steps.length > items.length &&
      !steps.slice(items.length).some(isAny)
    )
      return { index: use.record, path: `@item.${pathOf(steps.slice(items.length), false)}` };
  }
  // Of lists and maps there is no one item or member to read.
  if (steps.some(isAny)) return undefined;
  const index = profile.records.findIndex((record) => record.unpivot === undefined && record.explode === undefined);
  return { index: Math.max(0, index), path: pathOf(steps, table) };
}

function isAny(step: ShapeStep): boolean {
  return step === anyItem || step === anyMember;
}

function addField(
  record: RecordRule,
  index: number,
  names: Record<'dimensions' | 'measures', Set<string>>,
  { steps, types }: Leaf,
  path: string,
): PatchOperation[] {
  const isNumber = (types & numbers) !== 0 && (types & (text | boolean | time)) === 0;
  const member = isNumber ? 'measures' : 'dimensions';
  const name = freeName(snake(String(steps.at(-1))), names[member]);
  const rule: FieldRule = types !== 0 && (types & ~(time | 1)) === 0 ? { path, cast: 'datetime' } : path;
  const value = isNumber && record.kind === 'metric' && name === 'value' ? `${name}_2` : name;
  const place = `/records/${index}/${member}`;
  const first = names[member].size === 0;
  names[member].add(value);
  return first
    ? [{ op: 'add', path: place, value: { [value]: rule } }]
    : [{ op: 'add', path: `${place}/${value}`, value: rule }];
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name}_${n}`;
  return free;
}

function lost(profile: Profile, change: ShapeChange, now: ShapeChange | undefined): Proposal {
  const uses = change.uses.filter((use) => use.member !== 'expression');
  if (change.uses.length === 0) return { edit: [], note: 'The profile does not read it: nothing needs to be changed.' };
  if (now !== undefined) {
    const path = pathOf(now.steps, isTable(profile));
    return {
      edit: uses.map((use) => repointed(use, path)),
      note: `${shapePointer(now.steps)} is new, and may be its new name.`,
    };
  }
  const free = uses.every((use) => !use.vital && (use.member === 'dimensions' || use.member === 'measures'));
  if (!free || uses.length < change.uses.length)
    return {
      edit: [],
      note: 'Records cannot be made without it: name another field in the profile, or have the upstream bring it back.',
    };
  return {
    edit: uses.map(({ pointer }) => ({ op: 'remove', path: pointer })),
    note: 'What reads it is taken out of the records.',
  };
}

function repointed(use: FieldUse, path: string): PatchOperation {
  if (use.member === 'unpivot') return { op: 'replace', path: use.pointer, value: path };
  const isPlain = Object.keys(use.spec).length <= 1 && use.member !== 'name';
  return isPlain
    ? { op: 'replace', path: use.pointer, value: path }
    : { op: 'replace', path: `${use.pointer}/path`, value: path };
}

/** A field that is gone, and the one new field beside it that it may have become: of a like name, or the only one of its type. */
function renames(changes: readonly ShapeChange[]): Renames {
  const found = new Map<ShapeChange, ShapeChange>();
  const scalar = (types: number): boolean => types !== 0 && (types & (object | list)) === 0;
  const gone = changes.filter((one) => one.change === 'field_lost' && scalar(one.before));
  const fresh = changes.filter((one) => one.change === 'field_added' && scalar(one.after));
  for (const change of gone) {
    const beside = fresh.filter((one) => isBeside(change, one) && (one.after & change.before) !== 0);
    const alike = beside.filter((one) => isAlike(String(change.steps.at(-1)), String(one.steps.at(-1))));
    const rivals = gone.filter(
      (other) => other !== change && isBeside(other, change) && (other.before & change.before) !== 0,
    );
    const [only] = alike.length === 1 ? alike : rivals.length === 0 && beside.length === 1 ? beside : [];
    if (only !== undefined) found.set(change, only);
  }
  return found;
}

function isBeside(a: ShapeChange, b: ShapeChange): boolean {
  return shapePointer(a.steps.slice(0, -1)) === shapePointer(b.steps.slice(0, -1));
}

function isAlike(a: string, b: string): boolean {
  const [x, y] = [snake(a).replaceAll('_', ''), snake(b).replaceAll('_', '')];
  return x === y || (Math.min(x.length, y.length) >= 3 && (x.includes(y) || y.includes(x)));
}

function retyped(profile: Profile, change: ShapeChange): Proposal {
  const { before, after, uses, novelty } = change;
  if (uses.length === 0) return { edit: [], note: 'The profile does not read it: nothing needs to be changed.' };
  const looks = novelty?.looks;
  const edit: PatchOperation[] = [];
  let note = 'Values that the rule cannot read are quarantined; see them with `chartly quarantine list`.';
  for (const use of uses) {
    const number = use.member === 'measures' || use.member === 'value';
    const toText = (before & numbers) !== 0 && (after & text) !== 0;
    if (looks?.kind === 'null word' && (number || use.member === 'ts')) {
      edit.push(withOption(use, 'null_values', [...(use.spec.null_values ?? []), looks.word]));
      note = 'The text is a word for a missing value.';
    } else if (looks?.kind === 'number' && number && toText) note = 'The texts are numbers, and are read as numbers.';
    else if (use.member === 'ts') edit.push(...timeAs(use, looks));
    else if (use.member === 'measures' && toText && (after & numbers) === 0) {
      edit.push(...asDimension(profile.records[use.record]!, use));
      note = 'What was a number is a text: a dimension instead of a measure.';
    } else if (use.spec.cast === 'int64' && (after & typeBits.number) !== 0) {
      edit.push({ op: 'replace', path: `${use.pointer}/cast`, value: 'decimal' });
      note = 'Numbers with a fraction are no int64.';
    } else if (use.member === 'dimensions' || use.member === 'key' || use.member === 'name')
      note =
        use.member === 'key'
          ? 'A key of another type makes other records: accept it only if the ids are the same.'
          : 'A text takes numbers as well: nothing needs to be changed.';
  }
  return { edit, note };
}

/** The rule with one more option; a plain path becomes a rule. */
function withOption(use: FieldUse, option: keyof Rule, value: unknown): PatchOperation {
  // Beside other options, so that several edits of a rule can be applied one after the other.
  if (Object.keys(use.spec).length > 1) return { op: 'add', path: `${use.pointer}/${option}`, value };
  return { op: 'replace', path: use.pointer, value: { ...use.spec, [option]: value } };
}

function timeAs(use: FieldUse, looks: ValueLook | undefined): PatchOperation[] {
  const { path, timezone } = use.spec;
  const zone = timezone === undefined ? {} : { timezone };
  if (looks?.kind === 'iso time')
    return [{ op: 'replace', path: use.pointer, value: { path, format: 'iso', ...zone } }];
  if (looks?.kind !== 'whole number') return [];
  const cast = looks.digits >= 15 ? 'epoch_us' : looks.digits >= 12 ? 'epoch_ms' : 'epoch_s';
  return [{ op: 'replace', path: use.pointer, value: { path, cast } }];
}

function asDimension(record: RecordRule, use: FieldUse): PatchOperation[] {
  const name = use.pointer.split('/').at(-1)!;
  if (record.dimensions?.[name] !== undefined) return [];
  const place = `/records/${use.record}/dimensions`;
  const path = use.spec.path!;
  return [
    { op: 'remove', path: use.pointer },
    record.dimensions === undefined
      ? { op: 'add', path: place, value: { [name]: path } }
      : { op: 'add', path: `${place}${pointerTo([name])}`, value: path },
  ];
}
