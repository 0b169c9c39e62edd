import type { Probes } from '#kit';
import type { Observer } from '#observer';
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import { allMetrics } from './all-metrics.ts';
import type { Config } from './config.ts';
import { answers, type Remotes } from './remotes.ts';
import { everyRole } from './roles.ts';

export interface ProbeDeps {
  config: Config;
  observer: Observer;
  remotes: Remotes;
  stores: { relational: Relational; canonical: CanonicalStore; blobs: BlobStore };
}

/** What the internal listener of a process says of it: the stores and services that it needs, and its metrics; an observer's are those of all. */
export function probesOf({ config, observer, remotes, stores }: ProbeDeps): Probes {
  // Not its own: it would ask itself for ever.
  const others = [
    ...new Set(everyRole.flatMap((role) => (role === 'observer' ? [] : (config.serviceUrls[role] ?? [])))),
  ];
  return {
    async dependencies() {
      const [own, called] = await Promise.all([
        Promise.all(
          Object.entries(stores).map(async ([dependency, store]) => ({
            dependency,
            ok: await answers(() => store.health()),
          })),
        ),
        remotes.health(),
      ]);
      return [...own, ...called];
    },
    async metrics() {
      const own = await observer.exposition();
      return config.roles.includes('observer') ? allMetrics(own, others) : own;
    },
  };
}
