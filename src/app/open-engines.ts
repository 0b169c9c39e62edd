import { join } from 'node:path';
import type { Logger } from '#kit';
import {
  createClickHouseStore,
  createExclusion,
  createFileBlobStore,
  createPgliteRelational,
  createPostgresRelational,
  startEmbeddedClickHouse,
  type BlobStore,
  type CanonicalStore,
  type Relational,
} from '#storage';
import type { Config } from './config.ts';
import { patiently } from './patiently.ts';
import { dereference } from './reference.ts';
import { isWhole } from './roles.ts';
import { canonicalPassword } from './service-secret.ts';

type Closers = (() => Promise<void>)[];

/** How long a process waits for the servers and processes that it starts together with. */
export const othersWaitMs = 60_000;

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
export async function openEngines(
  config: Config,
  secret: string | undefined,
  logger: Logger,
  closers: Closers,
): Promise<Engines> {
  // Both take seconds to open the first time, so they open side by side.
  const opening = openRelational(config, logger, closers);
  const alone = config.postgresUrl === undefined ? undefined : exclusionOver(opening.then(({ locks }) => locks));
  const [relational, canonical] = await Promise.allSettled([
    opening,
    openCanonical(config, secret, logger, closers, alone),
  ]);
  if (relational.status === 'rejected') throw relational.reason;
  if (canonical.status === 'rejected') throw canonical.reason;
  return {
    relational: relational.value.relational,
    canonical: canonical.value,
    blobs: createFileBlobStore({ dir: join(config.dataDir, 'blobs') }),
    names: {
      relational: relational.value.relational.engine,
      canonical: config.clickhouseUrl === undefined ? 'chdb' : 'clickhouse',
      blobs: 'files',
    },
  };
}

interface OpenedRelational {
  relational: Relational;
  /**
   * For locks that are held while other work is done, on connections of their own: that work may need the store, and would otherwise wait for a connection that
   * its own lock holds.
   */
  locks: Relational;
}

async function openRelational(config: Config, logger: Logger, closers: Closers): Promise<OpenedRelational> {
  const { dataDir, postgresUrl, postgresConnections } = config;
  if (postgresUrl === undefined) {
    const relational = await createPgliteRelational({ dir: join(dataDir, 'pg'), logger: logger.child('storage') });
    closers.push(() => relational.close());
    return { relational, locks: relational };
  }
  const url = await dereference('CHARTLY_POSTGRES_URL', postgresUrl, process.env);
  const forLocks = Math.ceil(postgresConnections / 5);
  const relational = await openPostgres({
    url,
    connections: postgresConnections - forLocks,
    logger: logger.child('storage'),
    waitMs: isWhole(config.roles) ? 0 : othersWaitMs,
  });
  closers.push(() => relational.close());
  const locks = await createPostgresRelational({ url, connections: forLocks });
  closers.push(() => locks.close());
  return { relational, locks };
}

function exclusionOver(locks: Promise<Relational>): Alone {
  return async (key, work) => createExclusion(await locks)(key, work);
}

type PostgresOptions = Parameters<typeof createPostgresRelational>[0];

async function openPostgres({ waitMs, ...options }: PostgresOptions & { waitMs: number }): Promise<Relational> {
  return patiently(async () => createPostgresRelational(options), waitMs);
}

type Alone = NonNullable<Parameters<typeof createClickHouseStore>[0]['alone']>;
type Endpoint = Omit<Parameters<typeof createClickHouseStore>[0], 'alone'>;

async function openCanonical(
  config: Config,
  secret: string | undefined,
  logger: Logger,
  closers: Closers,
  alone: Alone | undefined,
): Promise<CanonicalStore> {
  const endpoint = await canonicalEndpoint(config, secret, logger, closers);
  const store = createClickHouseStore({ ...endpoint, ...(alone === undefined ? {} : { alone }) });
  closers.push(() => store.close());
  return store;
}

/** A server's; else of the embedded engine, which the process with the role `storage` runs for all. */
async function canonicalEndpoint(
  { clickhouseUrl, roles, dataDir, canonicalPort: port }: Config,
  secret: string | undefined,
  logger: Logger,
  closers: Closers,
): Promise<Endpoint> {
  if (clickhouseUrl !== undefined) {
    const url = new URL(clickhouseUrl);
    return {
      url: url.origin,
      username: decodeURIComponent(url.username) || 'default',
      password: decodeURIComponent(url.password),
    };
  }
  const password = secret === undefined ? undefined : canonicalPassword(secret);
  if (!roles.includes('storage')) {
    return { url: `http://127.0.0.1:${port}`, username: 'chartly', password: password ?? '' };
  }
  const engine = await startEmbeddedClickHouse({
    dir: join(dataDir, 'clickhouse'),
    logger: logger.child('storage'),
    ...(password === undefined ? {} : { shared: { port, password } }),
  });
  closers.push(() => engine.close());
  const { url, username, exclusive } = engine;
  return { url, username, password: engine.password, exclusive };
}
