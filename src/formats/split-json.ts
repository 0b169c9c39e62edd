import { Carry, type RowCaps, type RowSink, type Splitter, tooLargeMessage } from './row-sink.ts';
import { everyChild, type SelectStep } from './select-path.ts';

/** What the scanner expects next. */
const atValue = 0;
const atFirstItem = 1;
const atFirstKey = 2;
const atKey = 3;
const inKey = 4;
const atColon = 5;
const atNext = 6;
const inValue = 7;
const done = 8;
const damaged = 9;

const keyCap = 65_536;

/** An open container on the way to the rows: which children are wanted, and which child is next. */
interface Frame {
  array: boolean;
  want: SelectStep;
  index: number;
  key: string;
}

/**
 * Cuts a JSON document into the values at a path, byte by byte, holding at most one row. Only the containers on the path are checked; a row
 * is checked when it is parsed. A bad row with sound brackets costs that row alone, an empty place in an array costs itself; any other damage on the path
 * ends the reading, and the rest is one fault. `undefined` steps: the items of a top-level array, else the document itself.
 */
export class JsonSplitter implements Splitter {
  private readonly sink: RowSink;
  private readonly caps: RowCaps;
  private readonly carry: Carry;
  private readonly keyCarry = new Carry(keyCap);
  private readonly stack: Frame[] = [];
  private steps: SelectStep[] | undefined;
  private state = atValue;
  private base = 0;
  private bytes: Buffer = Buffer.alloc(0);
  private text: string | undefined;
  /** Of the value under way. */
  private isRow = false;
  private scalar = false;
  private depth = 0;
  private deepest = 0;
  private inString = false;
  private escaped = false;
  private valueStart = 0;
  /** Where the last whole value ended: where a truncated part begins. */
  private soundEnd = 0;
  private damageStart = 0;
  private damageMessage = '';
  private rows = 0;
  private emptyContainer = false;

  constructor(sink: RowSink, caps: RowCaps, steps: SelectStep[] | undefined) {
    this.sink = sink;
    this.caps = caps;
    this.steps = steps;
    this.carry = new Carry(caps.rowBytes);
  }

  push(chunk: Buffer, text: string | undefined): void {
    this.bytes = chunk;
    this.text = text;
    const size = chunk.length;
    let i = 0;
    while (i < size) {
      if (this.state === inValue) i = this.scanValue(i);
      else if (this.state === inKey) i = this.scanKey(i);
      else if (this.state === damaged) break;
      else i = this.structure(i, chunk[i]!);
    }
    this.base += size;
  }

  end(): void {
    const total = this.base;
    if (this.state === inValue && this.scalar && this.stack.length === 0) {
      this.bytes = Buffer.alloc(0);
      this.finishValue(0);
    }
    if (this.state === damaged) this.sink.fault('parse_error', this.damageStart, total, this.damageMessage);
    else if (this.state === done || (this.state === atValue && this.stack.length === 0)) {
      if (this.rows === 0 && !this.emptyContainer) {
        this.sink.fault('no_rows', 0, total, 'The selection of the profile found no rows in the payload.');
      }
    } else {
      this.sink.fault('truncated', this.openFrom(), total, 'The payload ends before its JSON does.');
    }
  }

  openFrom(): number {
    if (this.state === damaged) return this.damageStart;
    return this.state === inValue && this.isRow ? this.valueStart : this.soundEnd;
  }

  /** One byte outside of values and keys. */
  private structure(i: number, c: number): number {
    if (c === 32 || c === 10 || c === 13 || c === 9) return i + 1;
    const frame = this.stack.at(-1);
    switch (this.state) {
      case atFirstItem:
        if (c === 0x5d) return this.close(i);
        return this.beginValue(i, c);
      case atValue:
        if (frame?.array === true && (c === 0x2c || c === 0x5d)) return this.emptyPlace(i, c, frame);
        return this.beginValue(i, c);
      case atFirstKey:
      case atKey:
        if (c === 0x7d && this.state === atFirstKey) return this.close(i);
        if (c !== 0x22) return this.damage(i, 'A member name is expected here.');
        this.state = inKey;
        this.escaped = false;
        return i + 1;
      case atColon:
        if (c !== 0x3a) return this.damage(i, 'A colon is expected here.');
        this.state = atValue;
        return i + 1;
      case atNext:
        if (frame === undefined) break;
        if (c === (frame.array ? 0x5d : 0x7d)) return this.close(i);
        if (c !== 0x2c) return this.damage(i, 'A comma or the end of the list or object is expected here.');
        frame.index++;
        this.state = frame.array ? atValue : atKey;
        return i + 1;
    }
    return this.damage(i, 'The payload goes on behind the end of its JSON.');
  }

