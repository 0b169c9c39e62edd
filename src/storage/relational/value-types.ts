/**
 * PostgreSQL's text forms to the values that the port promises. Times keep their meaning whatever the process's zone:
 * the session runs in UTC.
 */
export type Parse = (text: string) => unknown;

/** `2026-01-02 03:04:05.678901+00` to `2026-01-02T03:04:05.678Z`. Infinity and years beyond four digits stay as they are. */
export function timestamptzToIso(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (match === null) return text;
  return `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(3, '0').slice(0, 3)}Z`;
}

const asText: Parse = (text) => text;

/** By type oid; types that are not named here keep the engine's own parsing (numbers, booleans, JSON) or stay text. */
export const valueParsers: Record<number, Parse> = {
  17: (text) => Buffer.from(text.slice(2), 'hex'), // bytea
  20: asText, // int8
  1082: asText, // date
  1114: asText, // timestamp
  1184: timestamptzToIso, // timestamptz
  1700: asText, // numeric
};

/** By type oid; what the engine's own serializers do slowly or not at all. */
export const valueSerializers: Record<number, (value: unknown) => string> = {
  17: (value) => {
    if (!(value instanceof Uint8Array)) throw new TypeError('a bytea parameter must be bytes');
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  },
};
