import { expect, it } from 'vitest';
import { createMemoryCache } from './memory.ts';

const clock = { now: () => 0 };

it('drops the values used least recently beyond its number of entries', async () => {
  const cache = createMemoryCache({ clock, maxEntries: 2 });
  await cache.set('a', '1', 10);
  await cache.set('b', '2', 10);
  await cache.get('a');
  await cache.set('c', '3', 10);
  expect([await cache.get('a'), await cache.get('b'), await cache.get('c')]).toEqual(['1', undefined, '3']);
});

it('holds no more text than it may', async () => {
  const cache = createMemoryCache({ clock, maxChars: 10 });
  await cache.set('a', '1234', 10);
  await cache.set('b', '1234', 10);
  expect([await cache.get('a'), await cache.get('b')]).toEqual(['1234', '1234']);
  await cache.set('a', '12345', 10);
  expect([await cache.get('a'), await cache.get('b')]).toEqual(['12345', undefined]);
  await cache.set('long', 'more than ten', 10);
  expect([await cache.get('a'), await cache.get('long')]).toEqual(['12345', undefined]);
});
