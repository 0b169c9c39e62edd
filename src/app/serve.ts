import { ChartlyError } from '#kit';
import { compose, type System } from './compose.ts';
import type { Config } from './config.ts';
import { ensureLocalKey } from './local-key.ts';
import { othersWaitMs } from './open-engines.ts';
import { patiently } from './patiently.ts';
import { isWhole } from './roles.ts';

export interface ServingRoles {
  system: System;
  /** Of the gateway, when this process runs it. */
  url: string | undefined;
  /** Where other processes call this one. */
  internalUrl: string | undefined;
  /** The local administrator's key; undefined without the gateway. */
  apiKey: string | undefined;
  stop(graceMs?: number): Promise<void>;
}

export interface Serving extends ServingRoles {
  url: string;
  apiKey: string;
}

/**
 * Composes the system, starts its workers and listens. When this resolves, requests are answered and jobs left by an
 * earlier process go on. Errors: as `compose`, and `port_in_use`.
 */
export async function serve(config: Config): Promise<Serving> {
  const serving = await serveRoles(config);
  const { url, apiKey } = serving;
  if (url !== undefined && apiKey !== undefined) return { ...serving, url, apiKey };
  await serving.stop(0);
  throw new ChartlyError('config_invalid', 'This process runs no gateway.');
}

/** As `serve`, for the services of the roles that this process has. */
export async function serveRoles(config: Config): Promise<ServingRoles> {
  const system = await compose(config);
  const { gateway, internal, workers, auth } = system;
  try {
    // Bound before any work starts: a taken port must not leave half-done jobs behind.
    const isGateway = config.roles.includes('gateway');
    const url = isGateway ? await gateway.listen({ host: config.host, port: config.port }) : undefined;
    const internalUrl = await internal?.listen({ host: config.internalHost, port: config.internalPort });
    await workers?.start();
    const waitMs = isWhole(config.roles) ? 0 : othersWaitMs;
    const apiKey = isGateway ? await patiently(() => ensureLocalKey(auth, config.dataDir), waitMs) : undefined;
    if (url !== undefined) system.publish(url);
    return { system, url, internalUrl, apiKey, stop: (graceMs) => system.stop(graceMs) };
  } catch (error) {
    await system.stop(0);
    throw error;
  }
}
