/** The services that live in other processes, and what this process serves to others. */
import {
  ChartlyError,
  createRpcClient,
  createRpcServer,
  type Logger,
  type Probes,
  type RpcClient,
  type RpcServer,
  type RpcService,
} from '#kit';
import type { Config } from './config.ts';
import { calledElsewhere, urlVariable, type Role } from './roles.ts';

const answerWithinMs = 5_000;

export interface Remotes {
  /** A client of a service in other processes. */
  client(role: Role): RpcClient;
  /** Serves to others; undefined when this process has no secret to share. */
  server(services: readonly RpcService[], probes: Probes): RpcServer | undefined;
  /** What this process calls elsewhere, and whether it answers. */
  health(): Promise<{ dependency: string; ok: boolean }[]>;
}

/** Errors: `config_invalid` when a service that is called is not here and nothing says where it is. */
export function createRemotes(config: Config, secret: string | undefined, logger: Logger): Remotes {
  const called = calledElsewhere(config.roles);
  const lost = called.filter((role) => config.serviceUrls[role] === undefined);
  if (lost.length > 0) {
    throw new ChartlyError('config_invalid', `Nothing says where ${lost.join(', ')} can be called.`, {
      action: `Set ${lost.map(urlVariable).join(', ')} to the internal URLs of processes with these roles, or run them here.`,
    });
  }
  const clients = new Map<Role, RpcClient>();
  const client = (role: Role): RpcClient => {
    let known = clients.get(role);
    if (known === undefined) {
      known = createRpcClient({ service: role, urls: config.serviceUrls[role] ?? [], secret: secret ?? '' });
      clients.set(role, known);
    }
    return known;
  };
  return {
    client,
    server: (services, probes) =>
      secret === undefined
        ? undefined
        : createRpcServer({ secret, services, logger: logger.child('internal'), probes }),
    health: async () =>
      Promise.all(called.map(async (role) => ({ dependency: role, ok: await answers(() => client(role).health()) }))),
  };
}

/** Whether something answers in good time. */
export async function answers(ask: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), answerWithinMs);
  });
  try {
    return await Promise.race([ask().then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
