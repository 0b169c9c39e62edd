import type { Observer, ObserverOptions } from './index.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';

/** Logs go to `destination` (default stderr, written before the call returns, so that a crash loses none). */
export function createObserver(options: ObserverOptions): Observer {
  const { metrics, registry } = createMetrics();
  return {
    logger: createLogger(options),
    metrics,
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
