import { describe, expect, it } from 'vitest';
import type { Cache } from '#storage';

/** What every cache must do. `open` gives one that is empty, and a way to let time pass. */
export function cacheConformance(
  name: string,
  open: () => Promise<{ cache: Cache; wait: (ms: number) => Promise<void> }>,
): void {
  describe(`cache conformance: ${name}`, () => {
    it('gives back what was set, the last of it, until it is deleted', async () => {
      const { cache } = await open();
      expect(await cache.get('a')).toBeUndefined();
      await cache.set('a', '1', 1000);
      await cache.set('a', 'é\0', 1000);
      expect(await cache.get('a')).toBe('é\0');
      await cache.delete('a');
      await cache.delete('a');
      expect(await cache.get('a')).toBeUndefined();
    });

    it('forgets after the time to live, counted from the last set', async () => {
      const { cache, wait } = await open();
      await cache.set('a', '1', 50);
      await wait(40);
      await cache.set('a', '2', 50);
      await wait(40);
      expect(await cache.get('a')).toBe('2');
      await wait(11);
      expect(await cache.get('a')).toBeUndefined();
    });

    it('does not keep what has no time to live', async () => {
      const { cache } = await open();
      await cache.set('a', '1', 0);
      expect(await cache.get('a')).toBeUndefined();
    });
  });
}
