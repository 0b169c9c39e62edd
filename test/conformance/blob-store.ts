import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#kit';
import type { BlobStore } from '#storage';

const mebi = 1 << 20;

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  // One buffer for all chunks, as a reader of files may do.
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

/** What every blob store must do. `open` gives one that is empty. */
export function blobStoreConformance(name: string, open: () => Promise<BlobStore>): void {
  describe(`blob store conformance: ${name}`, () => {
    it('gives back any content, whole and by any range', async () => {
      const store = await open();
      const content = fc.oneof(
        fc.uint8Array({ maxLength: 3000 }),
        fc
          .record({
            seed: fc.uint8Array({ minLength: 1, maxLength: 40 }),
            size: fc.integer({ min: mebi - 2, max: 3 * mebi }),
          })
          .map(({ seed, size }) => new Uint8Array(Buffer.alloc(size, seed))),
        fc.integer({ min: mebi, max: 2 * mebi + 1 }).map((size) => new Uint8Array(randomBytes(size))),
      );
      await fc.assert(
        fc.asyncProperty(
          content,
          fc.integer({ min: 1, max: 2 * mebi }),
          fc.boolean(),
          fc.nat(),
          fc.nat(),
          async (bytes, size, stream, a, b) => {
            const info = await store.put('raw', stream ? chunked(bytes, size) : bytes);
            const sha256 = sha256Hex(bytes);
            expect(info).toEqual({
              bucket: 'raw',
              sha256,
              size: bytes.length,
              key: `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`,
            });
            expect(await store.stat('raw', sha256)).toEqual(info);
            expect((await store.readAll('raw', sha256)).equals(bytes)).toBe(true);
            const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].toSorted((x, y) => x - y) as [
              number,
              number,
            ];
            expect((await store.readAll('raw', sha256, { start, end })).equals(bytes.subarray(start, end))).toBe(true);
          },
        ),
        { numRuns: 25 },
      );
    });

    it('clips a range to the content', async () => {
      const store = await open();
      const { sha256 } = await store.put('raw', Buffer.from('hello'));
      expect((await store.readAll('raw', sha256, { start: 3, end: 99 })).toString()).toBe('lo');
      expect((await store.readAll('raw', sha256, { start: 9, end: 12 })).length).toBe(0);
    });

    it('keeps buckets apart, and knows what is absent', async () => {
      const store = await open();
      const { sha256 } = await store.put('raw', Buffer.from('x'));
      expect(await store.stat('batches', sha256)).toBeUndefined();
      await expect(store.readAll('batches', sha256)).rejects.toMatchObject({ code: 'not_found' });
      await expect(store.verify('raw', 'f'.repeat(64))).rejects.toMatchObject({ code: 'not_found' });
      await expect(store.readAll('raw', '../../etc/passwd')).rejects.toMatchObject({ code: 'not_found' });
      expect(await store.stat('../raw', sha256)).toBeUndefined();
    });

    it('ends concurrent puts of one content as one blob', async () => {
      const store = await open();
      const bytes = Buffer.alloc(2 * mebi + 5, 'same');
      const infos = await Promise.all(Array.from({ length: 6 }, () => store.put('raw', chunked(bytes, 70_000))));
      expect(new Set(infos.map((info) => JSON.stringify(info))).size).toBe(1);
      expect(await store.verify('raw', infos[0]!.sha256)).toBe(true);
    });

    it('refuses what is over its cap and keeps nothing of it', async () => {
      const store = await open();
      const bytes = randomBytes(3 * mebi);
      for (const body of [bytes, chunked(bytes, 100_000)]) {
        await expect(store.put('raw', body, { maxBytes: bytes.length - 1 })).rejects.toMatchObject({
          code: 'upstream_too_large',
        });
      }
      expect(await store.stat('raw', sha256Hex(bytes))).toBeUndefined();
      expect((await store.put('raw', chunked(bytes, 100_000), { maxBytes: bytes.length })).size).toBe(bytes.length);
    });

    it('rethrows what the body throws, and stops at an abort', async () => {
      const store = await open();
      const failure = new Error('upstream went away');
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield randomBytes(2 * mebi);
        throw failure;
      }
      await expect(store.put('raw', failing())).rejects.toBe(failure);
      const reason = new Error('cancelled');
      await expect(store.put('raw', Buffer.from('y'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(await store.stat('raw', sha256Hex('y'))).toBeUndefined();
    });

    it('removes what nobody has put since', async () => {
      const store = await open();
      const longAgo = Date.now() - 60_000;
      const { sha256 } = await store.put('raw', Buffer.from('old'));
      expect(await store.delete('raw', sha256, { unlessPutSince: longAgo })).toBe(false);
      expect((await store.readAll('raw', sha256)).toString()).toBe('old');
      const later = Date.now() + 60_000;
      expect(await store.delete('raw', sha256, { unlessPutSince: later })).toBe(true);
      expect(await store.delete('raw', sha256, { unlessPutSince: later })).toBe(true);
      expect(await store.delete('raw', '../x', { unlessPutSince: later })).toBe(true);
      expect(await store.stat('raw', sha256)).toBeUndefined();
      await expect(store.readAll('raw', sha256)).rejects.toMatchObject({ code: 'not_found' });
      await store.put('raw', Buffer.from('old'));
      expect(await store.verify('raw', sha256)).toBe(true);
    });

    it.for([20, 2 * mebi + 5])('counts a put of %i bytes that are there already as put now', async (size) => {
      const store = await open();
      const bytes = Buffer.alloc(size, 'again');
      const { sha256 } = await store.put('raw', bytes);
      await sleep(20);
      const between = Date.now();
      await sleep(20);
      await store.put('raw', chunked(bytes, 7000));
      expect(await store.delete('raw', sha256, { unlessPutSince: between })).toBe(false);
      expect(await store.verify('raw', sha256)).toBe(true);
    });

    it('never takes away what a put has resolved with', async () => {
      const store = await open();
      for (let round = 0; round < 30; round++) {
        const bytes = Buffer.from(`contested ${round}`);
        const sha256 = sha256Hex(bytes);
        await store.put('raw', bytes);
        await sleep(2);
        const cutoff = Date.now();
        // Whichever comes first: a put that begins now counts from now on.
        const removal = store.delete('raw', sha256, { unlessPutSince: cutoff });
        const put = store.put('raw', bytes);
        await Promise.all([removal, put]);
        expect(await store.verify('raw', sha256)).toBe(true);
      }
    });

    it('lets a reader stop early', async () => {
      const store = await open();
      const { sha256 } = await store.put('raw', Buffer.alloc(5 * mebi, 'z'));
      for await (const part of store.read('raw', sha256)) {
        expect(part.length).toBeGreaterThan(0);
        break;
      }
      await expect(store.health()).resolves.toBeUndefined();
    });
  });
}
