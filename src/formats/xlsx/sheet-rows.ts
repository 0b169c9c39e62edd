import { type CellForm, dayText, durationText } from './cell-forms.ts';
import { SheetDamage } from './sheet-damage.ts';
import { TextRuns } from './shared-texts.ts';
import { attribute, unescaped, type XmlHandler } from './xml.ts';

/** What cells become that JSON has no value for. */
export interface CellForms {
  /** A number from its text. */
  number(text: string): unknown;
  /** An error other than `#N/A`, such as `#REF!`. */
  error(code: string): unknown;
}

export interface SheetSetting extends CellForms {
  texts: readonly string[];
  /** By style. */
  forms: readonly CellForm[];
  from1904: boolean;
  /** Characters of a row. */
  mostSize: number;
  /** Columns that are read: [first, last), from 0. */
  columns: { first: number; last: number };
}

/** A row with something in it. Cells from the first column that is read; undefined where there is nothing. */
export interface SheetRow {
  /** From 0, as the sheet counts. */
  index: number;
  cells: unknown[];
  tooLarge: boolean;
}

const maxColumn = 16_384;
const maxRow = 1 << 24;
const maxNumber = 400;

/** Takes the XML of a sheet and gives its rows to `take`, one after another; rows without values are passed over. */
export function sheetHandler(setting: SheetSetting, take: (row: SheetRow) => void): XmlHandler {
  const cell = new Cell(setting);
  let row: SheetRow = { index: -1, cells: [], tooLarge: false };
  let inData = false;
  let column = 0;
  let size = 0;

  function openCell(attributes: string): void {
    const place = attribute(attributes, 'r');
    column = place === undefined ? column + 1 : columnOf(place);
    if (!(column < maxColumn)) throw new SheetDamage('A cell stands beyond the last column.');
    cell.begin(attributes);
  }

  function closeCell(): void {
    const value = cell.value();
    size += cell.size;
    const { first, last } = setting.columns;
    if (value === undefined || column < first || column >= last) return;
    row.tooLarge ||= size > setting.mostSize;
    if (row.tooLarge) return;
    while (row.cells.length < column - first) row.cells.push(undefined);
    row.cells[column - first] = value;
  }

  function openRow(attributes: string): void {
    const number = attribute(attributes, 'r');
    const index = number === undefined ? row.index + 1 : Number(number) - 1;
    if (!(Number.isInteger(index) && index > row.index && index < maxRow))
      throw new SheetDamage('Its rows are not in their order.');
    row = { index, cells: [], tooLarge: false };
    column = -1;
    size = 0;
  }

  return {
    open(name, attributes) {
      if (name === 'sheetData') inData = true;
      else if (!inData) return;
      else if (name === 'c') openCell(attributes);
      else if (name === 'row') openRow(attributes);
      else cell.open(name);
    },
    close(name) {
      if (!inData) return;
      if (name === 'c') closeCell();
      else if (name === 'row') {
        if (row.cells.length > 0 || row.tooLarge) take(row);
      } else if (name === 'sheetData') inData = false;
      else cell.close(name);
    },
    text(raw) {
      if (inData) cell.text(raw);
    },
  };
}

/** `AB12` stands in column 27. */
export function columnOf(place: string): number {
  let column = 0;
  for (let i = 0; i < place.length && i < 4; i++) {
    const c = place.charCodeAt(i) & ~32;
    if (c < 65 || c > 90) break;
    column = column * 26 + c - 64;
  }
  return column - 1;
}

/** The cell under way. */
class Cell {
  /** Characters that it has come to. */
  size = 0;
  private readonly setting: SheetSetting;
  private readonly runs = new TextRuns();
  private type = 'n';
  private style = 0;
  private raw = '';
  private inValue = false;
  private hasText = false;

  constructor(setting: SheetSetting) {
    this.setting = setting;
  }

  begin(attributes: string): void {
    this.type = attribute(attributes, 't') ?? 'n';
    this.style = Number(attribute(attributes, 's') ?? 0);
    this.raw = '';
    this.hasText = false;
    this.inValue = false;
    this.size = 0;
    this.runs.take();
  }

  open(name: string): void {
    if (name === 'v') this.inValue = true;
    else {
      this.hasText ||= name === 'is';
      this.runs.open(name);
    }
  }

  close(name: string): void {
    if (name === 'v') this.inValue = false;
    else this.runs.close(name);
  }

  text(raw: string): void {
    const { mostSize } = this.setting;
    if (!this.inValue) this.runs.text(raw, mostSize);
    else if (this.raw.length <= mostSize) this.raw += raw;
  }

  /** Undefined when there is nothing in it. */
  value(): unknown {
    const value = this.read();
    this.size = typeof value === 'string' ? value.length + 8 : value === undefined ? 0 : 8;
    return value === '' ? undefined : value;
  }

  private read(): unknown {
    if (this.type === 'inlineStr' || (this.hasText && this.raw === '')) return this.runs.take();
    // A formula's text, an ISO date.
    if (this.type === 'str' || this.type === 'd') return unescaped(this.raw);
    const raw = this.raw.trim();
    if (raw === '') return undefined;
    const { setting } = this;
    if (this.type === 'b') return raw === '1' || raw === 'true';
    if (this.type === 'e') return raw === '#N/A' ? undefined : setting.error(raw);
    if (this.type === 's') return setting.texts[/^\d+$/.test(raw) ? Number(raw) : -1] ?? setting.error('#REF!');
    return this.number(raw);
  }

  /** What is no number is an error of its cell: the rows around it are sound. */
  private number(text: string): unknown {
    const { setting } = this;
    const serial = Number(text);
    if (text.length > maxNumber || !Number.isFinite(serial)) return setting.error('#NUM!');
    const form = setting.forms[this.style] ?? 'number';
    if (form === 'number') return setting.number(text);
    if (form === 'days') return durationText(serial);
    return dayText(serial, form, setting.from1904) ?? setting.number(text);
  }
}
