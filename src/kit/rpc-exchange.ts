/** One request to one process and its answer. */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { callContext } from './call-context.ts';
import { ChartlyError } from './errors.ts';
import { fromProblem } from './rpc-problem.ts';
import { readFrame, readLines, silenceMs, turnedAwayHeader, type Frame } from './rpc-frames.ts';
import type { Peer } from './rpc-peers.ts';

/** No answer, or half of one. `untouched`: the other side has not begun anything. */
export class Unanswered extends Error {
  readonly untouched: boolean;

  constructor(message: string, untouched: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = 'Unanswered';
    this.untouched = untouched;
  }
}

export interface Call {
  peer: Peer;
  path: string;
  body: string;
  secret: string;
  /** Keep the request open, to ask for items. */
  stream: boolean;
  /** For all of it; of a stream, for its beginning. */
  timeoutMs: number;
  signal?: AbortSignal;
  onCallback: (number: number, text: string) => void;
}

export interface Exchange {
  /** The next frame that is no callback. Throws the error that the service threw; Unanswered; `cancelled`. */
  next(): Promise<Frame>;
  /** Asks for the next item of a stream. The first is asked for already. */
  ask(): void;
  /** Hangs up if the answer is not at its end. */
  close(): void;
}

const connectTimeoutMs = 5_000;
const agents = {
  'http:': new HttpAgent({ keepAlive: true, maxSockets: 256, timeout: 60_000 }),
  'https:': new HttpsAgent({ keepAlive: true, maxSockets: 256, timeout: 60_000 }),
};

/** Resolves when the answer has begun. Throws the problem that came instead; Unanswered when nothing came; `cancelled`. */
export async function callOnce(call: Call): Promise<Exchange> {
  const { signal, peer } = call;
  if (signal?.aborted === true) throw givenUp(signal);
  const wire = openWire(call);
  const hangUp = (): void => {
    wire.request.destroy(givenUp(signal));
  };
  signal?.addEventListener('abort', hangUp, { once: true });
  const timer = setTimeout(
    () => wire.request.destroy(new Unanswered('the time is up', false)),
    Math.max(1, call.timeoutMs),
  );
  const letGo = (): void => {
    signal?.removeEventListener('abort', hangUp);
    clearTimeout(timer);
  };
  try {
    const response = await wire.response;
    peer.answered();
    if (response.statusCode !== 200) throw await refusal(response, peer);
    // Of a stream each item has its own patience, of a value the whole has one.
    if (call.stream) clearTimeout(timer);
    return exchangeOf(call, wire.request, response, letGo);
  } catch (error) {
    letGo();
    throw wire.failure(error);
  }
}

interface Wire {
  request: ClientRequest;
  response: Promise<IncomingMessage>;
  failure(error: unknown): unknown;
}

function openWire({ peer, path, body, secret, stream, signal }: Call): Wire {
  const url = new URL(peer.url + path);
  const context = callContext();
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    agent: agents[url.protocol as keyof typeof agents],
    headers: {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/x-ndjson',
      ...(stream ? {} : { 'content-length': Buffer.byteLength(body) + 1 }),
      ...(context === undefined ? {} : { 'x-request-id': context.requestId }),
      ...(context?.traceparent === undefined ? {} : { traceparent: context.traceparent }),
    },
  });
  let connected = false;
  request.on('socket', (socket) => {
    if (!socket.connecting) return void (connected = true);
    const late = setTimeout(() => request.destroy(new Error('no connection in time')), connectTimeoutMs);
    socket.once('close', () => clearTimeout(late));
    socket.once('connect', () => {
      connected = true;
      clearTimeout(late);
    });
  });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
  request.setTimeout(silenceMs, () => request.destroy(new Error('silence')));
  if (stream) request.write(`${body}\n\n`);
  else request.end(`${body}\n`);
  return {
    request,
    response,
    failure(error) {
      if (signal?.aborted === true) return givenUp(signal);
      if (error instanceof ChartlyError || error instanceof Unanswered) return error;
      peer.failed();
      return new Unanswered('no answer', !connected, error);
    },
  };
}

function exchangeOf(call: Call, request: ClientRequest, response: IncomingMessage, letGo: () => void): Exchange {
  const lines = readLines(response);
  let over = false;
  const lost = (cause: unknown): unknown => {
    if (call.signal?.aborted === true) return givenUp(call.signal);
    if (cause instanceof ChartlyError || cause instanceof Unanswered) return cause;
    return new Unanswered('the answer broke off', false, cause);
  };
  return {
    async next() {
      for (;;) {
        const line = await lines.next().catch((error: unknown) => {
          throw lost(error);
        });
        if (line.done === true) throw lost(undefined);
        const frame = readFrame(line.value);
        if (frame === undefined) continue;
        if (frame.kind === 'callback') {
          call.onCallback(frame.number, frame.text);
          continue;
        }
        over = frame.kind !== 'item';
        if (frame.kind !== 'problem') return frame;
        throw fromProblem(JSON.parse(frame.text)) ?? lost(undefined);
      }
    },
    ask() {
      request.write('\n');
    },
    close() {
      letGo();
      if (!over) {
        request.destroy();
        return;
      }
      if (call.stream) request.end();
      // Read to its end, so that the connection can be used again.
      void Array.fromAsync(lines).catch(() => {});
    },
  };
}

/** What a process answered instead of taking the call. */
async function refusal(response: IncomingMessage, peer: Peer): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  if (response.headers[turnedAwayHeader] !== undefined) {
    peer.failed();
    return new Unanswered('the process is stopping', true);
  }
  try {
    return fromProblem(JSON.parse(Buffer.concat(chunks).toString())) ?? new Unanswered('not one of ours', false);
  } catch (cause) {
    return new Unanswered('not one of ours', false, cause);
  }
}

export function givenUp(signal: AbortSignal | undefined): ChartlyError {
  return new ChartlyError('cancelled', 'The call was given up.', { cause: signal?.reason });
}
