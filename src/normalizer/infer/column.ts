import { DistinctSketch, hashText } from './hash.ts';
import { type TimeReaders, type TimeReading, TimeTrial } from './time-formats.ts';

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const codePattern = /^[+-]?0\d/;
const truthPattern = /^(?:true|false|yes|no|t|f|y|n)$/i;
/** Digits of yyyy, yyyyMM, yyyyMMdd and yyyyMMddHHmmss. */
const numericTimes = new Set([4, 6, 8, 14]);
const offsetPattern = /\d[Zz]$|:\d\d(?:[.,]\d+)? ?[+-]\d\d:?\d\d$/;
const maxOdd = 8;
/** Texts that are asked for personal data: enough to tell a column of it. */
const maxSensed = 1000;

/** Names what personal data a text holds. */
export type Sense = (text: string) => readonly string[];

/** What is known of one column (a path in the rows), without its values: some 10 KiB, whatever the number of rows. */
export class ColumnStats {
  /** Steps from the row: member names, and positions in lists. */
  readonly steps: readonly (string | number)[];
  readonly distinct = new DistinctSketch();
  present = 0;
  texts = 0;
  numbers = 0;
  booleans = 0;
  /** Lists, and whatever else has no place in a record. */
  lists = 0;
  /** Texts that are numbers, those with a leading zero (codes), and those that are truths. */
  numberTexts = 0;
  codes = 0;
  truths = 0;
  /** Texts that end with an offset from UTC, as times may. */
  offsets = 0;
  integers = 0;
  /** Numbers outside of the years that a record's time can have. */
  notYears = 0;
  min = Infinity;
  max = -Infinity;
  longest = 0;
  length = 0;
  /** The few texts that are no numbers, as `NA` in a column of numbers: kept while they are few. */
  readonly odd = new Map<string, number>();
  oddOverflow = false;
  /** Texts that held personal data, by what they held, of the first `sensed`. */
  readonly personal = new Map<string, number>();
  sensed = 0;
  private readonly trial: TimeTrial;
  private readonly sense: Sense;

  constructor(steps: readonly (string | number)[], readers: TimeReaders, sense: Sense) {
    this.steps = steps;
    this.sense = sense;
    this.trial = new TimeTrial(readers);
  }

  /** A value that is there. */
  add(value: unknown): void {
    this.present++;
    if (typeof value === 'string') this.addText(value);
    else if (typeof value === 'number') {
      this.numbers++;
      this.addNumber(value, String(value));
    } else if (typeof value === 'boolean') {
      this.booleans++;
      this.distinct.add(value ? 1 : 2);
    } else this.lists++;
  }

  /** Formats that read the column as times. */
  times(): TimeReading | undefined {
    return this.trial.reading();
  }

  private addText(text: string): void {
    this.texts++;
    this.length += text.length;
    if (text.length > this.longest) this.longest = text.length;
    if (this.sensed < maxSensed) {
      this.sensed++;
      for (const what of new Set(this.sense(text))) this.personal.set(what, (this.personal.get(what) ?? 0) + 1);
    }
    if (numberPattern.test(text)) {
      this.numberTexts++;
      if (codePattern.test(text)) this.codes++;
      return this.addNumber(Number(text), text);
    }
    this.distinct.add(hashText(text));
    if (truthPattern.test(text)) this.truths++;
    if (text.length <= 40 && offsetPattern.test(text)) this.offsets++;
    this.trial.add(text);
    if (this.odd.has(text) || this.odd.size < maxOdd) this.odd.set(text, (this.odd.get(text) ?? 0) + 1);
    else this.oddOverflow = true;
  }

  private addNumber(value: number, text: string): void {
    this.distinct.add(hashText(text));
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (!Number.isInteger(value)) return;
    this.integers++;
    if (value < 1900 || value > 2299) this.notYears++;
    if (numericTimes.has(text.length)) this.trial.add(text);
  }
}
