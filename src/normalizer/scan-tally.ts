import type { Detector, ScanItem } from '#contracts';
import type { Detect } from './policy/detect.ts';
import { maskValue } from './policy/hide.ts';

/** Bounds of what one answer holds; beyond them findings are counted and not listed. */
const mostItems = 1000;
const mostSamples = 3;
/** Values remembered, to be recognised in records and reports. */
const mostValues = 50_000;

export interface Place {
  start: number;
  end: number;
  row: number | undefined;
}

export interface Found {
  where: ScanItem['where'];
  /** RFC 6901, with `*` for the items of lists; may hold no value. */
  pointer: string;
  detector: Detector;
  text: string;
  place: Place;
}

/** What was found in payloads of one source. Values are held in memory alone, and leave it masked. */
export interface ScanTally {
  /** Findings and their values that were not listed or remembered. */
  findings: number;
  truncated: boolean;
  begin(payload: { sha256: string; capturedAt: string }): void;
  add(found: Found): void;
  /** Notes that a value stands in a field of live records; false when it was not found in the payload. */
  reach(text: string, field: string): boolean;
  /** Tells whether a text is a value that reached records. */
  isExposed(text: string): boolean;
  /** Values that a text without hints would not be recognised by. */
  hintedValues(): string[];
  items(): ScanItem[];
}

type Item = ScanItem & { fields: Set<string> };

export function createTally(sourceId: string, detect: Detect): ScanTally {
  const all: Item[] = [];
  let byPlace = new Map<string, Item>();
  /** By value: the items that it belongs to, of the payload under way and of those before. */
  const values = new Map<string, { text: string; detector: Detector; items: Set<Item>; exposed: boolean }>();
  let payload = { sha256: '', capturedAt: '' };

  function itemOf({ where, pointer, detector }: Found): Item | undefined {
    const key = `${where} ${detector} ${pointer}`;
    let item = byPlace.get(key);
    if (item !== undefined) return item;
    if (all.length >= mostItems) return undefined;
    item = {
      source_id: sourceId,
      raw_sha256: payload.sha256,
      captured_at: payload.capturedAt,
      where,
      pointer,
      detector,
      count: 0,
      reached: [],
      samples: [],
      fields: new Set(),
    };
    byPlace.set(key, item);
    all.push(item);
    return item;
  }

  const tally: ScanTally = {
    findings: 0,
    truncated: false,
    begin(next) {
      payload = next;
      byPlace = new Map();
    },
    add(found) {
      tally.findings++;
      const item = itemOf(found);
      if (item === undefined) {
        tally.truncated = true;
        return;
      }
      item.count++;
      const { start, end, row } = found.place;
      if (item.samples.length < mostSamples) {
        const masked = maskValue(found.text, 4, detect);
        item.samples.push({ masked, byte_start: start, byte_end: end, ...(row === undefined ? {} : { row }) });
      }
      const key = normal(found.text);
      const known = values.get(key);
      if (known !== undefined) known.items.add(item);
      else if (values.size < mostValues)
        values.set(key, { text: found.text, detector: found.detector, items: new Set([item]), exposed: false });
      else tally.truncated = true;
    },
    reach(text, field) {
      const known = values.get(normal(text));
      if (known === undefined) return false;
      known.exposed = true;
      for (const item of known.items) if (item.raw_sha256 === payload.sha256) item.fields.add(field);
      return true;
    },
    isExposed: (text) => values.get(normal(text))?.exposed === true,
    hintedValues: () =>
      [...values.values()].filter(({ text, exposed }) => exposed && detect(text).length === 0).map(({ text }) => text),
    items: () => all.map(({ fields, ...item }) => ({ ...item, reached: [...fields].toSorted() })),
  };
  return tally;
}

/** A value whatever its case and separators. */
function normal(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}@]/gu, '');
}
