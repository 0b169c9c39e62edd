import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll } from 'vitest';
import { createConnectorHub } from '#connector-hub';
import { silentLogger, systemClock } from '#kit';
import { createObserver } from '#observer';
import { createFileBlobStore } from '#storage';
import { connectorHubConformance } from './connector-hub.ts';

const made: string[] = [];
afterAll(async () => Promise.all(made.map(async (dir) => rm(dir, { recursive: true }))));

connectorHubConformance('in process', async (options) => {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-hub-'));
  made.push(dir);
  const blobs = createFileBlobStore({ dir: join(dir, 'blobs') });
  const { metrics } = createObserver({ env: 'test', level: 'silent' });
  return { hub: createConnectorHub({ blobs, logger: silentLogger, metrics, clock: systemClock, ...options }), blobs };
});
