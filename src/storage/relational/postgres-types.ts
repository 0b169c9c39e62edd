/** Values from a server as the port promises them, and as the embedded engine gives them. */
import pg from 'pg';
import { valueParsers, type Parse } from './value-types.ts';

const asText: Parse = (text) => text;
const asJson: Parse = (text) => JSON.parse(text) as unknown;

/** By type oid: what the embedded engine does by itself. */
const builtIn: Record<number, Parse> = {
  16: (text) => text === 't', // bool
  21: Number, // int2
  23: Number, // int4
  26: Number, // oid
  114: asJson, // json
  700: Number, // float4
  701: Number, // float8
  3802: asJson, // jsonb
};

/** The types of arrays, and of what they hold. */
const arrays: Record<number, number> = {
  199: 114,
  1000: 16,
  1001: 17,
  1005: 21,
  1007: 23,
  1015: 1043,
  1016: 20,
  1021: 700,
  1022: 701,
  1028: 26,
  1115: 1114,
  1182: 1082,
  1185: 1184,
  1231: 1700,
  2951: 2950,
  1009: 25,
  3807: 3802,
};

type Nested = string | null | Nested[];

/** The driver's own, for text[], whose oid its types do not know. */
const driverParser = pg.types.getTypeParser as (oid: number, format: 'text') => (text: string) => unknown;
const parseWords = driverParser(1009, 'text') as (text: string) => Nested[];

/** How to read a value of the type with this oid. */
export function parserOf(oid: number): Parse {
  const element = arrays[oid];
  if (element !== undefined) return (text) => parseWords(text).map((word) => nested(word, parserOf(element)));
  return valueParsers[oid] ?? builtIn[oid] ?? asText;
}

function nested(value: Nested, parse: Parse): unknown {
  if (Array.isArray(value)) return value.map((part) => nested(part, parse));
  return value === null ? null : parse(value);
}
