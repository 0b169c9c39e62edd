/** Calls a service in other processes: who can be called again is, elsewhere when there is an elsewhere, until the time is up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChartlyError } from './errors.ts';
import { decodeValue, encodeValue, type Handle } from './rpc-codec.ts';
import { callOnce, givenUp, Unanswered, type Exchange } from './rpc-exchange.ts';
import type { MethodRule, MethodTable } from './rpc-methods.ts';
import { createPeers, type Peer } from './rpc-peers.ts';

export interface RpcClientDeps {
  /** The service's name, as in paths and errors. */
  service: string;
  /** Where processes with its role listen, at least one. */
  urls: readonly string[];
  secret: string;
}

export interface RpcClient {
  /** Every method of the table, as a client of the same interface. Errors: what the service throws; `service_unavailable` when it cannot be reached. */
  methods<T>(table: MethodTable<T>, handles?: readonly Handle[]): T;
  /** Calls one method of every process, and gives what those answered that did. */
  everywhere<R>(method: string, rule: MethodRule, ...args: unknown[]): Promise<R[]>;
  /** Errors: `service_unavailable` when no process answers its health probe. */
  health(): Promise<void>;
}

const tries = 5;
const firstPauseMs = 50;
const longestPauseMs = 2_000;
const defaultTimeoutMs = 30_000;

export function createRpcClient(deps: RpcClientDeps): RpcClient {
  const { service, secret } = deps;
  const peers = createPeers(deps.urls);
  const prepare = (method: string, args: readonly unknown[], handles: readonly Handle[] = []): Prepared =>
    prepared(service, method, args, handles);

  /** Tries until an answer has begun; what comes after that is the caller's. */
  async function begin(call: Prepared, rule: MethodRule, deadlineMs: number, only?: Peer): Promise<Exchange> {
    if (deps.urls.length === 0) throw gone(service, new Error('no process of it is named'));
    for (let attempt = 1; ; attempt++) {
      const peer = only ?? peers.pick();
      const left = deadlineMs - performance.now();
      try {
        return await callOnce({ ...call, secret, peer, stream: rule.stream === true, timeoutMs: left });
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        const again = rule.repeatable || error.untouched;
        const pauseMs = Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
        if (!again || attempt >= tries || performance.now() + pauseMs >= deadlineMs) throw gone(service, error);
        await sleep(pauseMs, undefined, { signal: call.signal }).catch(() => {
          throw givenUp(call.signal);
        });
      }
    }
  }

  async function value(call: Prepared, rule: MethodRule, only?: Peer): Promise<unknown> {
    const deadlineMs = performance.now() + (rule.timeoutMs ?? defaultTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      const exchange = await begin(call, rule, deadlineMs, only);
      try {
        const frame = await exchange.next();
        if (frame.kind !== 'result') throw new Unanswered('the answer is none', false);
        return decodeValue(frame.text, call);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        if (!rule.repeatable || attempt >= tries || performance.now() >= deadlineMs) throw gone(service, error);
      } finally {
        exchange.close();
      }
    }
  }

  async function* items(call: Prepared, rule: MethodRule): AsyncGenerator<unknown, void, undefined> {
    const exchange = await begin(call, rule, performance.now() + defaultTimeoutMs);
    try {
      for (;;) {
        const frame = await exchange.next();
        if (frame.kind === 'done') return;
        if (frame.kind !== 'item') throw new Unanswered('the answer is none', false);
        yield decodeValue(frame.text, call);
        exchange.ask();
      }
    } catch (error) {
      throw error instanceof Unanswered ? gone(service, error) : error;
    } finally {
      exchange.close();
    }
  }

  return {
    methods<T>(table: MethodTable<T>, handles?: readonly Handle[]): T {
      const names = Object.keys(table) as (keyof T & string)[];
      const entries = names.map((name) => {
        const rule = table[name];
        if (rule.stream === true) return [name, (...args: unknown[]) => items(prepare(name, args, handles), rule)];
        return [name, async (...args: unknown[]) => value(prepare(name, args, handles), rule)];
      });
      return Object.fromEntries(entries) as T;
    },
    async everywhere<R>(method: string, rule: MethodRule, ...args: unknown[]): Promise<R[]> {
      const answers = peers.all().map(async (peer) => value(prepare(method, args), rule, peer) as Promise<R>);
      const settled = await Promise.allSettled(answers);
      return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    async health() {
      const probes = peers.all().map(async ({ url }) => {
        const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
        if (!answer.ok) throw new Error('not well');
      });
      await Promise.any(probes).catch((cause: unknown) => {
        throw gone(service, cause);
      });
    },
  };
}

interface Prepared {
  path: string;
  body: string;
  signal?: AbortSignal;
  handles: readonly Handle[];
  onCallback: (number: number, text: string) => void;
}

function prepared(service: string, method: string, args: readonly unknown[], handles: readonly Handle[]): Prepared {
  const callbacks: ((...args: never[]) => unknown)[] = [];
  const signals: AbortSignal[] = [];
  let last = args.length;
  while (last > 0 && args[last - 1] === undefined) last--;
  const body = encodeValue(args.slice(0, last), {
    handles,
    onFunction: (callback) => callbacks.push(callback) - 1,
    onSignal: (signal) => signals.push(signal),
  });
  return {
    path: `/internal/v1/${service}/${method}`,
    body,
    handles,
    ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
    onCallback: (number, text) => callbacks[number]?.(...(decodeValue(text) as never[])),
  };
}

function gone(service: string, cause: unknown): ChartlyError {
  if (cause instanceof ChartlyError) return cause;
  return new ChartlyError('service_unavailable', `The service ${service} does not answer.`, { cause, retryable: true });
}
