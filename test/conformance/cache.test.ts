import { createMemoryCache } from '#storage';
import { cacheConformance } from './cache.ts';

cacheConformance('memory', async () => {
  let now = 0;
  return {
    cache: createMemoryCache({ clock: { now: () => now } }),
    wait: async (ms) => {
      now += ms;
    },
  };
});
