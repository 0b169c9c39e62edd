import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '#kit';
import { createFileBlobStore } from './file.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-blob-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

const mebi = 1 << 20;

async function flip(path: string, position: number, mask: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0]! ^= mask;
  await file.write(byte, 0, 1, position);
  await file.close();
}

describe('the stored form', () => {
  it('is a zstd file that any tool can read', async () => {
    const dir = join(root, 'plain');
    const bytes = Buffer.from(JSON.stringify(Array.from({ length: 60_000 }, (_, i) => ({ i, name: `row ${i}` }))));
    const { key } = await createFileBlobStore({ dir }).put('raw', bytes);
    const stored = await readFile(join(dir, 'raw', `${key}.zst`));
    expect(stored.length).toBeLessThan(bytes.length / 3);
    expect(zstdDecompressSync(stored).equals(bytes)).toBe(true);
  });

  it('tells of a flipped bit wherever it is', async () => {
    const dir = join(root, 'flipped');
    const store = createFileBlobStore({ dir });
    const contents = [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(mebi * 2 + 7, 'abc '), randomBytes(mebi + 1)];
    const blobs = await Promise.all(contents.map(async (content) => store.put('raw', content)));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...blobs),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.boolean(),
        fc.nat(7),
        async (blob, where, inTail, bit) => {
          const path = join(dir, 'raw', `${blob.key}.zst`);
          const { size } = await stat(path);
          const position = inTail ? size - 1 - Math.floor(where * Math.min(size, 110)) : Math.floor(where * size);
          await flip(path, position, 1 << bit);
          try {
            expect(await store.verify('raw', blob.sha256)).toBe(false);
          } finally {
            await flip(path, position, 1 << bit);
          }
          expect(await store.verify('raw', blob.sha256)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('tells of a file that was cut, and names the blob when it is read', async () => {
    const dir = join(root, 'cut');
    const store = createFileBlobStore({ dir });
    const { key, sha256 } = await store.put('raw', randomBytes(mebi * 2));
    const path = join(dir, 'raw', `${key}.zst`);
    const whole = await readFile(path);
    for (const length of [0, 5, 1000, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      expect(await store.verify('raw', sha256)).toBe(false);
      const error = await store.readAll('raw', sha256).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'blob_corrupt' });
      expect((error as Error).message).toContain(`raw/${sha256}`);
    }
    await flip(path, 0, 1).catch(() => {});
    await writeFile(path, whole);
    await flip(path, 2000, 4);
    await expect(store.readAll('raw', sha256, { start: 10, end: 20 })).rejects.toMatchObject({ code: 'blob_corrupt' });
    expect((await store.readAll('raw', sha256, { start: mebi, end: mebi + 20 })).length).toBe(20);
  });
});

describe('writing', () => {
  it('does not write again what is stored, and leaves no temporary files', async () => {
    const dir = join(root, 'again');
    const store = createFileBlobStore({ dir });
    const bytes = randomBytes(3 * mebi);
    const { key } = await store.put('raw', bytes);
    const before = await stat(join(dir, 'raw', `${key}.zst`));
    await store.put('raw', bytes);
    const after = await stat(join(dir, 'raw', `${key}.zst`));
    expect([after.ino, after.size]).toEqual([before.ino, before.size]);
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  });

  it('removes what dead processes left unfinished, and nothing of those that live', async () => {
    const dir = join(root, 'stale');
    const machine = sha256Hex(hostname()).slice(0, 8);
    const write = async (name: string, ageMs = 0): Promise<void> => {
      const at = new Date(Date.now() - ageMs);
      await writeFile(join(dir, 'tmp', name), 'half');
      await utimes(join(dir, 'tmp', name), at, at);
    };
    await mkdir(join(dir, 'tmp'), { recursive: true });
    await write(`${machine}.${spawnSync('true').pid}.a-1`);
    await write(`${machine}.${process.pid}.b-1`);
    await write(`${machine}.${process.ppid}.c-1`);
    await write('another.1.d-1');
    await write('another.1.e-1', 25 * 3_600_000);
    await createFileBlobStore({ dir }).put('raw', Buffer.from('new'));
    expect((await readdir(join(dir, 'tmp'))).sort()).toEqual(
      [`${machine}.${process.ppid}.c-1`, 'another.1.d-1'].sort(),
    );
  });

  it('says when the place cannot be written', async () => {
    await writeFile(join(root, 'a-file'), '');
    const store = createFileBlobStore({ dir: join(root, 'a-file') });
    await expect(store.put('raw', Buffer.from('x'))).rejects.toMatchObject({
      code: 'storage_unavailable',
      retryable: true,
    });
    await expect(store.health()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

/** Stores blobs of random sizes for ever, and prints each digest only once its put has resolved. */
const writer = `
import { randomBytes, randomInt } from 'node:crypto';
import { createFileBlobStore } from ${JSON.stringify(new URL('./file.ts', import.meta.url).href)};
const store = createFileBlobStore({ dir: process.argv[1] });
async function work() {
  for (;;) process.stdout.write((await store.put('raw', randomBytes(randomInt(3_000_000)))).sha256 + '\\n');
}
await Promise.all([work(), work()]);`;

it('loses nothing that it acknowledged when its process is killed', async () => {
  const dir = join(root, 'killed');
  const acknowledged: string[] = [];
  for (const count of [3, 17, 30]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.length === 64) acknowledged.push(line);
      if (++seen === count) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  const store = createFileBlobStore({ dir });
  const verified = await Promise.all(acknowledged.map(async (sha256) => store.verify('raw', sha256)));
  expect(verified.length).toBeGreaterThanOrEqual(50);
  expect(verified.every(Boolean)).toBe(true);
  const files = (await readdir(join(dir, 'raw'), { recursive: true })).filter((name) => name.endsWith('.zst'));
  const all = await Promise.all(files.map(async (name) => store.verify('raw', name.slice(-68, -4))));
  expect(all.every(Boolean)).toBe(true);
});
