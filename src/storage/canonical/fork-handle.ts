import type { Handle } from '#kit';
import type { CanonicalFork, CanonicalStore } from './port.ts';

/** How forks of a store cross between processes that use the same engine: by their names. */
export function forkHandle(canonical: CanonicalStore): Handle {
  return {
    tag: 'fork',
    nameOf: (value) => (isFork(value) ? value.name : undefined),
    open: (name) => canonical.attach(name),
    async release(value) {
      if (isFork(value)) await value.release();
    },
  };
}

function isFork(value: unknown): value is CanonicalFork {
  const { name, release, compare } = value as Partial<CanonicalFork>;
  return typeof name === 'string' && typeof release === 'function' && typeof compare === 'function';
}
