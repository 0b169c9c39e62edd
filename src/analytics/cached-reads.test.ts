import { expect, it } from 'vitest';
import { createMemoryCache, type CanonicalStore, type ReadQuery } from '#storage';
import { cachedReads } from './cached-reads.ts';

const question: ReadQuery = { text: 'SELECT {p0:String}', params: { p0: 'default' } };

/** A store that counts its reads and changes its version when told. */
function counting(): CanonicalStore & { reads: number; version: string; duringRead?: () => void } {
  const store = {
    reads: 0,
    version: '1',
    duringRead: undefined as (() => void) | undefined,
    dataVersion: async () => store.version,
    async read() {
      store.duringRead?.();
      return { columns: [], rows: [[++store.reads]] };
    },
  };
  return store as unknown as CanonicalStore & { reads: number; version: string; duringRead?: () => void };
}

it('answers the same question once for each data version', async () => {
  const store = counting();
  const cached = cachedReads(store, createMemoryCache(), 'default');
  expect((await cached.read(question)).rows).toEqual([[1]]);
  expect((await cached.read(question)).rows).toEqual([[1]]);
  store.version = '2';
  expect((await cached.read(question)).rows).toEqual([[2]]);
  expect((await cached.read({ ...question, params: { p0: 'other' } })).rows).toEqual([[3]]);
});

it('keeps nothing that was read while records changed', async () => {
  const store = counting();
  const cached = cachedReads(store, createMemoryCache(), 'default');
  store.duringRead = () => (store.version = `${store.version}+`);
  await cached.read(question);
  store.duringRead = undefined;
  expect((await cached.read(question)).rows).toEqual([[2]]);
});
