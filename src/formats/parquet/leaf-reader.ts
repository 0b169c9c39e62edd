import { type Convert, notText } from './convert.ts';
import { Damage } from './damage.ts';
import type { Page, Pages } from './pages.ts';
import { type Numbers, RunLengths } from './run-lengths.ts';
import type { SchemaNode } from './schema.ts';
import { isDictionary, pageValues, plainValues, type Values } from './values.ts';

/** What the row under way has come to so far; one object for all leaves of a row group. */
export interface RowState {
  /** Characters of text, and eight for anything else. */
  size: number;
  /** A text of it is not UTF-8. */
  notText: boolean;
}

/**
 * One column of a row group, value by value. Before each value its levels can be asked; behind the last the definition level is -1. Holds
 * one page and the dictionary.
 */
export class LeafReader {
  def = -1;
  rep = 0;
  private readonly leaf: SchemaNode;
  private readonly pages: Pages;
  private readonly convert: Convert;
  private readonly state: RowState;
  private dictionary: unknown[] = [];
  private indices: Numbers | undefined;
  private values: Values | undefined;
  private defs: Numbers | undefined;
  private reps: Numbers | undefined;
  /** Values of the page that are still to come, and of the chunk. */
  private left = 0;
  private rest: number;

  constructor(leaf: SchemaNode, pages: Pages, convert: Convert, state: RowState, values: number) {
    this.leaf = leaf;
    this.pages = pages;
    this.convert = convert;
    this.state = state;
    this.rest = values;
    this.next();
  }

  /** The value that is present here; then goes on to the next. */
  take(): unknown {
    const { state } = this;
    let value: unknown;
    if (this.indices === undefined) value = this.convert(this.values!.next());
    else {
      const index = this.indices.next();
      if (index >= this.dictionary.length) throw new Damage('A page refers to a value that its dictionary lacks.');
      value = this.dictionary[index];
    }
    state.size += typeof value === 'string' ? value.length + 8 : 8;
    if (value === notText) {
      state.notText = true;
      value = null;
    }
    this.next();
    return value;
  }

  /** Passes over what is not there. */
  skip(): void {
    if (this.def < 0) throw ended();
    this.state.size += 1;
    this.next();
  }

  private next(): void {
    while (this.left === 0) {
      if (this.rest > 0 && this.loadPage()) continue;
      if (this.rest > 0) throw ended();
      this.def = -1;
      this.rep = 0;
      return;
    }
    this.left--;
    this.rep = this.reps === undefined ? 0 : this.reps.next();
    this.def = this.defs === undefined ? this.leaf.def : this.defs.next();
    if (this.def > this.leaf.def || this.rep > this.leaf.rep)
      throw new Damage('The levels of a page are out of bounds.');
  }

  private loadPage(): boolean {
    const page = this.pages.next();
    if (page === undefined) return false;
    if (page.kind === 'dictionary') this.loadDictionary(page);
    else this.loadData(page);
    return true;
  }

  private loadDictionary({ bytes, count }: Page): void {
    // A value has a byte at least, and texts four.
    if (count > bytes.length) throw new Damage('A dictionary has more entries than bytes.');
    const values = plainValues(this.leaf, bytes, 0);
    this.dictionary = Array.from({ length: count }, () => this.convert(values.next()));
  }

  private loadData(page: Page): void {
    const { bytes, count, encoding } = page;
    if (count > this.rest) throw new Damage('A page has more values than its column.');
    this.left = count;
    this.rest -= count;
    const from = this.loadLevels(page);
    this.indices = undefined;
    this.values = undefined;
    if (!isDictionary(encoding)) this.values = pageValues(this.leaf, encoding, bytes, from, count);
    // A page of nulls alone may have no indices.
    else this.indices = from >= bytes.length ? noIndices : new RunLengths(bytes, from + 1, bytes.length, bytes[from]!);
  }

  /** Returns where the values start. */
  private loadLevels({ bytes, levels }: Page): number {
    const { leaf } = this;
    let at = 0;
    const read = (most: number, size: number | undefined): Numbers | undefined => {
      if (most === 0) {
        at += size ?? 0;
        return undefined;
      }
      const length = size ?? bytes.readUInt32LE(at);
      if (size === undefined) at += 4;
      at += length;
      return new RunLengths(bytes, at - length, at, 32 - Math.clz32(most));
    };
    this.reps = read(leaf.rep, levels?.repetition);
    this.defs = read(leaf.def, levels?.definition);
    return at;
  }
}

const noIndices: Numbers = {
  next(): number {
    throw ended();
  },
};

function ended(): Damage {
  return new Damage('A column ends before its row group does.');
}
