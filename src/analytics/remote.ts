import type { Handle, RpcClient } from '#kit';
import { checkReport } from './check-report.ts';
import type { Analytics } from './index.ts';
import { analyticsMethods } from './routes.ts';

/** Analytics in other processes. Errors of every method, beside its own: `service_unavailable`. */
export function createRemoteAnalytics(client: RpcClient, forks: Handle): Analytics {
  return { ...client.methods(analyticsMethods, [forks]), checkReport };
}
