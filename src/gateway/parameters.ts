// Path and query parameters: declared once, for parsing and for OpenAPI.
import { schemas } from '#contracts';
import { ChartlyError, type ErrorDetail } from '#kit';

/** One parameter: how it is documented, and how its text becomes a value (undefined: refused, `must` says what it has to be). */
export interface Parameter<T> {
  schema: Record<string, unknown>;
  description: string;
  must: string;
  parse(text: string): T | undefined;
}

// `unknown` would not do here: a parameter's value type stands in its own methods.
export type Parameters = Record<string, Parameter<string> | Parameter<number>>;
export type Values<P extends Parameters> = {
  [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

const common = schemas.common.$defs;

/** A value of one of the shapes in contracts/v1/common.json. */
export function shaped(
  name: 'id' | 'uuid' | 'sha256' | 'record_id' | 'uint64',
  description: string,
): Parameter<string> {
  const pattern = new RegExp(common[name].pattern);
  return {
    schema: { $ref: `${schemas.common.$id}#/$defs/${name}` },
    description,
    must: `must match ${common[name].pattern}`,
    parse: (text) => (pattern.test(text) ? text : undefined),
  };
}

/** One of several words. */
export function oneOf<const T extends string>(words: readonly T[], description: string): Parameter<T> {
  return {
    schema: { type: 'string', enum: [...words] },
    description,
    must: `must be one of ${words.join(', ')}`,
    parse: (text) => words.find((word) => word === text),
  };
}

/** A whole number within bounds. */
export function integer(minimum: number, maximum: number, description: string): Parameter<number> {
  return {
    schema: { type: 'integer', minimum, maximum },
    description,
    must: `must be a whole number from ${minimum} to ${maximum}`,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= minimum && value <= maximum ? value : undefined;
    },
  };
}

/** Any short text. */
export function text(description: string, maxLength = 512): Parameter<string> {
  return {
    schema: { type: 'string', minLength: 1, maxLength },
    description,
    must: `must be 1 to ${maxLength} characters`,
    parse: (value) => (value.length > 0 && value.length <= maxLength ? value : undefined),
  };
}

/** What every list takes. */
export const page = {
  limit: integer(1, 1000, 'how many items at most (default 100)'),
  after: text('the `next` of the page before'),
};
export const defaultLimit = 100;

/**
 * Parses all declared parameters. Errors: `bad_request`, with one detail for each that is wrong; an undeclared one is wrong too,
 * because a mistyped filter that is ignored gives wrong answers.
 */
export function parseParameters(
  declared: Parameters,
  given: Record<string, unknown>,
  place: 'path' | 'query',
): Record<string, string | number> {
  const values: Record<string, string | number> = {};
  const details: ErrorDetail[] = [];
  for (const [name, raw] of Object.entries(given)) {
    const parameter = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const pointer = `/${place}/${name.slice(0, 64)}`;
    if (parameter === undefined) {
      details.push({ pointer, message: `is not a parameter of this call; it takes ${listNames(declared)}` });
      continue;
    }
    const value = typeof raw === 'string' ? parameter.parse(raw) : undefined;
    if (value === undefined)
      details.push({ pointer, message: Array.isArray(raw) ? 'may be given once' : parameter.must });
    else values[name] = value;
  }
  if (details.length > 0) {
    throw new ChartlyError('bad_request', `The ${place} of the request is not as it should be.`, { details });
  }
  return values;
}

function listNames(declared: Parameters): string {
  const names = Object.keys(declared);
  return names.length === 0 ? 'none' : names.join(', ');
}
