import { check, longMs, rpcService, type Handle, type MethodTable, type RpcService } from '#kit';
import type { Analytics } from './index.ts';

const { text, whole, object, optional } = check;

/** `checkReport` needs nothing but its argument: it runs where it is asked. */
type AnalyticsCalls = Omit<Analytics, 'checkReport'>;

const minuteMs = 60_000;

/** How analytics is called from other processes. */
export const analyticsMethods: MethodTable<AnalyticsCalls> = {
  query: { args: [text, check.contract('reports/query')], repeatable: true, timeoutMs: 2 * minuteMs },
  render: {
    args: [text, check.contract('reports/report'), check.members({ format: text, section: optional(text) })],
    repeatable: true,
    timeoutMs: 10 * minuteMs,
  },
  compare: {
    args: [
      check.members({
        tenantId: text,
        sourceId: text,
        reports: check.list(check.contract('reports/report')),
        before: optional(object),
        after: object,
        cells: whole,
      }),
    ],
    repeatable: false,
    timeoutMs: longMs,
  },
};

/** Serves the analytics of this process to others. `forks`: how forks of the canonical store cross. */
export const analyticsRoutes = (analytics: Analytics, forks: Handle): RpcService =>
  rpcService<AnalyticsCalls>('analytics', analyticsMethods, analytics, [forks]);
