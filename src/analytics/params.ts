import type { ReadQuery } from '#storage';

type Value = ReadQuery['params'][string];

/** Collects the values of one statement. What a user wrote stands here and nowhere else. */
export interface Params {
  /** Binds a value and returns its placeholder, e.g. `{p3:String}`. */
  bind(value: Value, type: 'String' | 'Float64' | 'Int64' | 'Array(String)' | 'Array(Float64)'): string;
  readonly values: Record<string, Value>;
}

export function createParams(): Params {
  const values: Record<string, Value> = {};
  let next = 0;
  return {
    values,
    bind(value, type) {
      const name = `p${next++}`;
      values[name] = value;
      return `{${name}:${type}}`;
    },
  };
}
