import type { Dispatcher } from 'undici';
import { ChartlyError, type Clock, type Logger } from '#kit';
import type { Metrics } from '#observer';
import type { BlobStore } from '#storage';
import { createAdmission } from './admission.ts';
import type { BreakerState } from './breaker.ts';
import type { Connector } from './connector.ts';
import { createGuardedAgent } from './egress.ts';
import { createFileConnector } from './file-connector.ts';
import { createHttpCaller } from './http-call.ts';
import { createHttpConnector } from './http-connector.ts';
import type { ConnectorHub } from './index.ts';

export interface ConnectorHubDeps {
  blobs: BlobStore;
  logger: Logger;
  metrics: Metrics;
  clock: Clock;
  /** Where file sources and relative `${file:PATH}` references start. */
  workspaceDir: string;
  /** For `${env:NAME}`. */
  env: Record<string, string | undefined>;
  /** Requests a second to one domain over all sources (default 50), and how many of them at once (default 10). */
  domainRate?: number;
  domainBurst?: number;
  /** For limits and breakers; see AdmissionOptions. */
  monotonicMs?: () => number;
}

const stateNumber: Record<BreakerState, 0 | 1 | 2> = { closed: 0, half_open: 1, open: 2 };

/** The hub of this process: breakers, rates and concurrency are kept in its memory. */
export function createConnectorHub(deps: ConnectorHubDeps): ConnectorHub {
  const { blobs, logger, metrics, clock, workspaceDir, env, domainRate, domainBurst, monotonicMs } = deps;
  const admission = createAdmission({
    monotonicMs,
    domainRate,
    domainBurst,
    onBreaker(domain, state) {
      metrics.breakerState({ domain }, stateNumber[state]);
      if (state === 'open') logger.warn('breaker opened', { domain });
      else logger.info('breaker changed', { domain, state });
    },
  });
  const caller = createHttpCaller({ admission, metrics, clock });
  const secrets = { env, dir: workspaceDir };
  const connectors: Connector[] = [
    createHttpConnector({ blobs, logger, clock, caller, dispatcher: createDispatchers(), secrets }),
    createFileConnector({ blobs, clock, workspaceDir }),
  ];
  return {
    fetch(task) {
      const connector = connectors.find(({ name }) => name === task.source.connector);
      if (connector !== undefined) return connector.fetch(task);
      throw new ChartlyError('validation_failed', `There is no connector ${task.source.connector}.`);
    },
    connectors: async () => connectors.map(({ name, title, description }) => ({ name, title, description })),
    health: async () => admission.domains(),
  };
}

/** Connections that were made to private addresses are never lent to sources that may not go there: one pool for each. */
function createDispatchers(): (allowPrivate: boolean) => Dispatcher {
  const agents = new Map<boolean, Dispatcher>();
  return (allowPrivate) => {
    let agent = agents.get(allowPrivate);
    if (agent === undefined) agents.set(allowPrivate, (agent = createGuardedAgent(allowPrivate)));
    return agent;
  };
}
