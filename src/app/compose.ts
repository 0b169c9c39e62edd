// The one place that picks implementations and wires rooms.
import { createAnalytics, type Analytics } from '#analytics';
import { createAudit, type Audit } from '#audit';
import { createAuth, type Auth } from '#auth';
import { createConnectorHub, type ConnectorHub } from '#connector-hub';
import { createGateway, type Gateway } from '#gateway';
import { systemClock, type Logger } from '#kit';
import { createNormalizer, type Normalizer } from '#normalizer';
import { createObserver, type Observer } from '#observer';
import { createOrchestrator, type Orchestrator } from '#orchestrator';
import {
  createKeyStore,
  createMemoryCache,
  lockDataDirectory,
  type BlobStore,
  type CanonicalStore,
  type Relational,
} from '#storage';
import type { Config } from './config.ts';
import { createMasterKey } from './master-key.ts';
import { setMemoryFlags } from './memory-flags.ts';
import { openEngines } from './open-engines.ts';
import { version } from './version.ts';

/** All services of one process, wired. */
export interface System {
  config: Config;
  logger: Logger;
  observer: Observer;
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
  audit: Audit;
  auth: Auth;
  hub: ConnectorHub;
  normalizer: Normalizer;
  analytics: Analytics;
  orchestrator: Orchestrator;
  gateway: Gateway;
  /** Announces where this process serves, for commands that share its data directory. */
  publish(url: string): void;
  /** Ends everything in the reverse order of its start; running jobs get `graceMs`, then are repeated later. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Opens the engines and wires every service; nothing listens and no job runs yet. On failure, what was opened is closed again.
 * Errors: `data_dir_locked`, `disk_full`, `storage_unavailable`, `config_invalid`.
 */
export async function compose(config: Config): Promise<System> {
  setMemoryFlags();
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const clock = systemClock;
    const observer = createObserver({ env: config.env, level: config.logLevel });
    const { logger, metrics } = observer;

    const lock = await lockDataDirectory(config.dataDir);
    closers.push(() => lock.release());
    const { relational, canonical, blobs, names } = await openEngines(config, logger, closers);
    await Promise.all([relational.migrate(), canonical.migrate()]);

    const audit = createAudit({ relational, blobs, canonical, clock, logger: logger.child('audit') });
    const keys = createKeyStore({ relational, masterKey: createMasterKey(process.env, config.dataDir) });
    const auth = createAuth({ relational, audit, clock });
    const hub = createConnectorHub({
      blobs,
      logger: logger.child('connector-hub'),
      metrics,
      clock,
      workspaceDir: config.workspaceDir,
      env: process.env,
    });
    const normalizer = createNormalizer({
      relational,
      blobs,
      canonical,
      audit,
      keys,
      logger: logger.child('normalizer'),
      clock,
      threads: config.mappingThreads,
    });
    closers.push(() => normalizer.close());
    const cache = createMemoryCache();
    const analytics = createAnalytics({
      relational,
      blobs,
      canonical,
      cache,
      audit,
      logger: logger.child('analytics'),
      clock,
    });
    const orchestrator = createOrchestrator({
      relational,
      blobs,
      hub,
      normalizer,
      analytics,
      audit,
      logger: logger.child('orchestrator'),
      metrics,
      clock,
    });
    const gateway = createGateway({
      auth,
      orchestrator,
      normalizer,
      analytics,
      audit,
      hub,
      observer,
      blobs,
      canonical,
      relational,
      engines: names,
      logger: logger.child('gateway'),
      clock,
      version,
    });
    return {
      config,
      logger,
      observer,
      relational,
      blobs,
      canonical,
      audit,
      auth,
      hub,
      normalizer,
      analytics,
      orchestrator,
      gateway,
      publish: (url) => lock.publish({ pid: process.pid, url }),
      stop: async (graceMs) => {
        await gateway.close();
        await orchestrator.stop(graceMs);
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
