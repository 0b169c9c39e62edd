// The one place that picks implementations and wires rooms.
import { analyticsRoutes, createAnalytics, createRemoteAnalytics, type Analytics } from '#analytics';
import { auditRoutes, createAudit, createRemoteAudit, type Audit } from '#audit';
import { authRoutes, createAuth, createRemoteAuth, type Auth } from '#auth';
import { createConnectorHub, createRemoteHub, hubRoutes, type ConnectorHub } from '#connector-hub';
import { createGateway, type Gateway } from '#gateway';
import { systemClock, type Logger, type RpcServer, type RpcService } from '#kit';
import { createNormalizer, createRemoteNormalizer, normalizerRoutes, type Normalizer } from '#normalizer';
import { createObserver, type Observer } from '#observer';
import { createOrchestrator, createRemoteOrchestrator, orchestratorRoutes, type Orchestrator } from '#orchestrator';
import {
  createKeyStore,
  createMemoryCache,
  forkHandle,
  lockDataDirectory,
  type BlobStore,
  type CanonicalStore,
  type Relational,
} from '#storage';
import type { Config } from './config.ts';
import { createMasterKey } from './master-key.ts';
import { patiently } from './patiently.ts';
import { probesOf } from './probes.ts';
import { createRemotes } from './remotes.ts';
import { isWhole, type Role } from './roles.ts';
import { readServiceSecret } from './service-secret.ts';
import { setMemoryFlags } from './memory-flags.ts';
import { openEngines, othersWaitMs } from './open-engines.ts';
import { version } from './version.ts';

const defaultGraceMs = 10_000;

/** All services, as one process sees them: those of its roles are in it, the others are clients of other processes. */
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
  /** Where other processes call the services of this one; undefined when there is no secret to share with them. */
  internal: RpcServer | undefined;
  /** What takes this process's jobs from the queue; undefined when it runs none. */
  workers: Pick<Orchestrator, 'start'> | undefined;
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

    const secret = await readServiceSecret(process.env, config);
    const remotes = createRemotes(config, secret, logger);
    const here = (role: Role): boolean => config.roles.includes(role);
    // Whoever runs no engine there shares the directory with the process that does.
    const lock = here('storage') ? await lockDataDirectory(config.dataDir) : undefined;
    if (lock !== undefined) closers.push(() => lock.release());
    const { relational, canonical, blobs, names } = await openEngines(config, secret, logger, closers);
    const waitMs = isWhole(config.roles) ? 0 : othersWaitMs;
    await Promise.all([relational.migrate(), patiently(() => canonical.migrate(), waitMs)]);

    const forks = forkHandle(canonical);
    const audit = here('audit')
      ? createAudit({ relational, blobs, canonical, clock, logger: logger.child('audit') })
      : createRemoteAudit(remotes.client('audit'), { clock });
    const keys = createKeyStore({ relational, masterKey: createMasterKey(process.env, config.dataDir) });
    const auth = here('auth') ? createAuth({ relational, audit, clock }) : createRemoteAuth(remotes.client('auth'));
    const hub = here('connector-hub')
      ? createConnectorHub({
          blobs,
          logger: logger.child('connector-hub'),
          metrics,
          clock,
          workspaceDir: config.workspaceDir,
          env: process.env,
        })
      : createRemoteHub(remotes.client('connector-hub'));
    const normalizer = here('normalizer')
      ? createNormalizer({
          relational,
          blobs,
          canonical,
          audit,
          keys,
          logger: logger.child('normalizer'),
          clock,
          threads: config.mappingThreads,
        })
      : createRemoteNormalizer(remotes.client('normalizer'), forks);
    closers.push(() => normalizer.close());
    const cache = createMemoryCache();
    const analytics = here('analytics')
      ? createAnalytics({ relational, blobs, canonical, cache, audit, logger: logger.child('analytics'), clock })
      : createRemoteAnalytics(remotes.client('analytics'), forks);
    // Jobs are run where their service is: each of these processes takes its own from the queue.
    const engine = createOrchestrator({
      relational,
      blobs,
      hub,
      normalizer,
      analytics,
      audit,
      logger: logger.child('orchestrator'),
      metrics,
      clock,
      roles: (['orchestrator', 'connector-hub', 'normalizer'] as const).filter(here),
    });
    const orchestrator = here('orchestrator') ? engine : createRemoteOrchestrator(remotes.client('orchestrator'));
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
    const services: Partial<Record<Role, RpcService>> = {
      auth: authRoutes(auth),
      audit: auditRoutes(audit),
      'connector-hub': hubRoutes(hub),
      normalizer: normalizerRoutes(normalizer, forks),
      analytics: analyticsRoutes(analytics, forks),
      orchestrator: orchestratorRoutes(orchestrator),
    };
    const internal = remotes.server(
      config.roles.flatMap((role) => services[role] ?? []),
      probesOf({ config, observer, remotes, stores: { relational, canonical, blobs } }),
    );
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
      internal,
      workers: here('orchestrator') || here('connector-hub') || here('normalizer') ? engine : undefined,
      publish: (url) => lock?.publish({ pid: process.pid, url }),
      stop: async (graceMs = defaultGraceMs) => {
        // Nothing new is taken on any side from here on; what is under way may still need the other sides.
        await Promise.all([gateway.close(), engine.stop(graceMs), internal?.close(graceMs)]);
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
