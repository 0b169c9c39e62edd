import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createFileBlobStore } from '#storage';
import { blobStoreConformance } from './blob-store.ts';

const made: string[] = [];
afterAll(async () => Promise.all(made.map(async (dir) => rm(dir, { recursive: true }))));

blobStoreConformance('files', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-blobs-'));
  made.push(dir);
  return createFileBlobStore({ dir });
});
