/** One call to an upstream: admitted, watched for silence and for the deadline, counted, and reported to the breaker. */
import { request as send, type Dispatcher } from 'undici';
import { asChartlyError, ChartlyError, type Clock } from '#kit';
import type { Metrics } from '#observer';
import type { Admission } from './admission.ts';
import type { CallOutcome } from './breaker.ts';
import { cancelledError } from './cancel.ts';
import type { Limits } from './limits.ts';
import { networkError } from './network-error.ts';
import { domainOf, type HttpRequest } from './request.ts';

/** The time that a page may still take on the wire and in backoff; waiting for admission is not counted. */
export interface Budget {
  leftMs: number;
}

export interface CallContext {
  sourceKey: string;
  limits: Limits;
  dispatcher: Dispatcher;
  budget: Budget;
  signal: AbortSignal;
}

export interface Answer {
  domain: string;
  status: number;
  /** A header's value; several lines joined by commas. */
  header: (name: string) => string | undefined;
  /** The body as on the wire. Throws `upstream_error` when it ends early, `upstream_timeout` when it stalls. */
  body: AsyncIterable<Uint8Array>;
  /** Reads a short body away, so that the connection can serve again; a long or failing one is cut off. */
  drain(): Promise<void>;
  /** Lets go of the body, read or not. */
  discard(): void;
  /** When the head arrived, ms. */
  at: number;
  /** Aborts with the call: at the deadline, on silence, and when the task is stopped. */
  signal: AbortSignal;
}

export interface HttpCaller {
  /** Sends, and gives the answer to `consume`, whose result it returns; the call counts as out until then. */
  call<T>(request: HttpRequest, context: CallContext, consume: (answer: Answer) => Promise<T>): Promise<T>;
}

export function createHttpCaller(deps: { admission: Admission; metrics: Metrics; clock: Clock }): HttpCaller {
  return {
    async call(request, context, consume) {
      const domain = domainOf(request.url);
      const { sourceKey, limits, signal } = context;
      const lease = await deps.admission.enter({ domain, sourceKey, limits, signal });
      const watch = startWatch(domain, request.method, context);
      const started = performance.now();
      let label = 'ok';
      let outcome: CallOutcome = 'neutral';
      try {
        const answer = await ask(request, domain, context, watch, deps.clock);
        label = labelOf(answer.status);
        const result = await consume(answer).finally(() => answer.discard());
        outcome = 'success';
        return result;
      } catch (error) {
        const failure = watch.reason() ?? asChartlyError(error);
        outcome = outcomeOf(failure, label);
        if (label === 'ok') label = failure.code;
        throw failure;
      } finally {
        const elapsed = performance.now() - started;
        watch.stop();
        context.budget.leftMs -= elapsed;
        deps.metrics.upstreamCall({ domain, outcome: label }, elapsed / 1000);
        lease.release(outcome);
      }
    },
  };
}

async function ask(
  request: HttpRequest,
  domain: string,
  context: CallContext,
  watch: Watch,
  clock: Clock,
): Promise<Answer> {
  const { method, headers } = request;
  let response: Dispatcher.ResponseData;
  try {
    watch.waiting(true);
    response = await send(request.url, {
      method,
      headers,
      body: request.body,
      dispatcher: context.dispatcher,
      signal: watch.signal,
    });
  } catch (error) {
    throw networkError(error, domain, method, 'head');
  } finally {
    watch.waiting(false);
  }
  const body = watched(response.body, watch, domain, method);
  return {
    domain,
    status: response.statusCode,
    header(name) {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body,
    drain: () => drain(body),
    discard: () => void response.body.on('error', () => {}).destroy(),
    at: clock.now(),
    signal: watch.signal,
  };
}

/** Silence is time spent waiting for the upstream, not time that we take to store what came. */
async function* watched(
  body: Dispatcher.ResponseData['body'],
  watch: Watch,
  domain: string,
  method: string,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      watch.waiting(true);
      const next = await chunks.next();
      watch.waiting(false);
      if (next.done) return;
      yield next.value as Uint8Array;
    }
  } catch (error) {
    throw watch.reason() ?? networkError(error, domain, method, 'body');
  }
}

const drainLimit = 16 * 1024;

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  let read = 0;
  try {
    for await (const chunk of body) {
      read += chunk.length;
      if (read > drainLimit) return;
    }
  } catch {
    // The answer's status says more than its broken body.
  }
}

interface Watch {
  signal: AbortSignal;
  /** Whether we wait for bytes; restarts the idle time. */
  waiting(is: boolean): void;
  /** Why the call was aborted, if it was. */
  reason(): ChartlyError | undefined;
  stop(): void;
}

function startWatch(domain: string, method: string, { limits, budget, signal }: CallContext): Watch {
  const controller = new AbortController();
  const timeout = (message: string) =>
    controller.abort(new ChartlyError('upstream_timeout', message, { retryable: method !== 'POST' }));
  const longest = 2 ** 31 - 1;
  const deadline = setTimeout(
    () => timeout(`The answer of ${domain} was not complete within ${limits.deadlineMs} ms.`),
    Math.min(longest, Math.max(0, budget.leftMs)),
  );
  let isWaiting = false;
  let stopped = false;
  const idle = setTimeout(
    () => {
      if (isWaiting) timeout(`The upstream ${domain} sent nothing for ${limits.timeoutMs} ms.`);
    },
    Math.min(longest, limits.timeoutMs),
  );
  const cancel = () => controller.abort(cancelledError(signal));
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    waiting(is) {
      isWaiting = is;
      if (is && !stopped) idle.refresh();
    },
    reason: () => (controller.signal.aborted ? (controller.signal.reason as ChartlyError) : undefined),
    stop() {
      clearTimeout(deadline);
      clearTimeout(idle);
      signal.removeEventListener('abort', cancel);
      stopped = true;
    },
  };
}

function labelOf(status: number): string {
  if (status === 304) return 'not_modified';
  if (status >= 400) return `http_${status}`;
  return status >= 300 ? 'redirect' : 'ok';
}

/** Answers that refuse are signs of life; what we stop or cannot store says nothing of the upstream. */
function outcomeOf(failure: ChartlyError, label: string): CallOutcome {
  if (label.startsWith('http_')) return label >= 'http_500' ? 'failure' : 'success';
  return ['upstream_error', 'upstream_unreachable', 'upstream_timeout'].includes(failure.code) ? 'failure' : 'neutral';
}
