import { compose, type System } from './compose.ts';
import type { Config } from './config.ts';
import { ensureLocalKey } from './local-key.ts';

export interface Serving {
  system: System;
  url: string;
  /** The local administrator's key. */
  apiKey: string;
  stop(graceMs?: number): Promise<void>;
}

/**
 * Composes the system, starts its workers and listens. When this resolves, requests are answered and jobs left by an
 * earlier process go on. Errors: as `compose`, and `port_in_use`.
 */
export async function serve(config: Config): Promise<Serving> {
  const system = await compose(config);
  try {
    // Bound before any work starts: a taken port must not leave half-done jobs behind.
    const url = await system.gateway.listen({ host: config.host, port: config.port });
    await system.orchestrator.start();
    const apiKey = await ensureLocalKey(system.auth, config.dataDir);
    system.publish(url);
    return { system, url, apiKey, stop: (graceMs) => system.stop(graceMs) };
  } catch (error) {
    await system.stop(0);
    throw error;
  }
}
