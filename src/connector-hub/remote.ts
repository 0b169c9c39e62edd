import { ChartlyError, type RpcClient } from '#kit';
import type { ConnectorHub, DomainHealth } from './index.ts';
import { hubMethods } from './routes.ts';

/** The hub of other processes. Errors of every method, beside those of the hub: `service_unavailable`. */
export function createRemoteHub(client: RpcClient): ConnectorHub {
  return {
    ...client.methods(hubMethods),
    async health() {
      const answers = await client.everywhere<DomainHealth[]>('health', hubMethods.health);
      if (answers.length === 0) {
        throw new ChartlyError('service_unavailable', 'No connector-hub answers.', { retryable: true });
      }
      return merge(answers.flat());
    },
  };
}

const levels: readonly DomainHealth['breaker'][] = ['closed', 'half_open', 'open'];

/** Of each domain: all calls under way, and the worst that a process has met. */
function merge(all: readonly DomainHealth[]): DomainHealth[] {
  const domains = new Map<string, DomainHealth>();
  for (const one of all) {
    const known = domains.get(one.domain);
    domains.set(
      one.domain,
      known === undefined
        ? one
        : {
            domain: one.domain,
            breaker: levels.indexOf(one.breaker) > levels.indexOf(known.breaker) ? one.breaker : known.breaker,
            inFlight: known.inFlight + one.inFlight,
            failures: Math.max(known.failures, one.failures),
          },
    );
  }
  return [...domains.values()];
}
