import type { QueryFilter } from '#contracts';
import type { Field } from './fields.ts';
import { invalid } from './invalid.ts';
import type { Params } from './params.ts';
import { parseTime } from './time-zone.ts';

const comparison: Record<string, string> = { eq: '=', lt: '<', le: '<=', gt: '>', ge: '>=' };

/**
 * SQL of one condition, never NULL. A record that lacks the field satisfies only `ne`, `not_in` and `not_exists`:
 * each is the exact opposite of `eq`, `in` and `exists`. Text compares byte by byte; `contains` minds the case.
 */
export function filterSql(filter: QueryFilter, field: Field, zone: string, params: Params, pointer: string): string {
  const { op } = filter;
  if (op === 'exists' || op === 'not_exists') {
    if (filter.value !== undefined) throw invalid(`${pointer}/value`, `The operator ${op} takes no value.`);
    return op === 'exists' ? `isNotNull(${field.sql})` : `isNull(${field.sql})`;
  }
  if (op === 'ne') return `NOT ${filterSql({ ...filter, op: 'eq' }, field, zone, params, pointer)}`;
  if (op === 'not_in') return `NOT ${filterSql({ ...filter, op: 'in' }, field, zone, params, pointer)}`;
  if (op === 'in') return `ifNull(${inSql(filter, field, zone, params, pointer)}, 0)`;
  const { value } = filter;
  if (value === undefined || Array.isArray(value))
    throw invalid(`${pointer}/value`, `The operator ${op} needs one value.`);
  const bound = bindValue(value, field, zone, params, pointer);
  if (op !== 'contains') return `ifNull(${field.sql} ${comparison[op]} ${bound}, 0)`;
  if (field.type !== 'text') throw invalid(`${pointer}/op`, 'The operator contains works on text.');
  return `ifNull(position(${field.sql}, ${bound}) > 0, 0)`;
}

function inSql(filter: QueryFilter, field: Field, zone: string, params: Params, pointer: string): string {
  if (!Array.isArray(filter.value))
    throw invalid(`${pointer}/value`, `The operator ${filter.op} needs a list of values.`);
  if (filter.value.length === 0) return '0';
  const values = filter.value.map((v, i) => toValue(v, field, zone, `${pointer}/value/${i}`));
  if (field.type === 'text') return `${field.sql} IN ${params.bind(values as string[], 'Array(String)')}`;
  return `has(${params.bind(values as number[], 'Array(Float64)')}, toFloat64(${field.sql}))`;
}

function bindValue(value: string | number, field: Field, zone: string, params: Params, pointer: string): string {
  const converted = toValue(value, field, zone, `${pointer}/value`);
  if (typeof converted === 'string') return params.bind(converted, 'String');
  return params.bind(converted, field.type === 'time' ? 'Int64' : 'Float64');
}

function toValue(value: string | number, field: Field, zone: string, pointer: string): string | number {
  // A dimension is text, but a year or a code is naturally written as a number.
  if (field.type === 'text') return String(value);
  if (field.type === 'number') {
    if (typeof value !== 'number') throw invalid(pointer, 'This field is a number: compare it with a number.');
    return value;
  }
  if (typeof value !== 'string')
    throw invalid(pointer, 'This field is a time: compare it with an RFC 3339 instant or date.');
  return parseTime(value, zone, pointer);
}
