import type { Relational } from './port.ts';

/** Well under the time after which a server ends a transaction in which nothing happens. */
const wordEveryMs = 15_000;

/**
 * Runs work that no two processes may do at a time for one key, under a lock of the server's that ends with the process. When the lock was lost on the way, the work has been
 * done and this throws all the same (`storage_unavailable`, retryable): the work must bear being repeated. Holds one connection meanwhile, so that it is not for an
 * engine that has only one; and `relational` is one that the work does not use, for which it would be inside of a transaction.
 */
export function createExclusion(relational: Relational): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  return async (key, work) =>
    relational.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
      let word: Promise<unknown> = Promise.resolve();
      const timer = setInterval(() => {
        word = word.then(() => tx.query('select 1'));
        // Whether the lock still holds is seen at the end.
        word.catch(() => {});
      }, wordEveryMs);
      try {
        return await work();
      } finally {
        clearInterval(timer);
        await word.catch(() => {});
      }
    });
}
