import type { Health } from '#contracts';
import type { GatewayDeps } from './deps.ts';

const answerWithinMs = 5_000;

/** Which stores answer, and what keeps them; each has five seconds. */
export async function storeHealth({ relational, canonical, blobs, engines }: GatewayDeps): Promise<Health['stores']> {
  const checks = { relational, canonical, blobs } as const;
  return Promise.all(
    (Object.keys(checks) as (keyof typeof checks)[]).map(async (store) => ({
      store,
      ok: await answers(() => checks[store].health()),
      ...(engines === undefined ? {} : { engine: engines[store] }),
    })),
  );
}

async function answers(check: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), answerWithinMs);
  });
  try {
    return await Promise.race([check().then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** The parts of the house as they stand now. */
export async function healthOf(deps: GatewayDeps): Promise<Health> {
  const [stores, queues, domains] = await Promise.all([
    storeHealth(deps),
    deps.orchestrator.health().then(
      ({ queues }) => queues,
      () => undefined,
    ),
    // Without the processes that fetch, no breaker of theirs says anything.
    deps.hub.health().catch(() => []),
  ]);
  const upstreams = domains.map(({ domain, breaker, inFlight, failures }) => ({
    domain,
    breaker,
    in_flight: inFlight,
    failures,
  }));
  const ok = queues !== undefined && stores.every((store) => store.ok);
  return { status: ok ? 'ok' : 'degraded', version: deps.version, stores, queues: queues ?? [], upstreams };
}
