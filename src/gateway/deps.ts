import type { Analytics } from '#analytics';
import type { Audit } from '#audit';
import type { Auth } from '#auth';
import type { ConnectorHub } from '#connector-hub';
import type { Clock, Logger } from '#kit';
import type { Normalizer } from '#normalizer';
import type { Observer } from '#observer';
import type { Orchestrator } from '#orchestrator';
import type { BlobStore, CanonicalStore, Relational } from '#storage';

export interface GatewayDeps {
  auth: Auth;
  orchestrator: Orchestrator;
  normalizer: Normalizer;
  analytics: Analytics;
  audit: Audit;
  hub: ConnectorHub;
  observer: Observer;
  blobs: BlobStore;
  canonical: CanonicalStore;
  relational: Relational;
  /** What keeps each store, for health. */
  engines?: { relational: string; canonical: string; blobs: string };
  logger: Logger;
  clock: Clock;
  version: string;
  /** Requests of one API key (default 200 a second, 400 at once). */
  rateLimit?: { perSecond: number; burst: number };
}
