import type { Check } from './rpc-checks.ts';

/** How one method of a service is called from another process. */
export interface MethodRule {
  /** One check for each argument. */
  args: readonly Check[];
  /** Calling it twice comes to the same as once: then it is called again when the first answer was lost. */
  repeatable: boolean;
  /** How long all tries together may take (milliseconds, default 30,000). A stream has no such bound, only one on silence. */
  timeoutMs?: number;
  /** It gives an async iterable: each item is fetched when the consumer asks for it. */
  stream?: true;
}

/** A rule for every method of an interface: one that is missing, or too many, does not compile. */
export type MethodTable<T> = { readonly [K in keyof T]: MethodRule };

/** For methods that work for as long as there is data: that they are silent is noticed sooner. */
export const longMs = 6 * 3_600_000;
