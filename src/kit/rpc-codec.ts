/**
 * Arguments and results of calls between processes, as JSON. What JSON has no word for is an object with one member that begins with `$`;
 * an object of a caller's own that has such a member is written as its list of members, so that the two cannot be mistaken.
 */

/** A value that stands for something on a server both sides can reach, and crosses by its name. */
export interface Handle {
  tag: string;
  /** Undefined: it is none of these. */
  nameOf(value: object): string | undefined;
  open(name: string): unknown;
  /** The process that served a call lets go of what crossed. */
  release(value: unknown): Promise<void>;
}

/** What crosses by being called, not by being copied. */
export interface Encoding {
  handles?: readonly Handle[];
  /** Called with each function; gives the number that it is known by. Without it functions are refused. */
  onFunction?: (callback: (...args: never[]) => unknown) => number;
  onSignal?: (signal: AbortSignal) => void;
}

export interface Decoding {
  handles?: readonly Handle[];
  callback?: (number: number) => (...args: unknown[]) => void;
  signal?: AbortSignal;
}

const maxDepth = 256;
const sentinel = /^\$/;

/** One line of text. Errors: TypeError for what cannot cross, or is nested deeper than 256. */
export function encodeValue(value: unknown, encoding: Encoding = {}): string {
  return JSON.stringify(toPlain(value, encoding, 0));
}

function toPlain(value: unknown, encoding: Encoding, depth: number): unknown {
  if (depth > maxDepth) throw new TypeError('nested too deeply to be sent to another process');
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'undefined':
      return { $undefined: 1 };
    case 'function':
      if (encoding.onFunction === undefined) throw new TypeError('a function cannot be sent to another process');
      return { $callback: encoding.onFunction(value as (...args: never[]) => unknown) };
    case 'object':
      return value === null ? null : fromObject(value, encoding, depth);
    default:
      throw new TypeError(`a ${typeof value} cannot be sent to another process`);
  }
}

function fromObject(value: object, encoding: Encoding, depth: number): unknown {
  if (Array.isArray(value)) return value.map((item) => toPlain(item, encoding, depth + 1));
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
  if (value instanceof Map) {
    return {
      $map: [...value].map(([key, item]) => [toPlain(key, encoding, depth + 1), toPlain(item, encoding, depth + 1)]),
    };
  }
  if (value instanceof AbortSignal) {
    encoding.onSignal?.(value);
    return { $signal: 1 };
  }
  for (const handle of encoding.handles ?? []) {
    const name = handle.nameOf(value);
    if (name !== undefined) return { [`$${handle.tag}`]: name };
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('an object of a class cannot be sent to another process');
  }
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]): [string, unknown] => [key, toPlain(item, encoding, depth + 1)]);
  const plain = members.every(([key]) => !sentinel.test(key));
  return plain ? Object.fromEntries(members) : { $object: members };
}

/** Undoes `encodeValue`; bytes come as Buffers, members that were undefined are missing. Errors: SyntaxError, TypeError for what it never wrote. */
export function decodeValue(text: string, decoding: Decoding = {}): unknown {
  return fromPlain(JSON.parse(text), decoding, 0);
}

function fromPlain(value: unknown, decoding: Decoding, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 2 * maxDepth) throw new TypeError('nested too deeply');
  if (Array.isArray(value)) return value.map((item) => fromPlain(item, decoding, depth + 1));
  const members = Object.entries(value);
  const [first] = members;
  if (first !== undefined && sentinel.test(first[0])) return fromTagged(first[0], first[1], decoding, depth);
  return Object.fromEntries(members.map(([key, item]) => [key, fromPlain(item, decoding, depth + 1)]));
}

function fromTagged(tag: string, held: unknown, decoding: Decoding, depth: number): unknown {
  switch (tag) {
    case '$number':
      return Number(held);
    case '$bigint':
      return BigInt(held as string);
    case '$undefined':
      return undefined;
    case '$bytes':
      return Buffer.from(held as string, 'base64');
    case '$map':
      return new Map(
        (held as [unknown, unknown][]).map((pair) => fromPlain(pair, decoding, depth + 1) as [unknown, unknown]),
      );
    case '$object':
      return Object.fromEntries(
        (held as [string, unknown][]).map(([key, item]) => [key, fromPlain(item, decoding, depth + 1)]),
      );
    case '$signal':
      if (decoding.signal !== undefined) return decoding.signal;
      break;
    case '$callback':
      if (decoding.callback !== undefined && Number.isSafeInteger(held)) return decoding.callback(held as number);
      break;
    default: {
      const handle = decoding.handles?.find((one) => `$${one.tag}` === tag);
      if (handle !== undefined && typeof held === 'string') return handle.open(held);
    }
  }
  throw new TypeError('not a value that another process may send');
}
