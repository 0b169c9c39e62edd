import { ColumnStats, type Sense } from './column.ts';
import type { TimeReaders } from './time-formats.ts';

/** A place in the rows: what stands there, and below it. */
interface Place {
  stats: ColumnStats | undefined;
  children: Map<string | number, Place> | undefined;
}

const maxColumns = 512;
const maxDepth = 8;
const maxTuple = 4;

/** Gathers statistics of rows, column by column, in the order in which columns first appear. */
export class Collector {
  readonly columns: ColumnStats[] = [];
  rows = 0;
  /** Columns beyond what is looked at. */
  overflow = 0;
  private readonly root: Place = { stats: undefined, children: undefined };
  private readonly readers: TimeReaders;
  private readonly senseOf: (name: string) => Sense;

  /** `senseOf`: finds personal data in texts of a column of this name. */
  constructor(readers: TimeReaders, senseOf: (name: string) => Sense) {
    this.readers = readers;
    this.senseOf = senseOf;
  }

  /** A row of CSV: fields in the order of the names; empty ones are missing. */
  addFields(names: readonly string[], fields: readonly string[]): void {
    this.rows++;
    for (let i = 0; i < names.length; i++) {
      const place = this.child(this.root, names[i]!);
      place.stats ??= this.column([names[i]!]);
      const text = fields[i]?.trim() ?? '';
      if (text !== '') place.stats?.add(text);
    }
  }

  /** A row of JSON. */
  addValue(value: unknown): void {
    this.rows++;
    this.visit(this.root, [], value);
  }

  private visit(place: Place, steps: readonly (string | number)[], value: unknown): void {
    if (value === null || value === undefined || value === '') {
      if (steps.length > 0 && place.children === undefined) place.stats ??= this.column(steps);
      return;
    }
    const deeper = steps.length < maxDepth;
    if (typeof value === 'object' && place.stats !== undefined) place.stats.lists++;
    if (Array.isArray(value) && deeper && (steps.length === 0 || isTuple(value))) {
      for (const [i, item] of (value as unknown[]).slice(0, 64).entries())
        this.visit(this.child(place, i), [...steps, i], item);
    } else if (typeof value === 'object' && !Array.isArray(value) && deeper) {
      for (const [key, item] of Object.entries(value)) this.visit(this.child(place, key), [...steps, key], item);
    } else if (steps.length > 0) {
      place.stats ??= this.column(steps);
      // Text in some rows and an object in others: no one rule reads both.
      if (place.children !== undefined && place.stats !== undefined) place.stats.lists++;
      place.stats?.add(typeof value === 'string' ? value.trim() : value);
    }
  }

  private child(place: Place, step: string | number): Place {
    place.children ??= new Map();
    let child = place.children.get(step);
    if (child === undefined) {
      child = { stats: undefined, children: undefined };
      // Objects whose names are data would make a place for each row.
      if (place.children.size < maxColumns) place.children.set(step, child);
    }
    return child;
  }

  private column(steps: readonly (string | number)[]): ColumnStats | undefined {
    if (this.columns.length >= maxColumns) {
      this.overflow++;
      return undefined;
    }
    const name = steps.findLast((step) => typeof step === 'string') ?? '';
    const stats = new ColumnStats(steps, this.readers, this.senseOf(name));
    this.columns.push(stats);
    return stats;
  }
}

/** A short list of numbers, as of coordinates: its positions have meanings of their own. */
function isTuple(list: readonly unknown[]): boolean {
  return list.length > 0 && list.length <= maxTuple && list.every((item) => typeof item === 'number');
}

/** The value at a place of a row; undefined when there is none. */
export function valueAt(row: unknown, steps: readonly (string | number)[]): unknown {
  let value = row;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
