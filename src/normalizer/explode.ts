import type { RecordRule } from '#contracts';
import type { Attempt, Site } from './attempt.ts';
import { type CompiledPath, compilePath, type Part, PathError, type RowValue } from './path.ts';
import { type Build, type Candidate, type RecordMapper, type RecordSetting, skipped } from './record-rule.ts';

/** Every item takes the row's plain fields along, so that a small row could become a great many large records. */
export const maxItems = 10_000;

/** One candidate for each item of a list in the row. A list that is missing or empty is one candidate: skipped, or a failure. */
export function exploding(rule: RecordRule, setting: RecordSetting, build: Build): RecordMapper {
  const { path, on_missing } = typeof rule.explode === 'object' ? rule.explode : { path: rule.explode! };
  const list = listPath(path, setting);
  const skips = (on_missing ?? rule.on_missing) === 'skip';
  const site: Site = { rule: `records[${setting.index}].explode`, pointer: list?.pointer ?? '', ofPart: false };
  const part: Part = { label: 0, value: undefined, pointer: () => `${site.pointer}/${part.label}` };
  return (row, place, attempt, out) => {
    const items = list?.get(row, attempt);
    if (Array.isArray(items) && items.length > 0 && items.length <= maxItems) {
      for (let i = 0; i < items.length; i++) {
        part.label = i;
        part.value = items[i];
        attempt.begin(part);
        out.push(build(row, place, attempt));
      }
    } else out.push(noItems(items, attempt, site, skips));
  };
}

function noItems(items: RowValue, attempt: Attempt, site: Site, skips: boolean): Candidate {
  attempt.begin(undefined);
  if (items === undefined || items === null || (Array.isArray(items) && items.length === 0)) {
    if (skips) return skipped;
    attempt.fail(site, 'missing_field', 'The list to explode is missing or empty.', undefined);
  } else if (Array.isArray(items)) {
    attempt.fail(site, 'row_too_large', `The list has ${items.length} items; at most ${maxItems} are exploded.`, items);
  } else attempt.fail(site, 'cast_failed', 'The value to explode is not a list.', items);
  return attempt.failures;
}

function listPath(path: string, { columns, index, problem }: RecordSetting): CompiledPath | undefined {
  const pointer = `/records/${index}/explode`;
  if (columns !== undefined) {
    problem(pointer, 'only JSON and the like hold lists in their rows, and this is a table; leave explode out');
    return undefined;
  }
  try {
    return compilePath(path, undefined, undefined);
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    problem(pointer, error.message);
    return undefined;
  }
}