  private beginValue(i: number, c: number): number {
    const depth = this.stack.length;
    const frame = this.stack[depth - 1];
    if (c === 0x7d || c === 0x5d || c === 0x2c || c === 0x3a) return this.damage(i, 'A value is expected here.');
    this.steps ??= c === 0x5b ? [everyChild] : [];
    const wanted = frame === undefined || matches(frame);
    if (wanted && depth < this.steps.length) {
      const want = this.steps[depth]!;
      const opens = (c === 0x5b && typeof want !== 'string') || (c === 0x7b && typeof want !== 'number');
      if (opens) {
        this.stack.push({ array: c === 0x5b, want, index: 0, key: '' });
        this.state = c === 0x5b ? atFirstItem : atFirstKey;
        return i + 1;
      }
    }
    this.isRow = wanted && depth === this.steps.length;
    this.valueStart = this.base + i;
    this.state = inValue;
    this.depth = 0;
    this.deepest = 0;
    this.inString = false;
    this.escaped = false;
    this.scalar = c !== 0x22 && c !== 0x7b && c !== 0x5b;
    return i;
  }

  /** A list with nothing between two commas, or before its end: that place is one bad row, and the list goes on. */
  private emptyPlace(i: number, c: number, frame: Frame): number {
    if (!matches(frame) || this.stack.length !== this.steps!.length) return this.damage(i, 'A value is expected here.');
    this.sink.fault(
      'parse_error',
      this.base + i,
      this.base + i + 1,
      'A value is missing between two commas or before the end of the list.',
    );
    this.rows++;
    this.state = atNext;
    return c === 0x5d ? this.close(i) : i;
  }

  private close(i: number): number {
    const frame = this.stack.pop()!;
    const empty = this.state === atFirstItem || this.state === atFirstKey;
    if (empty && frame.want === everyChild) this.emptyContainer = true;
    return this.afterValue(i + 1);
  }

  private afterValue(i: number): number {
    this.soundEnd = this.base + i;
    this.state = this.stack.length === 0 ? done : atNext;
    return i;
  }

  private damage(i: number, message: string): number {
    this.state = damaged;
    this.damageStart = this.base + i;
    this.damageMessage = `The payload is not valid JSON. ${message}`;
    return this.bytes.length;
  }

  /** Follows a value to its end; returns where to go on. */
  private scanValue(from: number): number {
    const { bytes } = this;
    const size = bytes.length;
    if (this.scalar) {
      let i = from;
      while (i < size && !endsScalar(bytes[i]!)) i++;
      if (i < size) return this.finishValueAt(from, i);
      return this.keep(from, i);
    }
    let { depth, inString, escaped, deepest } = this;
    let i = from;
    while (i < size) {
      const c = bytes[i++]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (c === 0x5c) escaped = true;
        else if (c === 0x22) {
          inString = false;
          if (depth === 0) return this.finishValueAt(from, i);
        }
      } else if (c === 0x22) inString = true;
      else if ((c & 0xdf) === 0x5b) {
        // { and [ differ in one bit, and so do } and ].
        if (++depth > deepest) deepest = depth;
      } else if ((c & 0xdf) === 0x5d && --depth <= 0) {
        this.deepest = deepest;
        return this.finishValueAt(from, i);
      }
    }
    this.depth = depth;
    this.deepest = deepest;
    this.inString = inString;
    this.escaped = escaped;
    return this.keep(from, i);
  }

  private keep(from: number, to: number): number {
    if (this.isRow) this.carry.add(this.bytes, from, to);
    return to;
  }

  private finishValueAt(from: number, to: number): number {
    if (this.isRow) this.emitRow(from, to);
    return this.afterValue(to);
  }

  private finishValue(to: number): void {
    this.finishValueAt(to, to);
  }

  private emitRow(from: number, to: number): void {
    this.rows++;
    const { carry, caps, sink } = this;
    const size = carry.length + to - from;
    const start = this.valueStart;
    if (size > caps.rowBytes) {
      carry.clear();
      sink.fault('row_too_large', start, start + size, tooLargeMessage(size, caps.rowBytes));
    } else if (this.deepest > caps.depth) {
      carry.clear();
      sink.fault('too_deep', start, start + size, tooDeepMessage(caps.depth));
    } else if (carry.length === 0) sink.row(this.bytes, from, to, start, this.text);
    else {
      carry.add(this.bytes, from, to);
      const whole = carry.take();
      sink.row(whole, 0, whole.length, start);
    }
  }

  private scanKey(from: number): number {
    const { bytes } = this;
    let i = from;
    while (i < bytes.length) {
      const c = bytes[i]!;
      if (this.escaped) this.escaped = false;
      else if (c === 0x5c) this.escaped = true;
      else if (c === 0x22) {
        this.keyCarry.add(bytes, from, i);
        return this.finishKey(i);
      }
      i++;
    }
    this.keyCarry.add(bytes, from, i);
    return i;
  }

  private finishKey(i: number): number {
    if (this.keyCarry.tooLarge) return this.damage(i, 'A member name is too long.');
    const text = this.keyCarry.take().toString('utf8');
    try {
      this.stack.at(-1)!.key = text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
    } catch {
      return this.damage(i, 'A member name is malformed.');
    }
    this.state = atColon;
    return i + 1;
  }
}

export function tooDeepMessage(cap: number): string {
  return `The row is nested deeper than ${cap} levels.`;
}

function matches(frame: Frame): boolean {
  if (frame.want === everyChild) return true;
  return frame.array ? frame.want === frame.index : frame.want === frame.key;
}

function endsScalar(c: number): boolean {
  return c === 0x2c || c === 0x5d || c === 0x7d || c === 32 || c === 10 || c === 13 || c === 9;
}
