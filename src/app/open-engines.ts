import { join } from 'node:path';
import type { Logger } from '#kit';
import {
  createClickHouseStore,
  createFileBlobStore,
  createPgliteRelational,
  createPostgresRelational,
  startEmbeddedClickHouse,
  type BlobStore,
  type CanonicalStore,
  type Relational,
} from '#storage';
import type { Config } from './config.ts';
import { dereference } from './reference.ts';

type Closers = (() => Promise<void>)[];

export interface Engines {
  relational: Relational;
  canonical: CanonicalStore;
  blobs: BlobStore;
  /** What each is kept by, for health. */
  names: { relational: string; canonical: string; blobs: string };
}

/**
 * Opens the engines that the configuration asks for, the embedded ones in the data directory. What was opened is closed by `closers`, also when this
 * throws. Errors: `config_invalid`, `secret_missing`, `disk_full`, `storage_unavailable`.
 */
export async function openEngines(config: Config, logger: Logger, closers: Closers): Promise<Engines> {
  // Both take seconds to open the first time, so they open side by side.
  const [relational, canonical] = await Promise.allSettled([
    openRelational(config, logger, closers),
    openCanonical(config, logger, closers),
  ]);
  if (relational.status === 'rejected') throw relational.reason;
  if (canonical.status === 'rejected') throw canonical.reason;
  return {
    relational: relational.value,
    canonical: canonical.value,
    blobs: createFileBlobStore({ dir: join(config.dataDir, 'blobs') }),
    names: {
      relational: relational.value.engine,
      canonical: config.clickhouseUrl === undefined ? 'chdb' : 'clickhouse',
      blobs: 'files',
    },
  };
}

async function openRelational(config: Config, logger: Logger, closers: Closers): Promise<Relational> {
  const { dataDir, postgresUrl, postgresConnections } = config;
  const relational =
    postgresUrl === undefined
      ? await createPgliteRelational({ dir: join(dataDir, 'pg'), logger: logger.child('storage') })
      : await createPostgresRelational({
          url: await dereference('CHARTLY_POSTGRES_URL', postgresUrl, process.env),
          connections: postgresConnections,
          logger: logger.child('storage'),
        });
  closers.push(() => relational.close());
  return relational;
}

async function openCanonical(config: Config, logger: Logger, closers: Closers): Promise<CanonicalStore> {
  let endpoint: Parameters<typeof createClickHouseStore>[0];
  if (config.clickhouseUrl === undefined) {
    const dir = join(config.dataDir, 'clickhouse');
    const engine = await startEmbeddedClickHouse({ dir, logger: logger.child('storage') });
    closers.push(() => engine.close());
    endpoint = engine;
  } else {
    const url = new URL(config.clickhouseUrl);
    endpoint = {
      url: url.origin,
      username: decodeURIComponent(url.username) || 'default',
      password: decodeURIComponent(url.password),
    };
  }
  const store = createClickHouseStore(endpoint);
  closers.push(() => store.close());
  return store;
}
