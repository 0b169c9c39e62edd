/**
 * Who may call an upstream now. One queue per domain (host:port), first come first served: a call passes when the domain's
 * breaker lets it, fewer calls than allowed are out, and the rates of its source and of the domain allow it. A call that
 * waits for its own source's rate does not hold up other sources.
 */
import { ChartlyError } from '#kit';
import { createBreaker, type Breaker, type BreakerState, type CallOutcome } from './breaker.ts';
import { cancelledError } from './cancel.ts';
import { createGcra, type Gcra } from './gcra.ts';
import type { Limits } from './limits.ts';

export interface AdmissionRequest {
  domain: string;
  /** Names the source within the installation (tenant and source). */
  sourceKey: string;
  limits: Limits;
  signal: AbortSignal;
}

/** A place among the calls that are out. To be given back exactly once. */
export interface Lease {
  release(outcome: CallOutcome): void;
}

export interface Admission {
  /** Waits for a place. Errors: `breaker_open` (with the time to stay away), `cancelled`. */
  enter(request: AdmissionRequest): Promise<Lease>;
  domains(): { domain: string; breaker: BreakerState; inFlight: number; failures: number }[];
}

export interface AdmissionOptions {
  /** Milliseconds that only ever grow (default performance.now): a wall clock that is set must not move limits. */
  monotonicMs?: () => number;
  /** Requests a second to one domain, over all sources (default 50), and how many may come at once (default 10). */
  domainRate?: number;
  domainBurst?: number;
  onBreaker(domain: string, state: BreakerState): void;
}

interface Waiter {
  request: AdmissionRequest;
  admit(lease: Lease): void;
  refuse(error: ChartlyError): void;
}

interface Domain {
  name: string;
  breaker: Breaker;
  rate: Gcra;
  inFlight: number;
  queue: Waiter[];
  timer: NodeJS.Timeout | undefined;
}

/** Admission for one process; the state lives in memory. */
export function createAdmission(options: AdmissionOptions): Admission {
  const domainRate = options.domainRate ?? 50;
  const domainBurst = options.domainBurst ?? 10;
  const domains = new Map<string, Domain>();
  const sources = new Map<string, Gcra>();
  const now = options.monotonicMs ?? (() => performance.now());

  const domainOf = (name: string): Domain => {
    let domain = domains.get(name);
    if (domain === undefined) {
      forgetIdle(domains);
      const breaker = createBreaker((state) => options.onBreaker(name, state));
      domain = { name, breaker, rate: createGcra(), inFlight: 0, queue: [], timer: undefined };
      domains.set(name, domain);
    }
    return domain;
  };

  const sourceRate = (key: string): Gcra => {
    let rate = sources.get(key);
    if (rate === undefined) sources.set(key, (rate = createGcra()));
    return rate;
  };

  const lease = (domain: Domain, { limits }: AdmissionRequest): Lease => {
    const probe = domain.breaker.enter();
    domain.inFlight++;
    let held = true;
    return {
      release(outcome) {
        if (!held) return;
        held = false;
        domain.inFlight--;
        domain.breaker.report(now(), outcome, breakerPolicy(limits), probe);
        pump(domain);
      },
    };
  };

  /** Passes everyone who may pass, refuses everyone if the breaker says so, and looks again when a rate allows. */
  const pump = (domain: Domain): void => {
    clearTimeout(domain.timer);
    let wait = Infinity;
    const waiting = domain.queue;
    domain.queue = [];
    for (const [i, waiter] of waiting.entries()) {
      const { limits, sourceKey } = waiter.request;
      const refusal = domain.breaker.refusal(now(), breakerPolicy(limits));
      if (refusal > 0) {
        waiter.refuse(breakerError(domain.name, refusal));
        continue;
      }
      const domainDelay = domain.rate.delay(now(), domainRate, domainBurst);
      if (domain.inFlight >= limits.concurrency || domainDelay > 0) {
        if (domainDelay > 0) wait = Math.min(wait, domainDelay);
        domain.queue.push(...waiting.slice(i));
        break;
      }
      const source = sourceRate(sourceKey);
      const sourceDelay = source.delay(now(), limits.ratePerSecond);
      if (sourceDelay > 0) {
        wait = Math.min(wait, sourceDelay);
        domain.queue.push(waiter);
        continue;
      }
      domain.rate.take(now(), domainRate);
      source.take(now(), limits.ratePerSecond);
      waiter.admit(lease(domain, waiter.request));
    }
    if (wait < Infinity) domain.timer = setTimeout(pump, Math.min(Math.ceil(wait), 60_000), domain);
  };

  return {
    enter: (request) =>
      new Promise((resolve, reject) => {
        const { signal } = request;
        if (signal.aborted) return reject(cancelledError(signal));
        const domain = domainOf(request.domain);
        const stop = () => {
          domain.queue = domain.queue.filter((other) => other !== waiter);
          reject(cancelledError(signal));
          pump(domain);
        };
        const settled = () => signal.removeEventListener('abort', stop);
        const waiter: Waiter = {
          request,
          admit: (granted) => (settled(), resolve(granted)),
          refuse: (error) => (settled(), reject(error)),
        };
        signal.addEventListener('abort', stop, { once: true });
        domain.queue.push(waiter);
        pump(domain);
      }),
    domains: () =>
      [...domains.values()].map(({ name, breaker, inFlight }) => ({
        domain: name,
        breaker: breaker.state(),
        inFlight,
        failures: breaker.failures(),
      })),
  };
}

function breakerPolicy(limits: Limits) {
  return { failures: limits.breakerFailures, openMs: limits.breakerOpenMs };
}

function breakerError(domain: string, retryAfterMs: number): ChartlyError {
  return new ChartlyError('breaker_open', `Calls to ${domain} are paused after repeated failures.`, {
    retryable: true,
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}

/** Redirects can name any number of domains: those that hold no news are forgotten. */
function forgetIdle(domains: Map<string, Domain>): void {
  if (domains.size < 1000) return;
  for (const [name, d] of domains) {
    const idle = d.inFlight === 0 && d.queue.length === 0;
    if (idle && d.breaker.state() === 'closed' && d.breaker.failures() === 0) domains.delete(name);
  }
}
