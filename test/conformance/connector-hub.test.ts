import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll } from 'vitest';
import { createConnectorHub, createRemoteHub, hubRoutes, type ConnectorHub } from '#connector-hub';
import { silentLogger, systemClock } from '#kit';
import { createObserver } from '#observer';
import { createFileBlobStore, type BlobStore } from '#storage';
import { connectorHubConformance } from './connector-hub.ts';
import { overHttp } from './over-http.ts';

const closers: (() => Promise<void>)[] = [];
afterAll(async () => Promise.all(closers.map(async (close) => close())));

async function open(options: { workspaceDir: string; env: Record<string, string> }) {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-hub-'));
  closers.push(async () => rm(dir, { recursive: true }));
  const blobs: BlobStore = createFileBlobStore({ dir: join(dir, 'blobs') });
  const { metrics } = createObserver({ env: 'test', level: 'silent' });
  const hub: ConnectorHub = createConnectorHub({
    blobs,
    logger: silentLogger,
    metrics,
    clock: systemClock,
    ...options,
  });
  return { hub, blobs };
}

connectorHubConformance('in process', open);

connectorHubConformance('remote', async (options) => {
  const { hub, blobs } = await open(options);
  const served = await overHttp(hubRoutes(hub));
  closers.push(async () => served.close());
  return { hub: createRemoteHub(served.client), blobs };
});
