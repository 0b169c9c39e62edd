import type { ErrorDetail } from '#kit';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

const maxBytes = 65_536;
const loads = new Map([
  ['url', 'A chart loads nothing: its data are the rows of its section.'],
  ['data', 'A chart takes no data of its own: its data are the rows of its section.'],
  ['datasets', 'A chart takes no data of its own: its data are the rows of its section.'],
  ['href', 'A chart has no links.'],
  ['bind', 'A chart is a picture: it has no controls.'],
]);
/** Settings by which a small spec could ask for endless work or an endless picture. */
const bounded = new Map([
  ['width', 4000],
  ['height', 4000],
  ['steps', 10_000],
  ['minsteps', 10_000],
  ['maxsteps', 10_000],
  ['maxbins', 1000],
  ['tickCount', 1000],
  ['order', 10],
]);

const marks =
  'arc area bar boxplot circle errorband errorbar geoshape line point rect rule square text tick trail'.split(' ');

/** What a chart may not hold, with pointers below `pointer`. Empty when the chart is harmless. */
export function refusals(chart: unknown, pointer: string): ErrorDetail[] {
  const found: ErrorDetail[] = [];
  if (JSON.stringify(chart).length > maxBytes) found.push({ pointer, message: 'A chart may have 64 KiB at most.' });
  else walk(chart as Json, pointer, 0, found);
  return found;
}

function walk(value: Json, pointer: string, depth: number, found: ErrorDetail[]): void {
  if (depth > 32) {
    found.push({ pointer, message: 'A chart may be nested 32 levels deep at most.' });
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(item, `${pointer}/${i}`, depth + 1, found);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const at = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const message = refusal(key, item);
      if (message === undefined) walk(item, at, depth + 1, found);
      else found.push({ pointer: at, message });
    }
  }
}

function refusal(key: string, value: Json): string | undefined {
  const load = loads.get(key);
  if (load !== undefined) return load;
  if ((key === 'mark' || key === 'type') && value === 'image') return 'A chart shows no images.';
  const mark = key === 'mark' ? (isObject(value) ? value.type : value) : undefined;
  if (typeof mark === 'string' && mark !== 'image' && !marks.includes(mark)) {
    return `There is no mark ${mark}. There are ${marks.join(', ')}.`;
  }
  const bound = bounded.get(key);
  if (bound !== undefined && typeof value === 'number' && !(value <= bound)) return `${key} may be ${bound} at most.`;
  if (key === 'keyvals' && !Array.isArray(value)) return 'keyvals must be a list.';
  return undefined;
}

const scaled = new Set(['x', 'y', 'color', 'fill', 'stroke', 'size', 'opacity', 'xOffset', 'yOffset']);

/** The chart with every scale and unit of time in UTC; times come as the wall clock of the report's zone, written as UTC. */
export function inUtc(value: Json): Json {
  if (Array.isArray(value)) return value.map(inUtc);
  if (typeof value !== 'object' || value === null) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === 'timeUnit') result[key] = utcUnit(item);
    else if (key === 'encoding') result[key] = utcEncoding(inUtc(item));
    else result[key] = inUtc(item);
  }
  return result;
}

function utcUnit(unit: Json): Json {
  if (typeof unit === 'string') {
    if (unit.startsWith('utc') || unit.startsWith('binnedutc')) return unit;
    return unit.startsWith('binned') ? `binnedutc${unit.slice(6)}` : `utc${unit}`;
  }
  return isObject(unit) ? { ...unit, utc: true } : unit;
}

function utcEncoding(encoding: Json): Json {
  if (!isObject(encoding)) return encoding;
  const result: JsonObject = {};
  for (const [channel, definition] of Object.entries(encoding)) {
    result[channel] = definition;
    if (!scaled.has(channel) || !isObject(definition) || definition.type !== 'temporal') continue;
    const { scale } = definition;
    if (scale === null || (isObject(scale) && scale.type !== undefined)) continue;
    result[channel] = { ...definition, scale: { ...(isObject(scale) ? scale : {}), type: 'utc' } };
  }
  return result;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
