import type { QueryAggregate } from '#contracts';
import type { ColumnType, Field } from './fields.ts';
import { invalid } from './invalid.ts';

const quantiles: Record<string, string> = { p50: '0.5', p90: '0.9', p95: '0.95', p99: '0.99' };
const scale = (2n ** 140n).toString();
const huge = (2n ** 80n).toString();

/**
 * A sum that does not depend on the order of its values. A plain sum of doubles does: it changes with the order of
 * insertion, with merges and with the number of threads. Values below 2^80 are added as whole multiples of 2^-140 in
 * 256 bits, without any rounding for |x| >= 2^-87; the rare larger ones are sorted, then added.
 */
function exactSum(x: string): string {
  const near = `toFloat64(sum(toInt256(${x} * if(abs(${x}) < ${huge}., ${scale}., 0.)))) / ${scale}.`;
  return `${near} + arraySum(arraySort(groupArrayIf(${x}, abs(${x}) >= ${huge}.)))`;
}

/**
 * SQL of an aggregate and the type of its column; NULL when no record has the field. Percentiles are exact, by linear
 * interpolation between the two nearest ranks (as numpy and spreadsheets do); distinct counts are exact.
 */
export function aggregateSql(
  aggregate: QueryAggregate,
  field: Field | undefined,
  pointer: string,
): { sql: string; type: ColumnType } {
  const { fn } = aggregate;
  if (fn === 'count') return { sql: field === undefined ? 'count()' : `count(${field.sql})`, type: 'integer' };
  if (field === undefined) throw invalid(`${pointer}/field`, `The aggregate ${fn} needs a field.`);
  if (fn === 'count_distinct') return { sql: `uniqExact(${field.sql})`, type: 'integer' };
  if (fn === 'min' || fn === 'max') return { sql: `${fn}OrNull(${field.sql})`, type: field.type };
  if (field.type !== 'number') {
    throw invalid(`${pointer}/field`, `The aggregate ${fn} needs a number: value or measures.NAME.`);
  }
  if (fn === 'sum') return { sql: exactSum(field.sql), type: 'number' };
  if (fn === 'avg') return { sql: `(${exactSum(field.sql)}) / nullIf(count(${field.sql}), 0)`, type: 'number' };
  return { sql: `quantileExactInclusiveOrNull(${quantiles[fn]})(${field.sql})`, type: 'number' };
}
