/** How a number with a format is meant. `days`: elapsed time. */
export type CellForm = 'number' | 'date' | 'datetime' | 'time' | 'days';

const builtIn = new Map<number, CellForm>([
  ...[14, 15, 16, 17, 27, 28, 29, 30, 31, 34, 35, 36, 50, 51, 52, 53, 54, 57, 58].map((id) => [id, 'date'] as const),
  ...[18, 19, 20, 21, 32, 33, 45, 47, 55, 56].map((id) => [id, 'time'] as const),
  [22, 'datetime'],
  [46, 'days'],
]);

export function formOfId(id: number, custom: ReadonlyMap<number, string>): CellForm {
  const code = custom.get(id);
  return code === undefined ? (builtIn.get(id) ?? 'number') : formOfCode(code);
}

/** What a format shows: the letters of dates and times outside of quotes, brackets and escapes. */
export function formOfCode(code: string): CellForm {
  const [positive = ''] = code.split(';');
  const bare = positive.replace(/"[^"]*"|\\.|_.|\*./g, '').toLowerCase();
  if (/\[(?:h+|m+|s+)\]/.test(bare)) return 'days';
  const letters = bare
    .replace(/\[[^\]]*\]/g, '')
    .replace(/general/g, '')
    .replace(/am\/pm|a\/p/g, 'h');
  if (/[0#?]/.test(letters.replace(/s+\.0+/g, 's'))) return 'number';
  const date = /[ydge]/.test(letters) || (letters.includes('m') && !/[hs]/.test(letters));
  const time = /[hs]/.test(letters);
  if (date) return time ? 'datetime' : 'date';
  return time ? 'time' : 'number';
}

const dayMs = 86_400_000;
/** Excel counts a 29 February 1900 that was none: its number 60. */
const ghost = 60;

/** ISO text of a number of days; undefined when it is no date. A date without a time of day has none in the text. */
export function dayText(
  serial: number,
  form: Exclude<CellForm, 'number' | 'days'>,
  from1904: boolean,
): string | undefined {
  const ms = Math.round(serial * dayMs);
  if (!(ms >= 0 && serial < 2_958_466)) return undefined;
  const day = Math.floor(ms / dayMs);
  const clock = clockText(ms - day * dayMs);
  if (form === 'time' && day === 0) return clock;
  const date = dateText(day, from1904);
  return form === 'date' && clock === '00:00:00' ? date : `${date}T${clock}`;
}

function dateText(day: number, from1904: boolean): string {
  if (!from1904 && day === ghost) return '1900-02-29';
  const start = from1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, day < ghost ? 31 : 30);
  return new Date(start + day * dayMs).toISOString().slice(0, 10);
}

function clockText(ms: number): string {
  const text = new Date(ms).toISOString();
  return ms % 1000 === 0 ? text.slice(11, 19) : text.slice(11, 23);
}

/** ISO 8601 duration of elapsed days. */
export function durationText(serial: number): string {
  const ms = Math.round(Math.abs(serial) * dayMs);
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  return `${serial < 0 ? '-' : ''}PT${hours}H${minutes}M${(ms % 60_000) / 1000}S`;
}
